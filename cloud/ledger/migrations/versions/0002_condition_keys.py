"""Conditions go by target and rule; changes of them and late readings say which.

Until now there was one rule a channel, and the channel was the key. Which rule that was is not stored: the rows keep an
empty name, and the warnings' view gives them the rule that watches the channel when it reads them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.rename_table("condition_state", "condition_state_by_channel")
    op.create_table(
        "condition_state",
        sa.Column("target", sa.String(80), primary_key=True),
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.execute(
        "insert into condition_state (target, rule, body)"
        " select 'channel/' || channel, '', body from condition_state_by_channel"
    )
    op.drop_table("condition_state_by_channel")
    for table in ("condition_changes", "late_readings"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("rule", sa.String(64)))
            batch.add_column(sa.Column("target", sa.String(80)))
            if table == "condition_changes":  # what is of a station or a zone may rest on no channel
                batch.alter_column("channel", existing_type=sa.BigInteger, nullable=True)
    op.execute("update condition_changes set target = 'channel/' || channel")
    op.execute("update late_readings set target = 'channel/' || channel")


def downgrade() -> None:
    """Of several rules on a channel one is kept, the first by name; what is of stations and zones goes."""
    op.rename_table("condition_state", "condition_state_by_key")
    op.create_table(
        "condition_state",
        sa.Column("channel", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.execute(
        "insert into condition_state (channel, body)"
        " select cast(substr(target, 9) as bigint), body from condition_state_by_key as mine"
        " where target like 'channel/%' and rule ="
        " (select min(rule) from condition_state_by_key as all_of_it where all_of_it.target = mine.target)"
    )
    op.drop_table("condition_state_by_key")
    op.execute("delete from condition_changes where channel is null")
    for table in ("condition_changes", "late_readings"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("target")
            batch.drop_column("rule")
            batch.alter_column("channel", existing_type=sa.BigInteger, nullable=False)
