"""Snapshots of the warnings' conditions in the ledger: how they stood after an entry of the log.

Every entry behind it is applied to them again after a restart; what was told stands in tables of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from cloud.log.base import Cursor
from cloud.warnings import tables as t
from cloud.warnings.decisions import people_from_json, people_json
from cloud.warnings.engine import Engine, EngineState
from cloud.warnings.gateways import Said
from cloud.warnings.incidents import IncidentState
from contract.conditions import packed
from contract.conditions.stored import Stored

log = logging.getLogger(__name__)

_JUDGED, _STATE = "judged", "state"
_REMOVE = delete(t.snapshots).where(t.snapshots.c.name == bindparam("of"), t.snapshots.c.part == bindparam("this"))
_PUT = insert(t.snapshots)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """cursor: of the last entry in it. state: conditions, detectors and people's mutes as they stood then.

    stored: the conditions one by one, where rules or catalogue of now are others than those that judged them: then
    `state` is under the rules of now.
    """

    cursor: Cursor
    state: EngineState
    stored: Sequence[Stored] | None


def make(engine: Engine, state: EngineState, cursor: Cursor) -> bytes:
    """What `read` reads."""
    more = {
        "cursor": cursor,
        "judged": engine.judged_checksum,
        "detectors": engine.dump_detectors(state),
        "people": people_json(state.people),
        "simulated": sorted(state.incidents.said.simulated),
        "real": sorted(state.incidents.said.real),
        "now_ms": state.now_ms,
    }
    return packed.pack(state.conditions, more)


def write(db: Connection, name: str, judged: bytes | None, snapshot: bytes) -> None:
    """In the place of the one before. judged: None: as it stands there."""
    parts = {_STATE: snapshot} if judged is None else {_JUDGED: judged, _STATE: snapshot}
    for part, body in parts.items():
        db.execute(_REMOVE, {"of": name, "this": part})
        db.execute(_PUT, {"name": name, "part": part, "body": body})


def cursor_of(parts: Mapping[str, bytes]) -> Cursor | None:
    """Of the last entry in a snapshot, by its parts; None: there is none that can be read."""
    try:
        return Cursor(int(packed.stored(parts[_JUDGED], parts[_STATE])[1]["cursor"]))
    except (LookupError, TypeError, ValueError):
        return None


def place(db: Connection, name: str) -> Cursor | None:
    """Of the last entry in the last one; None: there is none that can be read."""
    rows = db.execute(select(t.snapshots.c.part, t.snapshots.c.body).where(t.snapshots.c.name == name))
    return cursor_of({part: bytes(body) for part, body in rows})


def read(db: Connection, name: str, engine: Engine) -> Snapshot | None:
    """The last one. None: there is none, or none that can be read; the log says which."""
    rows = db.execute(select(t.snapshots.c.part, t.snapshots.c.body).where(t.snapshots.c.name == name))
    parts = {part: bytes(body) for part, body in rows}
    if not parts:
        return None
    try:
        judged, body = parts[_JUDGED], parts[_STATE]
        conditions, stored = engine.initial().conditions, None
        if judged == engine.judged():
            more = packed.unpack(body, conditions)
        else:
            stored, more = packed.stored(judged, body)
            conditions = engine.restore_conditions(stored)
        if more["judged"] != packed.checksum(judged):
            raise packed.Unreadable("its parts are not of one snapshot")
        state = EngineState(
            conditions,
            incidents=IncidentState(said=Said(frozenset(more["simulated"]), frozenset(more.get("real", ())))),
            detectors=engine.restore_detectors(more["detectors"]),
            people=people_from_json(more["people"]),
            now_ms=int(more["now_ms"]),
        )
        return Snapshot(Cursor(int(more["cursor"])), state, stored)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        what = "the snapshot of the warnings' conditions cannot be read (%s): they are found again from the log"
        log.warning(what, error)
        return None
