"""The warnings as a view of the log: the engine's state, what came of it, and how far all of that is kept."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy
from sqlalchemy.exc import OperationalError

from cloud.ledger.open import reading
from cloud.log.base import Cursor, Entry
from cloud.views.base import RetryLater
from cloud.warnings import snapshots, store
from cloud.warnings.engine import Engine, EngineState, Outcome
from cloud.warnings.reader import LedgerReader
from cloud.warnings.results import Results, results
from cloud.warnings.settings import WarningSettings
from cloud.warnings.store import Kept, Mark, Writing
from cloud.warnings.waiting import Waiting, waiting_of
from contract.catalogue.catalogue import Catalogue
from contract.conditions.reconciling import after_rebuild, after_recall

NAME = store.NAME
log = logging.getLogger(__name__)

SNAPSHOT_S = 1.0
_BYTES_PER_S = 500_000  # what snapshots may write to the disk: large ones come less often
_ENTRIES = 2000  # in any case, whatever time the log tells
_LOOKED_MS = 10_000  # of the log's time: how far it was looked at is written then, though nothing came of it


class WarningsView:
    """A `View`. `apply` in one thread; `reader` answers from any.

    Raises RetryLater when the ledger is out of reach; nothing is lost then: what was to be written waits for it.
    on_messages: called when new messages are in the ledger, so that whoever delivers them need not look for them.
    snapshot_s: how often conditions are stored, in the log's time; entries since are applied again after a crash. Those
    of the last ten seconds of which nothing came are then looked at as if for the first time, by the rules of then.
    """

    name = NAME

    def __init__(
        self,
        ledger: sqlalchemy.Engine,
        catalogue: Catalogue,
        settings: WarningSettings,
        on_messages: Sequence[Callable[[], None]] = (),
        snapshot_s: float = SNAPSHOT_S,
    ) -> None:
        self._ledger = ledger
        self._engine = Engine(catalogue, settings)
        self._on_messages = tuple(on_messages)
        self._least_ms = snapshot_s * 1000
        self._state: EngineState
        self._cursor: Cursor  # up to where entries are applied, and what came of them stored
        self._kept: Kept | None  # while entries of the past are recalled
        self._stepping: bool  # is the state in memory neither what was stored nor what is to be written?
        self._writing: tuple[Writing, Sequence[Outcome]] | None = None
        self._marks: dict[str, Mark]  # of the open incidents as they are stored
        self._head: Mapping[str, Any]  # as it is stored
        self._written_ms: int  # the log's time when it was
        self._anew: bool  # must the next writing have a snapshot with all its parts?
        self._snapshot: tuple[Cursor, int]  # the last one, and of what time of the log it is
        self._every_ms = self._least_ms
        self._version = 0
        self.untold = 0  # messages since the start that could not be written, or not in the district's words
        self.reader = LedgerReader(
            ledger, lambda: self._version, lambda: self._state.conditions, lambda: self._state.people
        )
        with reading(self._ledger, "`headwater-cloud view rebuild warnings` makes them again from the log"):
            self._load()

    @property
    def ledger(self) -> sqlalchemy.Engine:
        return self._ledger

    def cursor(self) -> Cursor:
        return self._cursor

    def told(self) -> Cursor:
        """Entries up to there are never told of again; behind a crash, further than `cursor`."""
        return self._cursor if self._kept is None else self._kept.told

    def apply(self, entries: Sequence[Entry]) -> None:
        if self._stepping:  # a defect ended a step half-way
            before = self._cursor
            self._reload()
            if self._cursor != before:
                raise RetryLater("the warnings go on from their last snapshot")
        if self._writing is not None:
            at = self._writing[0].cursor
            self._write(*self._writing)
            entries = [e for e in entries if e.offset > at]
        entries = self._recall(entries)
        if not entries:
            return
        waiting = self._heeded(entries)
        self._stepping = True
        number = self._state.number
        self._state, outcomes = self._engine.steps(self._state, waiting)
        for entry, outcome in zip(entries, outcomes, strict=True):
            for d in outcome.unheeded:
                what = "log offset %d: what %s decided (%s, %s) is of a newer Headwater and does nothing here"
                log.warning(what, entry.offset, d.who, d.kind.value, d.target)
            for untold in outcome.untold:
                log.error("log offset %d: %s", entry.offset, untold)
                self.untold += 1
        self._write(self._to_write(entries, outcomes, number), outcomes)

    def reset(self) -> None:
        self.close()
        with self._ledger.begin() as db:
            store.forget(db)
        self._load()
        self._version += 1

    def close(self) -> None:
        """With a last snapshot. The ledger is closed by who opened it."""
        self.keep()

    def keep(self) -> None:
        """A snapshot of how conditions stand now, so that no entry need be applied again; none where that is the last
        one. In the thread of `apply`."""
        if self._stepping or self._kept is not None or self._snapshot[0] == self._cursor:
            return
        try:
            if self._writing is not None:
                self._write(*self._writing)
            self._write(self._with_snapshot(self._cursor, Results(), {}), ())
        except RetryLater as error:
            log.warning("the last snapshot of the warnings is not written, the one before holds: %s", error)

    # --- what is written ---

    def _to_write(self, entries: Sequence[Entry], outcomes: Sequence[Outcome], number: int) -> Writing:
        """number: of the last message before."""
        cursor = entries[-1].offset
        found = results(outcomes, [e.offset for e in entries], number)
        opened = self._opened({zone for o in outcomes for zone in o.zones})
        at, at_ms = self._snapshot
        passed_ms = entries[-1].now_ms - at_ms
        if self._anew or not 0 <= passed_ms < self._every_ms or cursor - at >= _ENTRIES:
            return self._with_snapshot(cursor, found, opened)
        return Writing(cursor, store.head_json(self._state), found, opened)

    def _opened(self, zones: Collection[str]) -> dict[str, str | None]:
        """The rows of open incidents that no longer hold."""
        out: dict[str, str | None] = {}
        opened = self._state.incidents.open
        for zone in sorted(zones):
            o = opened.get(zone)
            if o is None:
                if self._marks.pop(zone, None) is not None:
                    out[zone] = None
            elif (new := store.mark(o)) != self._marks.get(zone):
                self._marks[zone] = new
                out[zone] = store.body_of(self._state, o)
        return out

    def _with_snapshot(self, cursor: Cursor, found: Results, opened: dict[str, str | None]) -> Writing:
        judged = self._engine.judged() if self._anew else None
        snapshot = snapshots.make(self._engine, self._state, cursor)
        self._every_ms = max(self._least_ms, len(snapshot) * 1000 / _BYTES_PER_S) if self._least_ms else 0
        return Writing(cursor, store.head_json(self._state), found, opened, judged, snapshot)

    def _write(self, writing: Writing, outcomes: Sequence[Outcome]) -> None:
        """Raises RetryLater; it is then tried again before anything else is done."""
        self._writing, self._stepping = (writing, outcomes), False
        news = writing.found or writing.opened or writing.snapshot is not None or writing.head != self._head
        if news or abs(self._state.now_ms - self._written_ms) >= _LOOKED_MS:
            try:
                with self._ledger.begin() as db:
                    store.save(db, NAME, writing)
            except OperationalError as error:
                raise RetryLater(f"the ledger is out of reach: {error.orig}") from error
            self._head, self._written_ms = writing.head, self._state.now_ms
        self._writing, self._cursor = None, writing.cursor
        if writing.snapshot is not None:
            self._snapshot, self._anew = (writing.cursor, self._state.now_ms), False
        if writing.found.messages or writing.found.incidents:
            self._version += 1
        if writing.found.messages:
            for notify in self._on_messages:
                notify()

    # --- what is read ---

    def _heeded(self, entries: Sequence[Entry]) -> Waiting:
        """What the engine will look at: decoded and sifted for all at once."""
        return waiting_of(entries).heeded(self._engine.heeded)

    def _recall(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """What entries of the past, of which everything was told, make of the conditions; the entries that are new.

        Incidents and messages are what was told, whatever the rules of now would have said then; what differs is told
        with the first entry that is new, as a change of rules is.
        """
        kept = self._kept
        if kept is None:
            return entries
        past = [e for e in entries if e.offset <= kept.told]
        if past:
            waiting = self._heeded(past)
            self._stepping = True
            self._state = self._engine.recall(self._state, waiting)
            self._cursor, self._stepping = past[-1].offset, False
        if self._cursor >= kept.told or len(past) < len(entries):
            self._go_on(kept)
        return entries[len(past) :]

    def _go_on(self, kept: Kept) -> None:
        """From what was told, with the conditions that were recalled."""
        state, recalled = kept.state, self._state
        conditions = recalled.conditions
        if not kept.alike:
            conditions = (after_rebuild if kept.rebuild else after_recall)(state.conditions, conditions)
        now_ms = recalled.now_ms or state.now_ms
        self._state = replace(state, conditions=conditions, detectors=recalled.detectors, now_ms=now_ms)
        self._kept = None

    def _reload(self) -> None:
        try:
            self._load()
        except OperationalError as error:
            raise RetryLater(f"the ledger is out of reach: {error.orig}") from error

    def _load(self) -> None:
        with self._ledger.begin() as db:
            kept = store.load(db, NAME, self._engine)
        self._kept = None if kept.past is None else kept
        self._state = kept.state if kept.past is None else kept.past
        self._cursor, self._anew, self._stepping, self._writing = kept.cursor, kept.anew, False, None
        self._snapshot, self._written_ms = (kept.cursor, self._state.now_ms), self._state.now_ms
        self._marks = {zone: store.mark(o) for zone, o in kept.state.incidents.open.items()}
        self._head = {} if kept.anew else store.head_json(kept.state)


def open_view(
    ledger: sqlalchemy.Engine,
    catalogue: Catalogue,
    settings: WarningSettings | None = None,
    on_messages: Sequence[Callable[[], None]] = (),
    snapshot_s: float = SNAPSHOT_S,
) -> WarningsView:
    """ledger: see `cloud.ledger.open.open_ledger`. Raises StoreDamaged when the state in it cannot be read."""
    collects = gc.isenabled()
    gc.disable()  # what is made here stays: looking through it for garbage takes longer than making it
    try:
        return WarningsView(ledger, catalogue, settings or WarningSettings(), on_messages, snapshot_s)
    finally:
        if collects:
            gc.enable()
