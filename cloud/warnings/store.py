"""The warnings' state and what came of it, to and from the ledger. Writes what a step altered, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cloud.log.base import START, Cursor
from cloud.warnings import tables as t
from cloud.warnings.codec import (
    aside_from_json,
    aside_json,
    evidence_from_json,
    evidence_json,
    incident_json,
    open_incident_from_json,
    open_incident_json,
)
from cloud.warnings.decisions import People, people_from_json, people_json
from cloud.warnings.engine import Engine, EngineState, Outcome
from cloud.warnings.incidents import IncidentState, OpenIncident
from cloud.warnings.model import Message, MessageHead, MsgType, Why
from contract.catalogue.rules import Level
from contract.conditions.stored import from_json

HEAD = tuple(c for c in t.messages.c if c not in {t.messages.c.cap_xml, t.messages.c.evidence})
NAME = "warnings"
REBUILD = "rebuild"  # in the head: until the state is stored again


def load(db: Connection, name: str, engine: Engine) -> tuple[Cursor, EngineState]:
    """The cursor and the state as stored; (`START`, the initial one) if nothing is.

    Conditions that a changed catalogue has added begin as in the initial state; those it took away go.
    """
    fresh = engine.initial()
    row = db.execute(select(t.view_state).where(t.view_state.c.name == name)).first()
    if row is None:
        return START, fresh
    head = json.loads(row.state)
    old_form = "conditions" in head  # 0.1 kept everything in one row
    if old_form:
        conditions = head["conditions"]
        opened = [{**o, "earlier": head["earlier"].get(o["incident"]["id"], [])} for o in head["incidents"]]
    else:
        conditions = [json.loads(body) for (body,) in db.execute(select(t.condition_state.c.body))]
        opened = [json.loads(body) for (body,) in db.execute(select(t.open_incidents.c.body))]
    state = EngineState(
        engine.restore_conditions(map(from_json, conditions)),
        number=head["number"],
        detectors=engine.restore_detectors(head.get("detectors", {})),
        people=people_from_json(head.get("people", {})),
        incidents=IncidentState(
            aside=aside_from_json(head.get("aside", ())),
            ended=dict(head.get("ended", {})),
            simulated=frozenset(head.get("simulated", ())),
        ),
        now_ms=head.get("now_ms", 0),
    )
    for body in opened:
        o = open_incident_from_json(body)
        state.incidents.open[o.incident.zone] = o
        state.earlier[o.incident.id] = [_earlier(o.incident.id, m) for m in body["earlier"]]
    if old_form:
        state.conditions.store_anew()
    return Cursor(row.cursor), state


def load_people(db: Connection, name: str = "warnings") -> People:
    """What people decided, as far as it was stored."""
    row = db.execute(select(t.view_state.c.state).where(t.view_state.c.name == name)).first()
    return people_from_json({} if row is None else json.loads(row.state).get("people", {}))


def save(
    db: Connection,
    name: str,
    cursor: Cursor,
    state: EngineState,
    engine: Engine,
    zones: Collection[str],
) -> None:
    """The conditions that moved, the open incidents of these zones, what the detectors remember, and the cursor."""
    anew = state.conditions.anew
    if anew:
        db.execute(delete(t.condition_state))
        zones = {*zones, *state.incidents.open}
    stored = range(len(state.conditions)) if anew else state.conditions.moved.tolist()
    moved = engine.dump_conditions(state.conditions, stored)
    rows = [{"target": c["target"], "rule": c["rule"], "body": json.dumps(c)} for c in moved]
    _replace(db, t.condition_state, rows)
    opened = state.incidents.open
    gone = [{"old": z} for z in sorted(zones) if z not in opened]
    if gone:
        db.execute(delete(t.open_incidents).where(t.open_incidents.c.zone == bindparam("old")), gone)
    bodies = [{"zone": z, "body": json.dumps(_body(state, opened[z]))} for z in sorted(zones) if z in opened]
    _replace(db, t.open_incidents, bodies)
    detectors = engine.dump_detectors(state)
    head = {
        "number": state.number,
        **({"detectors": detectors} if detectors else {}),
        "people": people_json(state.people),
        "aside": aside_json(state.incidents),
        "ended": state.incidents.ended,
        "now_ms": state.now_ms,
        "simulated": sorted(state.incidents.simulated),
    }
    _replace_one(db, t.view_state, "name", name, {"cursor": cursor, "state": json.dumps(head)})


def write(db: Connection, outcome: Outcome, number: int) -> int:
    """Messages, incidents, changes and late readings of one step. number: of the last message before; returns it."""
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
            "why": m.why.value if m.why else None,
            "expires_ms": m.expires_ms,
            "status": m.status,
            "evidence": json.dumps([evidence_json(e) for e in m.evidence]),
        }
        db.execute(insert(t.messages).values(values))
    for i in outcome.incidents:
        body = json.dumps(incident_json(i))
        values = {"zone": i.zone, "opened_ms": i.opened_ms, "closed_ms": i.closed_ms, "body": body}
        _replace_one(db, t.incidents, "id", i.id, values)
    changes = [
        {
            "rule": c.key.rule,
            "target": c.key.target.text,
            "channel": c.channel,
            "time_ms": c.time_ms,
            "state": c.state.value,
            "level": c.level.value if c.level else None,
            "reason": c.reason.value,
            "value": c.value,
        }
        for c in outcome.changes
    ]
    late = [
        {
            "rule": n.key.rule,
            "target": n.key.target.text,
            "channel": n.channel,
            "reading_ms": n.reading_ms,
            "now_ms": n.now_ms,
            "value": n.value,
            "would_have_warned": n.level.value if n.level else None,
        }
        for n in outcome.late
    ]
    for table, rows in ((t.changes, changes), (t.late, late)):
        if rows:
            db.execute(insert(table), rows)
    return number


def forget(db: Connection) -> None:
    """What conditions are is to be found again from the log. What was told is a record and stays as it is.

    State that cannot be read is left out: then the log alone says what it was.
    """
    row = db.execute(select(t.view_state).where(t.view_state.c.name == NAME)).first()
    if row is None:
        return
    try:
        head = json.loads(row.state)
        if not isinstance(head["number"], int):
            raise TypeError("a number of another type")
    except (ValueError, TypeError, LookupError):
        head = {"number": db.execute(select(func.max(t.messages.c.number))).scalar() or 0}
    for table, read in ((t.condition_state, from_json), (t.open_incidents, open_incident_from_json)):
        for found in db.execute(select(table)).all():
            try:
                read(json.loads(found.body))
            except (ValueError, TypeError, LookupError, AttributeError):
                this = [c == getattr(found, c.name) for c in table.primary_key.columns]
                db.execute(delete(table).where(*this))
    _replace_one(db, t.view_state, "name", NAME, {"cursor": row.cursor, "state": json.dumps({**head, REBUILD: True})})


def rebuilding(db: Connection) -> bool:
    """Are the conditions to be found again from the log?"""
    state = db.execute(select(t.view_state.c.state).where(t.view_state.c.name == NAME)).scalar()
    return state is not None and bool(json.loads(state).get(REBUILD))


def message_of(row: Row[Any]) -> Message:
    """Of a whole row of `messages`."""
    head = head_of(row)
    evidence = tuple(map(evidence_from_json, json.loads(row.evidence or "[]")))
    return Message(
        head.id,
        head.incident,
        head.sent_ms,
        head.msg_type,
        head.level,
        head.references,
        bytes(row.cap_xml),
        why=head.why,
        expires_ms=head.expires_ms,
        status=head.status,
        evidence=evidence,
    )


def head_of(row: Row[Any]) -> MessageHead:
    """Of the columns in `HEAD`."""
    references = tuple(json.loads(row.refs))
    return MessageHead(
        row.id,
        row.incident,
        row.sent_ms,
        MsgType(row.msg_type),
        Level(row.level),
        references,
        why=Why(row.why) if row.why else None,
        expires_ms=row.expires_ms,
        status=row.status or "Actual",
    )


def _body(state: EngineState, o: OpenIncident) -> dict[str, Any]:
    """earlier: the incident's messages, as far as references need them."""
    earlier = [
        {
            "id": m.id,
            "sent_ms": m.sent_ms,
            "type": m.msg_type.value,
            "level": m.level.value,
            "why": m.why.value if m.why else None,
            "expires_ms": m.expires_ms,
            "status": m.status,
        }
        for m in state.earlier[o.incident.id]
    ]
    return {**open_incident_json(o), "earlier": earlier}


def _earlier(incident: str, m: dict[str, Any]) -> Message:
    why = m.get("why")
    return Message(
        m["id"],
        incident,
        m["sent_ms"],
        MsgType(m["type"]),
        Level(m["level"]),
        (),
        b"",
        why=Why(why) if why else None,
        expires_ms=m.get("expires_ms"),
        status=m.get("status", "Actual"),
    )


def _replace(db: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """rows: each with the table's key and its `body`."""
    if rows:
        put = postgresql.insert(table) if db.dialect.name == "postgresql" else sqlite.insert(table)
        put = put.on_conflict_do_update(index_elements=table.primary_key.columns, set_={"body": put.excluded.body})
        db.execute(put, rows)


def _replace_one(db: Connection, table: Table, key: str, value: str, values: dict[str, Any]) -> None:
    found = db.execute(update(table).where(table.c[key] == value).values(values))
    if not found.rowcount:
        db.execute(insert(table).values({key: value, **values}))
