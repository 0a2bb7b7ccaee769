"""What each sink has been told of maintenance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "maintenance_deliveries",
        sa.Column("sink", sa.String(64), primary_key=True),
        sa.Column("notice", sa.String(200), primary_key=True),
        sa.Column("part", sa.String(8), primary_key=True),
        sa.Column("first_ms", sa.BigInteger, nullable=False),
        sa.Column("done_ms", sa.BigInteger),
        sa.Column("set_aside", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("receipt", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """The older release keeps no record of it."""
    op.drop_table("maintenance_deliveries")
