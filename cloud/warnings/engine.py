"""Conditions -> incidents -> CAP messages, as one pure step. Live, restart and replay share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloud.warnings import incidents as inc
from cloud.warnings.cap import CapWriter
from cloud.warnings.incidents import Incidents, IncidentState
from cloud.warnings.settings import WarningSettings
from cloud.warnings.types import Incident, Message, MsgType
from contract import conditions as cond
from contract.catalogue import Catalogue
from contract.conditions import Change, Conditions, Late, State
from contract.models import Level
from contract.readings import ReadingBatch


@dataclass(slots=True)
class EngineState:
    """earlier: messages of open incidents, as far as references need them; number: of the last message."""

    conditions: State
    incidents: IncidentState = field(default_factory=IncidentState)
    earlier: dict[str, list[Message]] = field(default_factory=dict)
    number: int = 0


@dataclass(slots=True)
class Outcome:
    """What one step brought. incidents: as they stand after it, those that were told of or changed."""

    changes: list[Change] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


class Engine:
    def __init__(self, catalogue: Catalogue, settings: WarningSettings) -> None:
        self._conditions = Conditions(catalogue.rule_by_channel)
        self._incidents = Incidents(catalogue, settings)
        self._writer = CapWriter(catalogue, settings)

    def initial(self) -> EngineState:
        return EngineState(self._conditions.initial())

    def step(self, state: EngineState, batch: ReadingBatch, now_ms: int) -> tuple[EngineState, Outcome]:
        out = Outcome()
        state.conditions, out.changes, out.late = self._conditions.step(state.conditions, batch, now_ms)
        state.incidents, announcements = self._incidents.step(state.incidents, state.conditions, now_ms)
        for a in announcements:
            earlier = state.earlier.setdefault(a.incident.id, [])
            state.number += 1
            message = self._writer.write(a, state.number, earlier, now_ms)
            earlier.append(message)
            out.messages.append(message)
            out.incidents.append(a.incident)
            if a.msg_type is MsgType.CANCEL:
                del state.earlier[a.incident.id]
        told = {i.id for i in out.incidents}
        if out.changes:
            out.incidents += [o.incident for o in state.incidents.open.values() if o.incident.id not in told]
        return state, out


def dump(state: EngineState) -> dict[str, Any]:
    """For JSON."""
    return {
        "conditions": cond.dump(state.conditions),
        "incidents": inc.dump(state.incidents),
        "earlier": {
            i: [{"id": m.id, "sent_ms": m.sent_ms, "type": m.msg_type.value, "level": m.level.value} for m in messages]
            for i, messages in state.earlier.items()
        },
        "number": state.number,
    }


def restore(data: Mapping[str, Any], fresh: EngineState) -> EngineState:
    """What `dump` gave. Conditions that a changed catalogue has added begin as in `fresh`; those it took away go."""
    found = cond.restore(data["conditions"])
    conditions = {}
    for channel, begin in fresh.conditions.items():
        old = found.get(channel, begin)
        same_levels = old.latches.keys() == begin.latches.keys()
        conditions[channel] = old if same_levels else begin
    earlier = {
        i: [Message(m["id"], i, m["sent_ms"], MsgType(m["type"]), Level(m["level"]), (), b"") for m in messages]
        for i, messages in data["earlier"].items()
    }
    return EngineState(conditions, inc.restore(data["incidents"]), earlier, data["number"])
