"""Conditions -> incidents -> CAP messages, as one pure step. Live, restart and replay share it."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloud.warnings.cap import CapWriter
from cloud.warnings.incidents import Incidents, IncidentState
from cloud.warnings.model import Incident, Message, MsgType
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.conditions.latches import Conditions, State
from contract.conditions.state import Change, Late
from contract.readings import Bools, Int64s, ReadingBatch


@dataclass(slots=True)
class EngineState:
    """earlier: messages of open incidents, as far as references need them; number: of the last message."""

    conditions: State
    incidents: IncidentState = field(default_factory=IncidentState)
    earlier: dict[str, list[Message]] = field(default_factory=dict)
    number: int = 0


@dataclass(slots=True)
class Outcome:
    """What one step brought. incidents: as they stand after it, those that were told of or changed.

    channels, zones: whose condition or open incident it may have altered; what is stored of the others still holds.
    """

    changes: list[Change] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    channels: set[int] = field(default_factory=set)
    zones: list[str] = field(default_factory=list)


class Engine:
    def __init__(self, catalogue: Catalogue, settings: WarningSettings) -> None:
        self._conditions = Conditions(catalogue.rule_by_channel)
        self._incidents = Incidents(catalogue, settings)
        self._writer = CapWriter(catalogue, settings)

    def initial(self) -> EngineState:
        return EngineState(self._conditions.initial())

    def heeded(self, batch: ReadingBatch, now_ms: Int64s) -> Bools:
        """See `contract.conditions.latches.Conditions.heeded`."""
        return self._conditions.heeded(batch, now_ms)

    def step(self, state: EngineState, batch: ReadingBatch, now_ms: int) -> tuple[EngineState, Outcome]:
        out = Outcome()
        state.conditions, out.changes, out.late = self._conditions.step(state.conditions, batch, now_ms)
        out.channels = state.conditions.moved
        state.incidents, announcements = self._incidents.step(state.incidents, state.conditions, out.channels, now_ms)
        out.zones = state.incidents.looked_at
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
        changed = self._incidents.zones_of(c.channel for c in out.changes)
        still_open = [state.incidents.open[zone].incident for zone in changed if zone in state.incidents.open]
        out.incidents += [i for i in still_open if i.id not in told]
        return state, out
