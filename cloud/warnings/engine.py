"""Readings -> findings -> conditions -> incidents -> CAP messages: one pure step, for live, restart and replay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from cloud.log.decision import Decision, DecisionKind
from cloud.log.origin import Origin
from cloud.warnings import decisions
from cloud.warnings.blind import AWAY_MS, Blindness
from cloud.warnings.cap import CapWriter
from cloud.warnings.detectors.base import PerReading
from cloud.warnings.detectors.registry import make_detectors
from cloud.warnings.gateways import gateways_of
from cloud.warnings.incidents import Incidents, IncidentState
from cloud.warnings.model import Announcement, Incident, Message, MsgType
from cloud.warnings.settings import WarningSettings
from cloud.warnings.waiting import Waiting
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import FOUND, Quantity
from contract.catalogue.rules import Rule
from contract.conditions import packed
from contract.conditions.columns import NO_LEVEL, State
from contract.conditions.findings import Findings
from contract.conditions.going_back import go_back
from contract.conditions.latches import Conditions
from contract.conditions.limits import Watched
from contract.conditions.reconciling import as_they_stood, restore
from contract.conditions.state import Change, Condition, Late
from contract.conditions.stored import Stored
from contract.conditions.targets import ConditionKey, Target, TargetKind
from contract.readings import Bools, Int64s, ReadingBatch


@dataclass(slots=True)
class EngineState:
    """earlier: messages of open incidents, as far as references need them: without text, evidence and references.
    number: of the last message.

    detectors: by word, what each remembers. people: what people decided and holds still. standing: conditions as they
    stood after the last entry, those with a level and those that changed. It follows from `conditions`. now_ms: of the
    last entry. zone_names: by id, of the catalogue's zones, and of those it has no longer that were told of.
    """

    conditions: State
    incidents: IncidentState = field(default_factory=IncidentState)
    earlier: dict[str, list[Message]] = field(default_factory=dict)
    number: int = 0
    detectors: dict[str, Any] = field(default_factory=dict)
    people: decisions.People = field(default_factory=decisions.People)
    standing: dict[ConditionKey, Condition] | None = None
    now_ms: int = 0
    zone_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What one entry brought. incidents: as they stand after it, those that were told of or changed.

    zones: those whose open incident it may have altered.
    unheeded: decisions of kinds that this release cannot carry out: a newer one wrote them.
    untold: messages that could not be written, and those that were in other words than the district's, each with why.
    """

    changes: list[Change] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)
    unheeded: list[Decision] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)


# A release from quarantine is carried out by the entry of readings beside it.
_KNOWN = decisions.KINDS | {DecisionKind.RELEASE}


class Engine:
    """The warnings of a district: which conditions its rules make of readings, and what is to be said of them."""

    def __init__(self, catalogue: Catalogue, settings: WarningSettings) -> None:
        self._catalogue = catalogue
        self._detectors = make_detectors(catalogue)
        rules = {rule.id: rule for rule in catalogue.rules}
        quantities = {
            key: quantity
            for _, detector in self._detectors
            for key, quantity in zip(detector.conditions, detector.quantities, strict=True)
        }
        self._conditions = Conditions(
            {key: _watched(catalogue, key, rules[key.rule], quantity) for key, quantity in quantities.items()}
        )
        place = {key: n for n, key in enumerate(self._conditions.keys)}
        # A detector's own list of conditions -> places in the list of all.
        self._places = {
            word: np.array([place[key] for key in detector.conditions], np.int64) for word, detector in self._detectors
        }
        self._rows_of: dict[str, list[int]] = defaultdict(list)
        gateways = gateways_of(catalogue)
        for key, n in place.items():
            for gateway in gateways.get(key.target, ()):
                self._rows_of[gateway].append(n)
        self._judged: bytes | None = None
        self._incidents = Incidents(catalogue, quantities, settings, gateways)
        # A zone whose rain alone is known is blind to its water; a rate is known where its level is.
        measured = [key for key, quantity in quantities.items() if quantity not in FOUND]
        self._blindness = Blindness(catalogue, measured, settings, gateways)
        self._writer = CapWriter(catalogue, settings)

    def initial(self) -> EngineState:
        """Before the first entry of the log."""
        remembered = {word: detector.initial() for word, detector in self._detectors}
        names = {zone.id: zone.name for zone in self._catalogue.zones.values()}
        return EngineState(self._conditions.initial(), detectors=remembered, zone_names=names)

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

    def restore_conditions(self, stored: Iterable[Stored]) -> State:
        """Conditions as they were stored, under the rules of now; see `contract.conditions.reconciling.restore`."""
        return restore(self._conditions, stored)

    def judged(self) -> bytes:
        """Which conditions there are and by what they are judged, see `contract.conditions.packed`."""
        if self._judged is None:
            self._judged = packed.judged(self._conditions)
        return self._judged

    @cached_property
    def judged_checksum(self) -> int:
        """Of `judged`; a snapshot a second names it."""
        return packed.checksum(self.judged())

    def step(
        self,
        state: EngineState,
        batch: ReadingBatch,
        now_ms: int,
        decisions: Sequence[Decision] = (),
        origins: Sequence[Origin] = (),
    ) -> tuple[EngineState, Outcome]:
        """The warnings after one entry of the log: its readings, what people decided or gateways said of themselves in
        it, or time alone.

        now_ms: of the entry, UTC; less than before where the log was put right. Consumes `state`.
        """
        entry, now = np.zeros(len(batch), np.int64), np.array([now_ms], np.int64)
        state, (out,) = self.steps(state, Waiting(batch, entry, now, [decisions], [origins]))
        return state, out

    def steps(self, state: EngineState, waiting: Waiting) -> tuple[EngineState, list[Outcome]]:
        """The warnings after some entries, and what each brought: the same, however entries are grouped into steps.

        Consumes `state`.
        """
        outcomes = [Outcome(unheeded=[d for d in ds if d.kind not in _KNOWN]) for ds in waiting.decisions]
        if state.standing is None:
            state.standing = _standing(state.conditions)
            speak = {e.key for o in state.incidents.open.values() for e in o.incident.evidence}
            stood, alike = as_they_stood(state.conditions, speak)
            state.incidents = self._incidents.refresh(state.incidents, state.standing if alike else {}, stood)
            self._blindness.begin(state.incidents.blind, state.conditions)
        for first, end in self._stretches(state, waiting):
            self._stretch(state, waiting.take(first, end), outcomes[first:end])
        return state, outcomes

    def recall(self, state: EngineState, waiting: Waiting) -> EngineState:
        """What conditions, detectors and people's mutes are after some entries of which everything was told: nothing is
        made of it. Consumes `state`."""
        state.standing = {}
        for first, end in self._stretches(state, waiting):
            part = waiting.take(first, end)
            self._decide(state, part.decisions[0], int(part.now_ms[0]), Outcome())
            found, entry = self._findings(state, part)
            state.conditions, _ = self._conditions.steps(state.conditions, found, entry, part.now_ms)
        state.standing = None
        return state

    def _stretches(self, state: EngineState, waiting: Waiting) -> Iterator[tuple[int, int]]:
        """Entries between which nothing but readings and time alters conditions; what else does so before each stretch
        is done. state.now_ms: of the last entry of the stretch before."""
        for first, end in waiting.stretches():
            now_ms = int(waiting.now_ms[first])
            if now_ms < state.now_ms:
                self._go_back(state, now_ms)
            for origin in waiting.origins[first] if waiting.origins else ():
                self._hear_origin(state, origin, now_ms)
            yield first, end
            state.now_ms = int(waiting.now_ms[end - 1])

    def _go_back(self, state: EngineState, now_ms: int) -> None:
        """The log was ahead of time and is put right."""
        go_back(state.conditions, self._conditions.limits, now_ms)
        state.standing = _standing(state.conditions)
        state.incidents.go_back(now_ms)
        self._blindness.begin(state.incidents.blind, state.conditions)

    def _hear_origin(self, state: EngineState, origin: Origin, now_ms: int) -> None:
        """Where a gateway's readings come from. What it said before, when it was something else, is believed no more:
        a simulation neither holds nor ends what was measured, nor the other way round."""
        played = self._incidents.played
        before = played(state.incidents.said)
        state.incidents.hear_origin(origin)
        altered = sorted(before ^ played(state.incidents.said))
        for gateway in altered:
            state.conditions.begin_anew(np.array(self._rows_of.get(gateway, ()), np.int64), now_ms)
        if altered:
            self._blindness.begin(state.incidents.blind, state.conditions)

    def _stretch(self, state: EngineState, waiting: Waiting, outcomes: Sequence[Outcome]) -> None:
        """Entries between which nothing but readings and time alters conditions."""
        assert state.standing is not None
        decided, ended = self._decide(state, waiting.decisions[0], int(waiting.now_ms[0]), outcomes[0])
        found, entry = self._findings(state, waiting)
        state.conditions, brought = self._conditions.steps(state.conditions, found, entry, waiting.now_ms)
        for at, change in brought.changes:
            outcomes[at].changes.append(change)
        for at, note in brought.late:
            outcomes[at].late.append(note)
        stands = brought.stands
        k = 0
        before_ms = state.now_ms
        for at, (now_ms, out) in enumerate(zip(waiting.now_ms.tolist(), outcomes, strict=True)):
            if now_ms - before_ms > AWAY_MS:
                state.incidents.blind.awake(now_ms)
            before_ms = now_ms
            moved = decided if at == 0 else []
            while k < len(stands) and stands[k][0] == at:
                c = stands[k][1]
                state.standing[c.key] = c
                moved.append(c.key)
                k += 1
            if moved or out.changes or waiting.decisions[at] or state.incidents.due(now_ms):
                self._tell(state, moved, now_ms, out, ended if at == 0 else ())

    def _findings(self, state: EngineState, waiting: Waiting) -> tuple[Findings, Int64s]:
        """What every detector finds in these entries, and the place of the entry of each finding, rising."""
        found, entries = [], []
        for word, detector in self._detectors:
            if isinstance(detector, PerReading):
                own, reading = detector.found(waiting.batch)
                parts = [(own, waiting.entry[reading])]
            else:
                parts = []
                for at, now_ms in enumerate(waiting.now_ms.tolist()):
                    batch = waiting.take(at, at + 1).batch
                    state.detectors[word], own = detector.step(state.detectors[word], batch, now_ms)
                    parts.append((own, np.full(len(own), at, np.int64)))
            for own, entry in parts:
                if len(own):
                    place = self._places[word][own.condition]
                    found.append(Findings(place, own.time_ms, own.channel, own.value, own.flag))
                    entries.append(entry)
        if len(found) <= 1:
            return Findings.concat(found), entries[0] if entries else np.empty(0, np.int64)
        entry = np.concatenate(entries)
        order = np.argsort(entry, kind="stable")
        return Findings.concat(found).take(order), entry[order]

    def _decide(
        self, state: EngineState, decided: Sequence[Decision], now_ms: int, out: Outcome
    ) -> tuple[list[ConditionKey], list[Announcement]]:
        """What people decided in an entry: the conditions that it moves, and the incidents that it ends."""
        assert state.standing is not None
        moved, ended = [], []
        for decision in decided:
            opened = [*(o.incident for o in state.incidents.open.values()), *state.incidents.blind.opened()]
            state.people, effect = decisions.decide(state.people, decision, self._catalogue, opened, now_ms)
            match effect:
                case decisions.Muted(target):
                    for key, change in self._mute(state, target, now_ms):
                        state.standing[key] = state.conditions[key]
                        moved.append(key)
                        out.changes += change
                case decisions.Noted(incident):
                    state.incidents.note(incident)
                    out.incidents.append(incident)
                    out.zones = [*out.zones, incident.zone]
                case decisions.End(incident, how):
                    state.incidents, announcements = self._incidents.end(state.incidents, incident, how, now_ms)
                    ended += announcements
                    ended += self._blindness.end(state.incidents.blind, incident, how, now_ms)
                    out.zones = [*out.zones, *(a.incident.zone for a in announcements)]
        return moved, ended

    def _mute(self, state: EngineState, target: Target, now_ms: int) -> Iterator[tuple[ConditionKey, list[Change]]]:
        """The conditions of a channel, or of a station and its channels, are muted for as long as anybody said."""
        for key in self._of_place(target):
            until_ms = decisions.muted_until(state.people, self._places_of(key))
            yield key, self._conditions.mute(state.conditions, [state.conditions.rows[key]], until_ms, now_ms)

    def _of_place(self, target: Target) -> list[ConditionKey]:
        return [key for key in self._conditions.keys if target in self._places_of(key)]

    def _places_of(self, key: ConditionKey) -> tuple[Target, ...]:
        """By what a condition's sensors are muted: its channel, and the station of that."""
        if key.target.kind is not TargetKind.CHANNEL:
            return (key.target,)
        return key.target, Target.of_station(self._catalogue.channels[int(key.target.id)].station.id)

    def _tell(
        self,
        state: EngineState,
        moved: Sequence[ConditionKey],
        now_ms: int,
        out: Outcome,
        ended: Sequence[Announcement] = (),
    ) -> None:
        """The incidents after one entry, and the messages that are due. ended: by people, in this entry."""
        assert state.standing is not None
        state.incidents, announcements = self._incidents.step(
            state.incidents, state.standing, moved, now_ms, out.changes
        )
        out.zones = sorted({*out.zones, *state.incidents.looked_at})
        warned = (o.incident for o in state.incidents.open.values())
        alters = [state.standing[key] for key in moved]
        blind = state.incidents.blind
        played = self._incidents.played(state.incidents.said)
        announcements += self._blindness.step(blind, alters, warned, played, now_ms)
        for a in (*ended, *announcements):
            earlier = state.earlier.setdefault(a.incident.id, [])
            try:
                message = self._writer.write(a, state.number + 1, earlier, now_ms, state.zone_names)
            except (ValueError, TypeError, LookupError, ArithmeticError) as error:  # of one zone: the others go on
                zone = a.incident.zone
                out.untold.append(f"{a.why.value} of {a.incident.id} in {zone} is NOT TOLD to anybody: {_said(error)}")
            else:
                state.number += 1
                earlier.append(replace(message, references=(), cap_xml=b"", evidence=()))
                out.messages.append(message)
                out.untold += [f"{message.id} is told in our own words: {fault}" for fault in self._writer.faults()]
            out.incidents = [i for i in out.incidents if i.id != a.incident.id]
            out.incidents.append(self._stands(state, a))
            if a.msg_type is MsgType.CANCEL:
                state.earlier.pop(a.incident.id, None)
        written = {i.id for i in out.incidents}
        changed = self._incidents.zones_of(c.key.target for c in out.changes if c.key in state.conditions.rows)
        still_open = [state.incidents.open[zone].incident for zone in changed if zone in state.incidents.open]
        out.incidents += [i for i in still_open if i.id not in written]

    def _stands(self, state: EngineState, a: Announcement) -> Incident:
        """The incident of a message as it stands, which a renewal does not tell."""
        if a.incident.blind:
            return next((i for i in state.incidents.blind.opened() if i.id == a.incident.id), a.incident)
        current = state.incidents.open.get(a.incident.zone)
        return a.incident if a.msg_type is MsgType.CANCEL or current is None else current.incident


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _standing(conditions: State) -> dict[ConditionKey, Condition]:
    """Those with a level: of the others an incident asks nothing."""
    found = conditions.all_at(np.flatnonzero(conditions.level != NO_LEVEL))
    return {c.key: c for c in found}


def _watched(catalogue: Catalogue, key: ConditionKey, rule: Rule, quantity: Quantity) -> Watched:
    """quantity: of the values found. With the period of the channel, and whether they are depths of water; other
    targets have neither."""
    if key.target.kind is not TargetKind.CHANNEL:
        return Watched(rule)
    info = catalogue.channels[int(key.target.id)]
    return Watched(rule, info.period_s, quantity is Quantity.DEPTH, quantity.value)
