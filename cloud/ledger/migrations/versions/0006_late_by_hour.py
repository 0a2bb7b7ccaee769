"""Of each condition and hour one late reading stands in the ledger: the worst that came.

Rows that are there already stay as they are, several an hour; their hour stays null.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_INDEX = "late_readings_of_hour"


def upgrade() -> None:
    op.add_column("late_readings", sa.Column("hour", sa.BigInteger))
    op.create_index(_INDEX, "late_readings", ["target", "rule", "hour"], unique=True)


def downgrade() -> None:
    op.drop_index(_INDEX, "late_readings")
    with op.batch_alter_table("late_readings") as batch:
        batch.drop_column("hour")
