"""Deliveries say why a message does not go out and whether a consumer may have it; a row a sink says how it is set.

What older releases delivered stays delivered. Rows with `given_up_ms` and nothing noted are of a consumer that answered
410: what of them is in force goes out again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("noted", sa.String(16)))
    op.add_column("deliveries", sa.Column("perhaps", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "sinks",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("off_by", sa.String(128)),
        sa.Column("off_ms", sa.BigInteger),
        sa.Column("asked", sa.Integer, nullable=False, server_default="0"),
        sa.Column("gone_ms", sa.BigInteger),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
    )


def downgrade() -> None:
    """The older release would deliver what was noted, late and out of order: it counts as delivered there."""
    op.drop_table("sinks")
    op.execute("update deliveries set delivered_ms = given_up_ms where noted is not null and delivered_ms is null")
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_column("perhaps")
        batch.drop_column("noted")
