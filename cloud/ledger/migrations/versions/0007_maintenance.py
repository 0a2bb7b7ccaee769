"""Maintenance notices, and how the view that finds them stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "maintenance_notices",
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("audience", sa.String(16), nullable=False),
        sa.Column("opened_ms", sa.BigInteger, nullable=False),
        sa.Column("closed_ms", sa.BigInteger),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("maintenance_notices_opened", "maintenance_notices", ["opened_ms"])
    op.create_table(
        "maintenance_state",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """The older release knows no maintenance notices."""
    op.drop_table("maintenance_state")
    op.drop_index("maintenance_notices_opened", "maintenance_notices")
    op.drop_table("maintenance_notices")
