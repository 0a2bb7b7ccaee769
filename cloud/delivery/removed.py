"""Consumers that the configuration no longer names, while they hold warnings that are in force: removed, or renamed.

They hear no more of what they were told. That is said aloud until what they have has expired by itself; who was only
renamed takes up what was known of it under the old name.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Engine, or_, select, true

from cloud.delivery.tables import deliveries, maintenance_deliveries, sinks
from cloud.warnings.model import MsgType
from cloud.warnings.tables import messages


@dataclass(frozen=True, slots=True)
class Removed:
    """sink: its old name. until_ms: by incident, when the newest message that it has, or may have, expires, UTC."""

    sink: str
    until_ms: dict[str, int]

    def trouble(self, now_ms: int) -> str:
        """What an operator is to know; empty when there is nothing (any more)."""
        count = sum(ms > now_ms for ms in self.until_ms.values())
        if not count:
            return ""
        return (
            f"it is no longer in the configuration, and was told of {count} incidents in force: it hears no more of "
            "them. Tell it yourself, put it back, or where it has another name now, stop the cloud and write "
            f"`headwater-cloud sink rename {self.sink} NEW`"
        )


def removed(ledger: Engine, names: Collection[str], now_ms: int) -> list[Removed]:
    """By name. names: of the configuration. Raises SQLAlchemyError while the ledger is out of reach."""
    d, m = deliveries.c, messages.c
    has = or_(d.delivered_ms.is_not(None), d.perhaps == true())
    query = select(d.sink, m.incident, m.msg_type, m.expires_ms).join(messages, m.id == d.message)
    found: dict[str, dict[str, int]] = {}
    with ledger.connect() as db:
        for sink, incident, kind, expires_ms in db.execute(query.where(d.sink.not_in(names), has).order_by(m.number)):
            over = kind == MsgType.CANCEL.value or expires_ms is None or expires_ms <= now_ms
            found.setdefault(sink, {})[incident] = 0 if over else expires_ms
    left = [Removed(sink, {i: ms for i, ms in until.items() if ms}) for sink, until in sorted(found.items())]
    return [r for r in left if r.until_ms]


class AlreadyBegun(Exception):
    """The new name has deliveries of its own: two pasts cannot be made one."""


def rename(ledger: Engine, old: str, new: str) -> int:
    """What is known of a consumer goes on under its new name. How many deliveries that are. Raises AlreadyBegun."""
    with ledger.begin() as db:
        if db.execute(select(deliveries.c.message).where(deliveries.c.sink == new).limit(1)).first() is not None:
            raise AlreadyBegun
        for table in (maintenance_deliveries, deliveries):
            moved = db.execute(table.update().where(table.c.sink == old).values(sink=new)).rowcount
        if db.execute(select(sinks.c.name).where(sinks.c.name == new)).first() is None:
            db.execute(sinks.update().where(sinks.c.name == old).values(name=new))
    return moved
