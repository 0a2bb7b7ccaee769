"""What the warnings keep in the ledger: what was told and up to where, and how conditions stood a little before.

Results, open incidents and what people decided are written with the entry that they are of, together with its place in
the log (`view_state.cursor`); an entry that brings nothing writes nothing. How conditions stand is a snapshot, every
second or so (`cloud.warnings.snapshots`). So after a crash the entries between the snapshot and that place are applied
to conditions alone, under whichever rules hold then, and nothing is told, numbered or named a second time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select

from cloud.log.base import START, Cursor
from cloud.warnings import cuts, results, snapshots
from cloud.warnings import tables as t
from cloud.warnings.codec import (
    aside_from_json,
    aside_json,
    blind_from_json,
    blind_json,
    open_incident_from_json,
    open_incident_json,
    zone_names_from_json,
    zone_names_json,
)
from cloud.warnings.decisions import People, people_from_json, people_json
from cloud.warnings.engine import Engine, EngineState
from cloud.warnings.gateways import Said
from cloud.warnings.incidents import IncidentState, OpenIncident
from cloud.warnings.model import Message, MsgType, Why
from cloud.warnings.results import Results
from cloud.warnings.snapshots import Snapshot
from contract.catalogue.rules import Level
from contract.conditions.columns import NEVER
from contract.conditions.state import ConditionState, Reason
from contract.conditions.stored import Stored, from_json
from contract.conditions.targets import ConditionKey, Target

NAME = "warnings"
REBUILD = "rebuild"  # in the head: until the state is stored again
_SNAPSHOTS = "snapshots"  # in the head: conditions stand in a snapshot, not in rows
_NEVER_SET = (NEVER, NEVER, NEVER)
_AT = select(t.view_state.c.cursor).where(t.view_state.c.name == bindparam("of"))


@dataclass(frozen=True, slots=True)
class Kept:
    """What the ledger holds. told: everything up to there was told. state: as it was told; of its conditions as much
    as is known.

    cursor, past: from where on entries up to `told` are to be recalled, and what conditions were there; None: `state`
    stands as it is, at `told`. alike: both are under the rules that judged them. rebuild: `past` is the beginning.
    anew: nothing is to be stored without a snapshot, for none stands there that would fit.
    """

    told: Cursor
    state: EngineState
    cursor: Cursor
    past: EngineState | None = None
    alike: bool = False
    rebuild: bool = False
    anew: bool = True


@dataclass(frozen=True, slots=True)
class Writing:
    """What is to be written at once. cursor: of the last entry that it is of. opened: by zone, the open incident's
    row; None: there is none any more. judged, snapshot: None where they stay as they are."""

    cursor: Cursor
    head: Mapping[str, Any]
    found: Results = field(default_factory=Results)
    opened: dict[str, str | None] = field(default_factory=dict)
    judged: bytes | None = None
    snapshot: bytes | None = None


def load(db: Connection, name: str, engine: Engine) -> Kept:
    """What is stored; the initial state at `START` if nothing is.

    Conditions that a changed catalogue has added begin as in the initial state; those it took away go.
    """
    row = db.execute(select(t.view_state).where(t.view_state.c.name == name)).first()
    if row is None:
        return Kept(START, engine.initial(), START)
    head = json.loads(row.state)
    state, told = _told(db, head, engine), Cursor(row.cursor)
    if head.get(_SNAPSHOTS):
        found = snapshots.read(db, name, engine)
        kept = _at_snapshot(db, state, told, found, _beginning(db, name, engine), engine)
    else:
        if "conditions" in head:  # 0.1 kept everything in one row
            rows = head["conditions"]
        else:
            rows = [json.loads(body) for (body,) in db.execute(select(t.condition_state.c.body))]
        conditions = engine.restore_conditions(map(from_json, rows))
        detectors = engine.restore_detectors(head.get("detectors", {}))
        kept = Kept(told, replace(state, conditions=conditions, detectors=detectors), told)
    if head.get(REBUILD):
        cursor, past = _beginning(db, name, engine)
        return Kept(told, kept.state, cursor, past, rebuild=True)
    return kept


def _beginning(db: Connection, name: str, engine: Engine) -> tuple[Cursor, EngineState]:
    """From where a rebuild recalls conditions: of a trimmed log as they stood at the cut, under the rules of now."""
    found = snapshots.read(db, cuts.snapshot_name(name), engine)
    return (START, engine.initial()) if found is None else (found.cursor, found.state)


def _at_snapshot(
    db: Connection,
    state: EngineState,
    told: Cursor,
    found: Snapshot | None,
    beginning: tuple[Cursor, EngineState],
    engine: Engine,
) -> Kept:
    """With the conditions of a snapshot; without one they are to be found again from the log."""
    opened = state.incidents.open.values()
    if found is None:
        state = replace(state, conditions=engine.restore_conditions(_as_told(opened)))
        return Kept(told, state, *beginning, rebuild=True)
    past, stored = found.state, found.stored
    alike, anew = stored is None, stored is not None
    if found.cursor >= told:
        state = replace(state, conditions=past.conditions, detectors=past.detectors, now_ms=past.now_ms)
        return Kept(found.cursor, state, found.cursor, anew=anew)
    conditions = (
        past.conditions if stored is None else engine.restore_conditions(_since(db, stored, found.cursor, told, opened))
    )
    return Kept(told, replace(state, conditions=conditions), found.cursor, past, alike=alike, anew=anew)


def _told(db: Connection, head: Mapping[str, Any], engine: Engine) -> EngineState:
    """What was told, and what people decided."""
    if "conditions" in head:
        opened = [{**o, "earlier": head["earlier"].get(o["incident"]["id"], [])} for o in head["incidents"]]
    else:
        opened = [json.loads(body) for (body,) in db.execute(select(t.open_incidents.c.body))]
    incidents = IncidentState(
        aside=aside_from_json(head.get("aside", ())),
        ended=dict(head.get("ended", {})),
        said=Said(frozenset(head.get("simulated", ())), frozenset(head.get("real", ()))),
        blind=blind_from_json(head.get("blind", {})),
    )
    state = replace(
        engine.initial(),
        number=head["number"],
        people=people_from_json(head.get("people", {})),
        incidents=incidents,
        now_ms=head.get("now_ms", 0),
    )
    names = zone_names_from_json(head.get("blind", {}).get("zone_names", {}))
    for body in opened:
        o = open_incident_from_json(body)
        state.incidents.open[o.incident.zone] = o
        state.earlier[o.incident.id] = [_earlier(o.incident.id, m) for m in body["earlier"]]
        names |= zone_names_from_json(body.get("zone_names", {}))
    for incident in state.incidents.blind.opened():
        earlier = head["blind"]["earlier"][incident.id]
        state.earlier[incident.id] = [_earlier(incident.id, m) for m in earlier]
    return replace(state, zone_names={**names, **state.zone_names})


def _as_told(opened: Iterable[OpenIncident]) -> list[Stored]:
    """Conditions of which nothing is known but what open incidents told of them: those levels are not to be lost."""
    out = {}
    for o in opened:
        for e in o.told.evidence:
            since_ms = o.told_ms if e.since_ms is None else e.since_ms
            levels = {e.level: (NEVER, since_ms, since_ms)}
            now = (e.state, e.level, since_ms, Reason.ON_DELAY_OVER, e.time_ms, e.value, False, levels)
            out[e.key] = Stored(e.key, e.channel, *now)
    return list(out.values())


def _since(
    db: Connection, stored: Iterable[Stored], snapshot: Cursor, told: Cursor, opened: Iterable[OpenIncident]
) -> list[Stored]:
    """Conditions of a snapshot, with what befell them in the entries behind it, under the rules of then. Shown of them
    is what reached their level, or what was told of them, whichever is newer."""
    out = {s.key: s for s in stored}
    entry = t.changes.c.entry
    rows = select(t.changes).where(entry > snapshot, entry <= told).order_by(entry, t.changes.c.ordinal)
    for row in db.execute(rows):
        key = ConditionKey(Target.parse(row.target), row.rule)
        s, level = out.get(key), None if row.level is None else Level(row.level)
        if s is None:
            continue
        levels = {each: of for each, of in s.levels.items() if level is not None and each.rank <= level.rank}
        if level is not None and levels.get(level, _NEVER_SET)[1] == NEVER:
            levels[level] = (NEVER, row.time_ms, row.time_ms)
        shown = s.shown if level in (None, s.level) else (row.value, row.time_ms)
        is_now = {"state": ConditionState(row.state), "level": level, "since_ms": row.time_ms, "value": row.value}
        out[key] = replace(s, reason=Reason(row.reason), levels=levels, shown=shown, **is_now)
    for e in (e for o in opened for e in o.told.evidence):
        s, time_ms = out.get(e.key), NEVER if e.time_ms is None else e.time_ms
        if s is not None and (s.shown is None or time_ms > s.shown[1]):
            out[e.key] = replace(s, shown=(e.value, time_ms))
    return list(out.values())


def load_people(db: Connection, name: str = "warnings") -> People:
    """What people decided, as far as it was stored."""
    row = db.execute(select(t.view_state.c.state).where(t.view_state.c.name == name)).first()
    return people_from_json({} if row is None else json.loads(row.state).get("people", {}))


def head_json(state: EngineState) -> dict[str, Any]:
    """What else the next message depends on."""
    blind = state.incidents.blind
    earlier = {i.id: _heads(state.earlier[i.id]) for i in blind.opened()}
    notices = [i for n in blind.notices.values() for i in (n.told, n.incident)]
    names = zone_names_json(state.zone_names, notices)
    return {
        _SNAPSHOTS: True,
        "number": state.number,
        "people": people_json(state.people),
        "aside": aside_json(state.incidents),
        "ended": dict(state.incidents.ended),
        "simulated": sorted(state.incidents.said.simulated),
        "real": sorted(state.incidents.said.real),
        "blind": {**blind_json(blind), "earlier": earlier, "zone_names": names},
    }


def save(db: Connection, name: str, writing: Writing) -> None:
    """All of it, once: what was committed although nobody heard of it is not written again."""
    at = db.execute(_AT, {"of": name}).scalar()
    if at is None or at < writing.cursor:
        results.write(db, writing.found)
    rows = [{"zone": zone, "body": body} for zone, body in writing.opened.items() if body is not None]
    gone = [zone for zone, body in writing.opened.items() if body is None]
    if gone:
        db.execute(delete(t.open_incidents).where(t.open_incidents.c.zone.in_(gone)))
    results.replace(db, t.open_incidents, rows)
    if writing.snapshot is not None:
        if writing.judged is not None:  # the first after a start: rows of an older release are read no more
            db.execute(delete(t.condition_state))
        snapshots.write(db, name, writing.judged, writing.snapshot)
    head = {"name": name, "cursor": writing.cursor, "state": json.dumps(writing.head)}
    results.replace(db, t.view_state, [head])


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
        snapshot = db.execute(select(func.count()).select_from(t.snapshots)).scalar()
        number = db.execute(select(func.max(t.messages.c.number))).scalar() or 0
        head = {"number": number, **({_SNAPSHOTS: True} if snapshot else {})}
    for table, read in ((t.condition_state, from_json), (t.open_incidents, open_incident_from_json)):
        for found in db.execute(select(table)).all():
            try:
                read(json.loads(found.body))
            except (ValueError, TypeError, LookupError, AttributeError):
                this = [c == getattr(found, c.name) for c in table.primary_key.columns]
                db.execute(delete(table).where(*this))
    state = {"name": NAME, "cursor": row.cursor, "state": json.dumps({**head, REBUILD: True})}
    results.replace(db, t.view_state, [state])


Mark = tuple[Any, ...]


def mark(o: OpenIncident) -> Mark:
    """What the next message of an open incident depends on, but for how conditions stand: while it is the same, its row
    holds. Level, zones and what it rests on are those of the last look: an end is told with them, and a place that is
    lost by another rule is told of if it was among them. The values of its evidence are read from conditions after a
    start (`Incidents.refresh`): those in the row are as old as it."""
    i = o.incident
    now = (i.id, i.zone, i.zones, i.level, i.peak_level, i.certainty, i.simulated, i.acknowledged, i.owner)
    rests_on = tuple((e.key, e.level) for e in i.evidence)
    return (o.told_ms, o.worse_ms, frozenset(o.lost.items()), *now, rests_on, o.told)


def body_of(state: EngineState, o: OpenIncident) -> str:
    """The row of an open incident. earlier: its messages, as far as references need them. zone_names: of its zones,
    for a catalogue that has them no longer."""
    names = zone_names_json(state.zone_names, (o.told, o.incident))
    earlier = _heads(state.earlier[o.incident.id])
    return json.dumps({**open_incident_json(o), "earlier": earlier, "zone_names": names})


def _heads(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """An incident's messages, as far as references need them."""
    return [
        {
            "id": m.id,
            "sent_ms": m.sent_ms,
            "type": m.msg_type.value,
            "level": results.stored_level(m.level),
            "why": m.why.value if m.why else None,
            "expires_ms": m.expires_ms,
            "status": m.status,
        }
        for m in messages
    ]


def _earlier(incident: str, m: dict[str, Any]) -> Message:
    why = m.get("why")
    return Message(
        m["id"],
        incident,
        m["sent_ms"],
        MsgType(m["type"]),
        results.level_of(m["level"]),
        (),
        b"",
        why=Why(why) if why else None,
        expires_ms=m.get("expires_ms"),
        status=m.get("status", "Actual"),
    )
