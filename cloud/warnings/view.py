"""The warnings as a view of the log: the engine's state, what came of it, and the cursor, in one transaction."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import sqlalchemy
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from cloud.ledger.open import reading
from cloud.log.base import Cursor, Entry
from cloud.views.base import RetryLater
from cloud.views.decode import readings_and_entries
from cloud.warnings import store
from cloud.warnings import tables as t
from cloud.warnings.engine import Engine, EngineState
from cloud.warnings.incidents import incident_from_json
from cloud.warnings.model import ConditionSnapshot, Incident, Message, Told
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.readings import ReadingBatch

NAME = "warnings"


class WarningsView:
    """A `View` and a `WarningsReader`. `apply` in one thread, reads from any.

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
        self._version = 0
        with reading(self._ledger, "`headwater-cloud view rebuild warnings` makes them again from the log"):
            self._load()

    @property
    def ledger(self) -> sqlalchemy.Engine:
        return self._ledger

    # --- the view ---

    def cursor(self) -> Cursor:
        return self._cursor

    def apply(self, entries: Sequence[Entry]) -> None:
        batches = self._heeded(entries)
        try:
            if self._ahead:
                self._load()
            self._ahead = True  # until it is stored: the step alters the state in place
            state, outcomes = self._state, []
            for entry, batch in zip(entries, batches, strict=True):
                state, outcome = self._engine.step(state, batch, entry.append_ms)
                outcomes.append(outcome)
            with self._ledger.begin() as db:
                number = state.number - sum(len(o.messages) for o in outcomes)
                for outcome in outcomes:
                    number = store.write(db, outcome, number)
                channels = set().union(*(o.channels for o in outcomes))
                zones = set().union(*(o.zones for o in outcomes))
                store.save(db, NAME, entries[-1].offset, state, channels, zones)
        except OperationalError as error:
            raise RetryLater(f"the ledger is out of reach: {error.orig}") from error
        self._state, self._cursor, self._ahead = state, entries[-1].offset, False
        if any(o.messages or o.incidents for o in outcomes):
            self._version += 1
        if any(o.messages for o in outcomes):
            for tell in self._on_messages:
                tell()

    def _heeded(self, entries: Sequence[Entry]) -> list[ReadingBatch]:
        """Of each entry what the engine will look at: decoded and sifted for all at once."""
        batch, entry = readings_and_entries(entries)
        keep = self._engine.heeded(batch, np.array([e.append_ms for e in entries], np.int64)[entry])
        batch, entry = batch.take(keep), entry[keep]
        cuts = np.searchsorted(entry, np.arange(len(entries) + 1)).tolist()
        return [batch.take(slice(a, b)) for a, b in itertools.pairwise(cuts)]

    def reset(self) -> None:
        with self._ledger.begin() as db:
            store.forget(db)
        self._load()
        self._version += 1

    def close(self) -> None:
        """Nothing: the ledger is closed by who opened it."""

    def _load(self) -> None:
        with self._ledger.begin() as db:
            self._cursor, self._state = store.load(db, NAME, self._engine.initial())
        self._ahead = False  # is the state in memory further than what is stored?

    # --- the reader ---

    def version(self) -> int:
        return self._version

    def incidents(self, *, open_only: bool = False, limit: int = 200) -> Sequence[Incident]:
        query = select(t.incidents.c.body).order_by(t.incidents.c.opened_ms.desc()).limit(limit)
        if open_only:
            query = query.where(t.incidents.c.closed_ms.is_(None))
        with self._ledger.connect() as db:
            return [incident_from_json(json.loads(body)) for (body,) in db.execute(query)]

    def incident(self, incident_id: str) -> Incident | None:
        with self._ledger.connect() as db:
            row = db.execute(select(t.incidents.c.body).where(t.incidents.c.id == incident_id)).first()
        return None if row is None else incident_from_json(json.loads(row.body))

    def messages(self, incident_id: str | None = None, limit: int = 200) -> Sequence[Message]:
        query = select(t.messages).order_by(t.messages.c.number.desc()).limit(limit)
        if incident_id is not None:
            query = query.where(t.messages.c.incident == incident_id)
        with self._ledger.connect() as db:
            return [store.message_of(row) for row in db.execute(query)]

    def messages_of(self, incident_ids: Sequence[str]) -> Mapping[str, Sequence[Told]]:
        found: dict[str, list[Told]] = {i: [] for i in incident_ids}
        query = select(*store.TOLD).where(t.messages.c.incident.in_(list(found))).order_by(t.messages.c.number.desc())
        with self._ledger.connect() as db:
            for row in db.execute(query):
                found[row.incident].append(store.told_of(row))
        return found

    def message(self, message_id: str) -> Message | None:
        with self._ledger.connect() as db:
            row = db.execute(select(t.messages).where(t.messages.c.id == message_id)).first()
        return None if row is None else store.message_of(row)

    def conditions(self, channels: Collection[int] | None = None) -> Sequence[ConditionSnapshot]:
        state = self._state.conditions
        found = list(state.values()) if channels is None else [state[c] for c in sorted(channels) if c in state]
        return [
            ConditionSnapshot(c.channel, c.state, c.level, c.since_ms, c.reason, c.reading_ms, c.value) for c in found
        ]


def open_view(
    ledger: sqlalchemy.Engine,
    catalogue: Catalogue,
    settings: WarningSettings | None = None,
    on_messages: Sequence[Callable[[], None]] = (),
) -> WarningsView:
    """ledger: see `cloud.ledger.open.open_ledger`. Raises StoreDamaged when the state in it cannot be read."""
    return WarningsView(ledger, catalogue, settings or WarningSettings(), on_messages)
