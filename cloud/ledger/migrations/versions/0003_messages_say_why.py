"""A message says for what it was sent, until when it holds, its status, and what it tells of each place.

Of the messages that are there already nothing of it is known: the columns stay null.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("messages") as batch:
        batch.add_column(sa.Column("why", sa.String(32)))
        batch.add_column(sa.Column("expires_ms", sa.BigInteger))
        batch.add_column(sa.Column("status", sa.String(16)))
        batch.add_column(sa.Column("evidence", sa.Text))


def downgrade() -> None:
    with op.batch_alter_table("messages") as batch:
        for name in ("evidence", "status", "expires_ms", "why"):
            batch.drop_column(name)
