"""Readings -> findings -> conditions -> incidents -> CAP messages: one pure step, for live, restart and replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cloud.log.decision import Decision, DecisionKind
from cloud.warnings.cap import CapWriter
from cloud.warnings.detectors.registry import make_detectors
from cloud.warnings.incidents import Incidents, IncidentState
from cloud.warnings.model import Incident, Message, MsgType
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.conditions.findings import Findings
from contract.conditions.latches import Conditions, State
from contract.conditions.state import Change, Late
from contract.conditions.targets import ConditionKey
from contract.readings import Bools, Int64s, ReadingBatch


@dataclass(slots=True)
class EngineState:
    """earlier: messages of open incidents, as far as references need them; number: of the last message.

    detectors: by word, what each remembers.
    """

    conditions: State
    incidents: IncidentState = field(default_factory=IncidentState)
    earlier: dict[str, list[Message]] = field(default_factory=dict)
    number: int = 0
    detectors: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What one step brought. incidents: as they stand after it, those that were told of or changed.

    conditions, zones: those it may have altered, the zones by their open incident; what is stored of the others holds.
    unheeded: decisions of kinds that this release cannot carry out: a newer one wrote them.
    """

    changes: list[Change] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    conditions: list[ConditionKey] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)
    unheeded: list[Decision] = field(default_factory=list)


# A release from quarantine is carried out by the entry of readings beside it.
_NOT_OF_WARNINGS = frozenset({DecisionKind.RELEASE})


class Engine:
    """The warnings of a district: which conditions its rules make of readings, and what is to be said of them."""

    def __init__(self, catalogue: Catalogue, settings: WarningSettings) -> None:
        self._detectors = make_detectors(catalogue)
        rules = {rule.id: rule for rule in catalogue.rules}
        quantities = {
            key: quantity
            for _, detector in self._detectors
            for key, quantity in zip(detector.conditions, detector.quantities, strict=True)
        }
        self._conditions = Conditions({key: rules[key.rule] for key in quantities})
        place = {key: n for n, key in enumerate(self._conditions.keys)}
        # A detector's own list of conditions -> places in the list of all.
        self._places = {
            word: np.array([place[key] for key in detector.conditions], np.int64) for word, detector in self._detectors
        }
        self._incidents = Incidents(catalogue, quantities, settings)
        self._writer = CapWriter(catalogue, settings)

    def initial(self) -> EngineState:
        """Before the first entry of the log."""
        remembered = {word: detector.initial() for word, detector in self._detectors}
        return EngineState(self._conditions.initial(), detectors=remembered)

    def dump_detectors(self, state: EngineState) -> dict[str, Any]:
        """What each detector remembers, by word, as plain values for JSON; those that remember nothing are left out."""
        found = {word: detector.dump(state.detectors[word]) for word, detector in self._detectors}
        return {word: data for word, data in found.items() if data is not None}

    def restore_detectors(self, data: dict[str, Any]) -> dict[str, Any]:
        """What `dump_detectors` gave; a detector of which nothing is kept begins anew.

        Raises LookupError, ValueError or TypeError on anything else.
        """
        return {
            word: detector.restore(data[word]) if word in data else detector.initial()
            for word, detector in self._detectors
        }

    def heeded(self, batch: ReadingBatch, now_ms: Int64s) -> Bools:
        """Which readings any detector needs, shape (n,). now_ms: shape (n,), of the step in which each reading comes.

        Leaving the others out beforehand alters nothing.
        """
        out = np.zeros(len(batch), np.bool_)
        for _, detector in self._detectors:
            out |= detector.heeded(batch, now_ms)
        return out

    def step(
        self, state: EngineState, batch: ReadingBatch, now_ms: int, decisions: Sequence[Decision] = ()
    ) -> tuple[EngineState, Outcome]:
        """The warnings after one entry of the log: its readings, what people decided in it, or time alone.

        now_ms: when the entry was appended, UTC. Consumes `state`.
        """
        out = Outcome(unheeded=[d for d in decisions if d.kind not in _NOT_OF_WARNINGS])
        found = []
        for word, detector in self._detectors:
            state.detectors[word], own = detector.step(state.detectors[word], batch, now_ms)
            if len(own):
                found.append(Findings(self._places[word][own.condition], own.time_ms, own.channel, own.value, own.flag))
        together = Findings.concat(found)
        state.conditions, out.changes, out.late = self._conditions.step(state.conditions, together, now_ms)
        out.conditions = state.conditions.moved
        state.incidents, announcements = self._incidents.step(state.incidents, state.conditions, out.conditions, now_ms)
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
        written = {i.id for i in out.incidents}
        changed = self._incidents.zones_of(c.key.target for c in out.changes)
        still_open = [state.incidents.open[zone].incident for zone in changed if zone in state.incidents.open]
        out.incidents += [i for i in still_open if i.id not in written]
        return state, out
