"""Which maintenance notice a consumer is told next. It follows from the ledger: no kill loses one, no rebuild tells one
again.

An opening goes out while the notice is open, once the consumer's delay is over; its end to who was told, or may have
been told, of the opening. So who comes back after a day hears of what is wrong now, and of the end of what it knew of.
Notices go one at a time, the oldest change first.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, FromClause, and_, false, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from cloud.delivery import notice as notices
from cloud.delivery.base import Refused
from cloud.delivery.maintenance_wants import ALL_AT_ONCE, MaintenanceSettings
from cloud.delivery.notice import Notice
from cloud.delivery.tables import maintenance_deliveries
from cloud.delivery.wants import Kind, Wants
from cloud.maintenance.model import MaintenanceNotice
from cloud.maintenance.tables import notices as told_of
from contract.clock import Clock

log = logging.getLogger(__name__)

OPENING, END = "opening", "end"
_REFUSALS = 5
_LONGEST_MS = 300_000

ZoneOf = Callable[[str], str | None]


def _no_zone(_station: str) -> None:
    return None


class MaintenanceQueue:
    """Of one sink; its methods are for one thread. Raises SQLAlchemyError while the ledger is out of reach.

    zone_of: the zone of a station by its id, None when it is not known. pause_ms: after a failed try, by the clock; it
    doubles up to five minutes. which: of the notices, and how long after they opened.
    """

    def __init__(
        self,
        ledger: Engine,
        sink: str,
        wants: Wants,
        clock: Clock,
        zone_of: ZoneOf = _no_zone,
        pause_ms: int = 10_000,
        which: MaintenanceSettings = ALL_AT_ONCE,
    ) -> None:
        self._ledger, self._sink, self._wants, self._clock = ledger, sink, wants, clock
        self._zone_of, self._pause_ms, self._which = zone_of, pause_ms, which
        n, opening, end = told_of, maintenance_deliveries.alias(), maintenance_deliveries.alias()
        joined: FromClause = n
        for of, part in ((opening, OPENING), (end, END)):
            joined = joined.outerjoin(of, and_(of.c.sink == sink, of.c.notice == n.c.id, of.c.part == part))
        untold = and_(n.c.closed_ms.is_(None), opening.c.done_ms.is_(None))
        knows = and_(opening.c.notice.is_not(None), opening.c.set_aside == false())
        unended = and_(n.c.closed_ms.is_not(None), knows, end.c.done_ms.is_(None))
        self._waits = (
            select(n.c.id, n.c.body, opening.c.notice.label("begun"))
            .select_from(joined)
            .where(or_(untold, unended))
            .order_by(n.c.number)
        )
        table = maintenance_deliveries
        put = (postgresql.insert if ledger.dialect.name == "postgresql" else sqlite.insert)(table)
        key = table.primary_key.columns
        self._begun = put.on_conflict_do_nothing(index_elements=key)
        done = {name: put.excluded[name] for name in ("done_ms", "set_aside", "receipt")}
        self._done = put.on_conflict_do_update(index_elements=key, set_=done)
        self._seen: int | None = None  # the newest number when nothing was due
        self._later_ms: int | None = None  # when the next one is, by the clock's monotonic time; None: none is known
        self._under_way: tuple[str, str] | None = None
        self._result: dict[str, Any] | None = None  # yet to be written down
        self._tries: dict[tuple[str, str], int] = {}  # refusals
        self._fails = self._due_ms = 0
        self.trouble = ""  # why the consumer takes none; empty when it does
        self.troubled_ms: int | None = None  # since when, by the clock's monotonic time

    def next(self) -> Notice | None:
        """What to send now. It counts as under way until `came_to`, and from before it is sent the
        ledger says that the consumer may have it."""
        if Kind.MAINTENANCE not in self._wants.kinds:
            return None
        self.write()
        if self._under_way is not None or self._clock.monotonic_ms() < self._due_ms:
            return None
        with self._ledger.connect() as db:
            newest = db.execute(select(func.max(told_of.c.number))).scalar() or 0
            if newest == self._seen and (self._later_ms is None or self._clock.monotonic_ms() < self._later_ms):
                return None
            notice = self._next(db)
            db.commit()
        self._seen = newest if notice is None else None
        return notice

    def _next(self, db: Connection) -> Notice | None:
        self._later_ms = None
        for row in db.execute(self._waits).all():
            try:
                found = MaintenanceNotice.from_json(json.loads(row.body))
            except (LookupError, TypeError, ValueError) as error:  # damaged, or of a newer release
                log.warning("maintenance notice %s cannot be read from the ledger: %s", row.id, error)
                continue
            if row.begun is None and not self._wanted(found):
                continue
            key = (found.id, OPENING if found.closed_ms is None else END)
            db.execute(self._begun, self._row(key, ""))
            self._under_way = key
            return notice_of(found)
        return None

    def _wanted(self, found: MaintenanceNotice) -> bool:
        """Is it to be told now? A notice whose zone is not known, as that of a gateway, is of all zones."""
        zone = None if found.station is None else self._zone_of(found.station)
        now_ms = self._clock.now_ms()
        due_ms = self._which.due_ms(found, now_ms)
        if due_ms is None or (self._wants.zones and zone is not None and zone not in self._wants.zones):
            return False
        if due_ms <= now_ms:
            return True
        later_ms = self._clock.monotonic_ms() + due_ms - now_ms
        self._later_ms = later_ms if self._later_ms is None else min(self._later_ms, later_ms)
        return False

    def came_to(self, error: Exception | None, wait_ms: int = 0) -> None:
        """Of the one under way. error: why the consumer did not take it, None when it did. What it refuses five times
        is set aside, and the next one's turn comes; all else is tried again, however long that takes. wait_ms: how long
        it asked not to be called."""
        if error is None:
            self._settle("taken", set_aside=False)
        elif isinstance(error, Refused):
            self._refused(str(error))
        else:
            self._failed(str(error), wait_ms)

    def _refused(self, why: str) -> None:
        assert self._under_way is not None
        tries = self._tries[self._under_way] = self._tries.get(self._under_way, 0) + 1
        if tries < _REFUSALS:
            self._failed(why)
            return
        log.error("sink %s refuses maintenance notice %s, which is set aside: %s", self._sink, self._under_way[0], why)
        self._settle(why, set_aside=True)

    def _failed(self, why: str, wait_ms: int = 0) -> None:
        now_ms = self._clock.monotonic_ms()
        self._under_way, self._seen = None, None
        self._due_ms = now_ms + max(min(self._pause_ms * 2 ** min(self._fails, 10), _LONGEST_MS), wait_ms)
        self._fails += 1
        self.trouble = f"maintenance notices are not taken: {why}"
        self.troubled_ms = now_ms if self.troubled_ms is None else self.troubled_ms

    def write(self) -> None:
        """What is done into the ledger."""
        if self._result is not None:
            with self._ledger.begin() as db:
                db.execute(self._done, self._result)
            self._result = self._under_way = None

    def _settle(self, receipt: str, *, set_aside: bool) -> None:
        assert self._under_way is not None
        self._tries.pop(self._under_way, None)
        done = {"done_ms": self._clock.now_ms(), "set_aside": set_aside}
        self._result = self._row(self._under_way, receipt) | done
        self._fails = self._due_ms = 0
        self.trouble, self.troubled_ms, self._seen = "", None, None

    def _row(self, key: tuple[str, str], receipt: str) -> dict[str, Any]:
        row = {"sink": self._sink, "notice": key[0], "part": key[1], "first_ms": self._clock.now_ms()}
        return {**row, "done_ms": None, "set_aside": False, "receipt": receipt}


def notice_of(found: MaintenanceNotice) -> Notice:
    """As consumers are told it: that it is so, or that it is over. The same id at each try."""
    over = found.closed_ms is not None
    what = f"{found.place}: {'over: ' if over else ''}{found.kind.en}"
    sent_ms = found.opened_ms if found.closed_ms is None else found.closed_ms
    return notices.maintenance(f"{found.id}-over" if over else found.id, what, sent_ms, found.told())


def forget_notices(db: Connection, before_ms: int) -> int:
    """What consumers were told, before then, of notices that the ledger no longer holds. How many rows went."""
    d = maintenance_deliveries
    gone = d.c.notice.not_in(select(told_of.c.id))
    return db.execute(d.delete().where(d.c.first_ms < before_ms, gone)).rowcount
