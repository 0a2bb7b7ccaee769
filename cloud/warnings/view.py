"""The warnings as a view of the log: the engine's state, what came of it, and the cursor, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import sqlalchemy
from sqlalchemy.exc import OperationalError

from cloud.ledger.open import reading
from cloud.log.base import START, Cursor, Entry
from cloud.views.base import RetryLater
from cloud.views.decode import decisions_of, origins_of, readings_and_entries
from cloud.warnings import store
from cloud.warnings.engine import Engine, EngineState, Waiting
from cloud.warnings.reader import LedgerReader
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.conditions.reconciling import after_rebuild

NAME = store.NAME
log = logging.getLogger(__name__)


class WarningsView:
    """A `View`. `apply` in one thread; `reader` answers from any.

    Raises RetryLater when the ledger is out of reach; nothing is lost then, for the state is taken from it again.
    on_messages: called when new messages are in the ledger, so that whoever delivers them need not look for them.
    """

    name = NAME

    def __init__(
        self,
        ledger: sqlalchemy.Engine,
        catalogue: Catalogue,
        settings: WarningSettings,
        on_messages: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._ledger = ledger
        self._engine = Engine(catalogue, settings)
        self._on_messages = tuple(on_messages)
        self._state: EngineState
        self._cursor: Cursor
        self._ahead: bool
        self._told: tuple[Cursor, EngineState] | None = None  # while rebuilding, what was told and up to where
        self._version = 0
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

    def apply(self, entries: Sequence[Entry]) -> None:
        try:
            if self._ahead:
                self._load()
                if self._told is not None:
                    raise RetryLater("the rebuild of the warnings begins again: the ledger was out of reach")
            entries = self._recall(entries)
            if not entries:
                return
            waiting = self._heeded(entries)
            self._ahead = True  # until it is stored: the step alters the state in place
            state, outcomes = self._engine.steps(self._state, waiting)
            for entry, outcome in zip(entries, outcomes, strict=True):
                for d in outcome.unheeded:
                    what = "log offset %d: what %s decided (%s, %s) is of a newer Headwater and does nothing here"
                    log.warning(what, entry.offset, d.who, d.kind.value, d.target)
            with self._ledger.begin() as db:
                number = state.number - sum(len(o.messages) for o in outcomes)
                for outcome in outcomes:
                    number = store.write(db, outcome, number)
                zones = set().union(*(o.zones for o in outcomes))
                store.save(db, NAME, entries[-1].offset, state, self._engine, zones)
        except OperationalError as error:
            raise RetryLater(f"the ledger is out of reach: {error.orig}") from error
        self._state, self._cursor, self._ahead = state, entries[-1].offset, False
        state.conditions.store_anew(False)
        if any(o.messages or o.incidents for o in outcomes):
            self._version += 1
        if any(o.messages for o in outcomes):
            for notify in self._on_messages:
                notify()

    def _heeded(self, entries: Sequence[Entry]) -> Waiting:
        """What the engine will look at: decoded and sifted for all at once."""
        batch, entry = readings_and_entries(entries)
        now_ms = np.array([e.now_ms for e in entries], np.int64)
        keep = self._engine.heeded(batch, now_ms[entry])
        return Waiting(batch.take(keep), entry[keep], now_ms, decisions_of(entries), origins_of(entries))

    def _recall(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """While rebuilding: what entries of the past make of the conditions. The entries that nobody was told of yet.

        Incidents and messages are what was told, whatever the rules of now would have said then; what differs is told
        with the first entry that is new, as a change of rules is.
        """
        if self._told is None:
            return entries
        until, told = self._told
        past = [e for e in entries if e.offset <= until]
        if past:
            self._state, _ = self._engine.steps(self._state, self._heeded(past))
            self._cursor = past[-1].offset
        if len(past) < len(entries):
            conditions = after_rebuild(told.conditions, self._state.conditions)
            self._state = replace(told, conditions=conditions, detectors=self._state.detectors)
            self._told = None
        return entries[len(past) :]

    def reset(self) -> None:
        with self._ledger.begin() as db:
            store.forget(db)
        self._load()
        self._version += 1

    def close(self) -> None:
        """Nothing: the ledger is closed by who opened it."""

    def _load(self) -> None:
        with self._ledger.begin() as db:
            self._cursor, self._state = store.load(db, NAME, self._engine)
            self._told = None
            if store.rebuilding(db):
                self._told = self._cursor, self._state
                self._cursor, self._state = START, self._engine.initial()
        self._ahead = False  # is the state in memory further than what is stored?


def open_view(
    ledger: sqlalchemy.Engine,
    catalogue: Catalogue,
    settings: WarningSettings | None = None,
    on_messages: Sequence[Callable[[], None]] = (),
) -> WarningsView:
    """ledger: see `cloud.ledger.open.open_ledger`. Raises StoreDamaged when the state in it cannot be read."""
    return WarningsView(ledger, catalogue, settings or WarningSettings(), on_messages)
