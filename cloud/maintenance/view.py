"""The maintenance notices as a view of the log: behind it, a slow or broken one holds up no warning."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.exc import OperationalError

from cloud.log.base import START, Cursor, Entry, EntryKind
from cloud.maintenance import tables as t
from cloud.maintenance.engine import Entries, Maintenance, State
from cloud.maintenance.model import MaintenanceNotice
from cloud.maintenance.reader import LedgerMaintenance
from cloud.views.base import RetryLater
from cloud.views.decode import origins_of, readings_and_entries
from cloud.warnings.results import replace
from contract.catalogue.catalogue import Catalogue

NAME = "maintenance"
log = logging.getLogger(__name__)

_KEEP_MS = 300_000  # of the log's time: so long is what no notice came of applied again after a crash
_KEEP_ENTRIES = 20_000


class MaintenanceView:
    """A `View`. Notices and the state that they come of are written at once, with the cursor: none comes twice.

    on_notices: called with those that opened or closed, when they are in the ledger. still_ms: as the engine takes it.
    Raises RetryLater when the ledger is out of reach.
    """

    name = NAME

    def __init__(
        self,
        ledger: sqlalchemy.Engine,
        catalogue: Catalogue,
        on_notices: Callable[[Sequence[MaintenanceNotice]], None] = lambda _: None,
        still_ms: int = 0,
    ) -> None:
        self._ledger, self._engine, self._on_notices = ledger, Maintenance(catalogue, still_ms), on_notices
        self.reader = LedgerMaintenance(ledger)
        self._state: State
        self._cursor: Cursor
        self._sound = True  # False: a defect or an absent ledger ended a step half-way
        self._load()

    def cursor(self) -> Cursor:
        return self._cursor

    def apply(self, entries: Sequence[Entry]) -> None:
        if not self._sound:
            self._load()
            raise RetryLater("the maintenance notices go on from where they were stored")
        if not entries:
            return
        self._sound = False
        batch, entry = readings_and_entries(entries)
        gateways = [e.gateway if e.kind is EntryKind.BATCH else "" for e in entries]
        taken = Entries(batch, entry, [e.now_ms for e in entries], gateways, origins_of(entries))
        self._state, found = self._engine.step(self._state, taken)
        self._cursor = entries[-1].offset
        self._unkept += len(entries)
        if found or self._unkept >= _KEEP_ENTRIES or abs(self._state.now_ms - self._kept_ms) >= _KEEP_MS:
            self._keep([notice for _, notice in found])
        self._sound = True
        if found:
            self._on_notices([notice for _, notice in found])

    def reset(self) -> None:
        """What is over is a record and stays; what is open, and all that is found again, comes of the log."""
        with self._ledger.begin() as db:
            forget(db)
        self._load()

    def close(self) -> None:
        if self._sound and self._unkept:
            try:
                self._keep([])
            except RetryLater as error:
                log.warning("how the maintenance notices stand is not written, what was before holds: %s", error)

    def _keep(self, found: Sequence[MaintenanceNotice]) -> None:
        row = {"name": NAME, "cursor": self._cursor, "body": self._engine.dump(self._state)}
        try:
            with self._ledger.begin() as db:
                replace(db, t.notices, _rows(db, found))
                replace(db, t.state, [row])
        except OperationalError as error:
            raise RetryLater(f"the ledger is out of reach: {error.orig}") from error
        self._unkept, self._kept_ms = 0, self._state.now_ms

    def _load(self) -> None:
        try:
            with self._ledger.connect() as db:
                row = db.execute(select(t.state).where(t.state.c.name == NAME)).first()
        except OperationalError as error:
            raise RetryLater(f"the ledger is out of reach: {error.orig}") from error
        self._state, self._cursor = self._engine.initial(), START
        if row is not None:
            try:
                self._state, self._cursor = self._engine.restore(bytes(row.body)), Cursor(row.cursor)
            except (LookupError, TypeError, ValueError) as error:
                log.warning("how the maintenance notices stood cannot be read (%s): the log tells it again", error)
        self._unkept, self._kept_ms, self._sound = 0, self._state.now_ms, True


def stored_cursor(db: Connection) -> Cursor | None:
    """Up to where the notices hold the log; None where none were ever looked for."""
    found = db.execute(select(t.state.c.cursor).where(t.state.c.name == NAME)).scalar()
    return None if found is None else Cursor(found)


def forget(db: Connection) -> None:
    """How the view stands, and what is open; the log tells it again. What consumers were told of it stays known."""
    db.execute(t.state.delete())
    db.execute(t.notices.delete().where(t.notices.c.closed_ms.is_(None)))


def forget_closed(db: Connection, before_ms: int) -> int:
    """Notices that closed before go; the newest number stays, so that none is given twice. How many went."""
    newest = select(func.max(t.notices.c.number)).scalar_subquery()
    old = t.notices.delete().where(t.notices.c.closed_ms < before_ms, t.notices.c.number < newest)
    return db.execute(old).rowcount


def _are(found: Sequence[MaintenanceNotice]) -> ColumnElement[bool]:
    return t.notices.c.id.in_([notice.id for notice in found])


def _rows(db: Connection, found: Sequence[MaintenanceNotice]) -> list[dict[str, object]]:
    """The newest of each notice, numbered on from the last in the ledger. One that is over there stays as it is:
    the log is read again, and nobody is to be told of what is long past."""
    over = set(db.execute(select(t.notices.c.id).where(_are(found), t.notices.c.closed_ms.is_not(None))).scalars())
    newest = {notice.id: notice for notice in found if notice.id not in over}
    number = db.execute(select(func.max(t.notices.c.number))).scalar() or 0 if found else 0
    return [
        {
            "id": notice.id,
            "number": number + n,
            "audience": notice.kind.audience.value,
            "opened_ms": notice.opened_ms,
            "closed_ms": notice.closed_ms,
            "body": json.dumps(notice.as_json()),
        }
        for n, notice in enumerate(newest.values(), 1)
    ]
