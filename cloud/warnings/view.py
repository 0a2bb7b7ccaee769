"""The warnings as a view of the log: the engine's state, what came of it, and the cursor, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import OperationalError

from cloud.ledger import tables as t
from cloud.log.base import Entry
from cloud.views.base import RetryLater
from cloud.views.decode import readings
from cloud.warnings.engine import Engine, EngineState, Outcome, dump, restore
from cloud.warnings.incidents import incident_from_json, incident_json
from cloud.warnings.settings import WarningSettings
from cloud.warnings.types import ConditionSnapshot, Incident, Message, MsgType
from contract.catalogue import Catalogue
from contract.models import Level

NAME = "warnings"


class WarningsView:
    """A `View` and a `WarningsReader`. `apply` in one thread, reads from any.

    Raises RetryLater when the ledger is out of reach; nothing is lost then, for the state is taken from it again.
    """

    name = NAME

    def __init__(self, ledger_url: str, catalogue: Catalogue, settings: WarningSettings) -> None:
        self._ledger = t.open_ledger(ledger_url)
        self._engine = Engine(catalogue, settings)
        self._state: EngineState
        self._cursor: int
        self._load()

    @property
    def ledger(self) -> Any:
        return self._ledger

    # --- the view ---

    def cursor(self) -> int:
        return self._cursor

    def apply(self, entries: Sequence[Entry]) -> None:
        state, outcomes = self._state, []
        for entry in entries:
            state, outcome = self._engine.step(state, readings([entry]), entry.append_ms)
            outcomes.append(outcome)
        try:
            with self._ledger.begin() as db:
                number = state.number - sum(len(o.messages) for o in outcomes)
                for outcome in outcomes:
                    number = _write(db, outcome, number)
                _save(db, entries[-1].offset, state)
        except OperationalError as error:
            self._load()
            raise RetryLater(f"the ledger is out of reach: {error.orig}") from error
        except BaseException:
            self._load()  # the state in memory has gone ahead of what is stored
            raise
        self._state, self._cursor = state, entries[-1].offset

    def reset(self) -> None:
        with self._ledger.begin() as db:
            for table in (t.view_state, t.incidents, t.messages, t.changes, t.late):
                db.execute(delete(table))
        self._load()

    def close(self) -> None:
        self._ledger.dispose()

    def _load(self) -> None:
        fresh = self._engine.initial()
        with self._ledger.connect() as db:
            row = db.execute(select(t.view_state).where(t.view_state.c.name == NAME)).first()
        self._cursor = 0 if row is None else row.cursor
        self._state = fresh if row is None else restore(json.loads(row.state), fresh)

    # --- the reader ---

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
            return [message_of(row) for row in db.execute(query)]

    def message(self, message_id: str) -> Message | None:
        with self._ledger.connect() as db:
            row = db.execute(select(t.messages).where(t.messages.c.id == message_id)).first()
        return None if row is None else message_of(row)

    def conditions(self) -> Sequence[ConditionSnapshot]:
        return [
            ConditionSnapshot(c.channel, c.state, c.level, c.since_ms, c.reason, c.reading_ms, c.value)
            for c in list(self._state.conditions.values())
        ]


def open_view(ledger_url: str, catalogue: Catalogue, settings: WarningSettings | None = None) -> WarningsView:
    return WarningsView(ledger_url, catalogue, settings or WarningSettings())


def message_of(row: Row[Any]) -> Message:
    references = tuple(json.loads(row.refs))
    level, msg_type = Level(row.level), MsgType(row.msg_type)
    return Message(row.id, row.incident, row.sent_ms, msg_type, level, references, bytes(row.cap_xml))


def _write(db: Connection, outcome: Outcome, number: int) -> int:
    for m in outcome.messages:
        number += 1
        values = {
            "number": number,
            "id": m.id,
            "incident": m.incident,
            "sent_ms": m.sent_ms,
            "msg_type": m.msg_type.value,
            "level": m.level.value,
            "refs": json.dumps(list(m.references)),
            "cap_xml": m.cap_xml,
        }
        db.execute(insert(t.messages).values(values))
    for i in outcome.incidents:
        body = {
            "zone": i.zone,
            "opened_ms": i.opened_ms,
            "closed_ms": i.closed_ms,
            "body": json.dumps(incident_json(i)),
        }
        found = db.execute(update(t.incidents).where(t.incidents.c.id == i.id).values(body))
        if not found.rowcount:
            db.execute(insert(t.incidents).values({"id": i.id, **body}))
    for c in outcome.changes:
        db.execute(
            insert(t.changes).values(
                channel=c.channel,
                time_ms=c.time_ms,
                state=c.state.value,
                level=c.level.value if c.level else None,
                reason=c.reason.value,
                value=c.value,
            )
        )
    for n in outcome.late:
        db.execute(
            insert(t.late).values(
                channel=n.channel,
                reading_ms=n.reading_ms,
                now_ms=n.now_ms,
                value=n.value,
                would_have_warned=n.level.value if n.level else None,
            )
        )
    return number


def _save(db: Connection, cursor: int, state: EngineState) -> None:
    values = {"cursor": cursor, "state": json.dumps(dump(state))}
    found = db.execute(update(t.view_state).where(t.view_state.c.name == NAME).values(values))
    if not found.rowcount:
        db.execute(insert(t.view_state).values({"name": NAME, **values}))
