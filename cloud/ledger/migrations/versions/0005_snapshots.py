"""Conditions are kept as a snapshot; messages, changes and late readings say which entry of the log they are of.

Of rows that are there already the entry is not known: the columns stay null. Conditions that stand in rows are read
from them, until the first snapshot takes their place.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_RESULTS = ("messages", "condition_changes", "late_readings")


def upgrade() -> None:
    op.create_table(
        "snapshots",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("part", sa.String(16), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    for table in _RESULTS:
        op.add_column(table, sa.Column("entry", sa.BigInteger))
        op.add_column(table, sa.Column("ordinal", sa.Integer))
        op.create_index(f"{table}_of_entry", table, ["entry", "ordinal"], unique=True)


def downgrade() -> None:
    """The older release finds conditions again from the log, as after `view rebuild warnings`.

    What it is not to clear without a reading, because the log may no longer know of it, is what open incidents rest on.
    """
    for table in _RESULTS:
        op.drop_index(f"{table}_of_entry", table)
        with op.batch_alter_table(table) as batch:
            batch.drop_column("ordinal")
            batch.drop_column("entry")
    db = op.get_bind()
    some = db.execute(sa.text("select count(*) from snapshots where name = 'warnings'")).scalar()
    state = db.execute(sa.text("select state from view_state where name = 'warnings'")).scalar()
    if state is not None and (some or json.loads(state).get("snapshots")):
        head = {**json.loads(state), "rebuild": True}
        head.pop("snapshots", None)
        db.execute(sa.text("update view_state set state = :state where name = 'warnings'"), {"state": json.dumps(head)})
        db.execute(sa.text("delete from condition_state"))
        held: dict[tuple[str, str], str] = {}
        for (body,) in db.execute(sa.text("select body from open_incidents")).all():
            for e in json.loads(body)["incident"]["evidence"]:
                target = e.get("target") or f"channel/{e['channel']}"
                held[target, e.get("rule", "")] = json.dumps(_condition(e, target))
        put = sa.text("insert into condition_state (target, rule, body) values (:target, :rule, :body)")
        for (target, rule), body in held.items():
            db.execute(put, {"target": target, "rule": rule, "body": body})
    op.drop_table("snapshots")


def _condition(e: dict[str, Any], target: str) -> dict[str, Any]:
    """In the form of a release that remembered no findings, which every later one reads."""
    since_ms = e.get("since_ms") or e["time_ms"] or 0
    return {
        "rule": e.get("rule", ""),
        "target": target,
        "channel": e["channel"],
        "state": e["state"],
        "level": e["level"],
        "since_ms": since_ms,
        "reason": "on_delay_over",
        "reading_ms": e["time_ms"],
        "value": e["value"],
        "suspect": False,
        "unusable": False,
        "latches": {e["level"]: {"above_ms": None, "set_ms": since_ms}},
    }
