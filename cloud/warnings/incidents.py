"""What a zone's conditions amount to: one incident, many updates. Pure.

An incident opens with the first level in its zone and closes when none is left. It gets a message
- when it opens, when it closes, and at once when it gets worse;
- after a quiet time (`quiet_s`) when it eases or its certainty changes;
- after a longer one (`evidence_s`) when another station joins it or anything else about its evidence changes;
- before its last message expires.
Two hundred wet sensors are not two hundred warnings. EEMUA 191 calls more than 10 alarms in 10 minutes a flood and
fewer than 6 an hour the target.

A step costs what has moved in it: zones in which nothing did are looked at when their next message may be due.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cloud.warnings.model import Certainty, Evidence, Incident, MsgType, Why
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.clock import iso
from contract.conditions.state import Condition, ConditionState
from contract.conditions.targets import ConditionKey, Target, TargetKind


@dataclass(frozen=True, slots=True)
class Announcement:
    """A message to be written about an incident as it stands."""

    incident: Incident
    msg_type: MsgType
    why: Why


@dataclass(slots=True)
class OpenIncident:
    """An open incident, and what its last message said. next_ms: when time alone may bring the next message."""

    incident: Incident
    sent_ms: int
    sent_level: Level
    sent_evidence: tuple[tuple[Target, str], ...]
    sent_certainty: Certainty
    next_ms: int = 0


@dataclass(slots=True)
class IncidentState:
    """wet: by zone, the conditions with a level; it follows from the conditions, and the first step makes it.

    looked_at: the zones that the last step may have altered.
    """

    open: dict[str, OpenIncident] = field(default_factory=dict)  # by zone
    wet: dict[str, set[ConditionKey]] | None = None
    looked_at: list[str] = field(default_factory=list)

    def due(self, now_ms: int) -> bool:
        """May time alone bring a message now?"""
        return self.wet is None or any(o.next_ms <= now_ms for o in self.open.values())


class Incidents:
    """quantities: of each condition, what the values that it judges are."""

    def __init__(
        self, catalogue: Catalogue, quantities: Mapping[ConditionKey, Quantity], settings: WarningSettings
    ) -> None:
        self._catalogue, self._quantities, self._settings = catalogue, quantities, settings
        self._zone = {Target.of_channel(c): info.station.zone for c, info in catalogue.channels.items()}
        self._zone |= {Target.of_station(s.id): s.zone for s in catalogue.stations.values()}
        self._zone |= {Target.of_zone(zone): zone for zone in catalogue.zones}
        self._place = {zone: n for n, zone in enumerate(catalogue.zones)}

    def zones_of(self, targets: Iterable[Target]) -> list[str]:
        """The zones in which these targets are, in the catalogue's order."""
        return sorted({self._zone[target] for target in targets}, key=self._place.__getitem__)

    def step(
        self,
        state: IncidentState,
        conditions: Mapping[ConditionKey, Condition],
        moved: Iterable[ConditionKey],
        now_ms: int,
    ) -> tuple[IncidentState, list[Announcement]]:
        """moved: the conditions that may have altered since the last step. `state` is consumed."""
        out: list[Announcement] = []
        if state.wet is None:  # a restart, perhaps with another catalogue: look at everything once
            state.wet = {zone: set() for zone in self._place}
            moved = list(conditions)
            state.open = {zone: o for zone, o in state.open.items() if zone in self._place}
        zones = set()
        for key in moved:
            zone = self._zone[key.target]
            zones.add(zone)
            (state.wet[zone].discard if conditions[key].level is None else state.wet[zone].add)(key)
        zones.update(zone for zone, o in state.open.items() if o.next_ms <= now_ms)
        state.looked_at = sorted(zones, key=self._place.__getitem__)
        for zone in state.looked_at:
            wet = [conditions[key] for key in sorted(state.wet[zone])]
            current = state.open.get(zone)
            if current is None:
                if wet:
                    state.open[zone] = self._open(zone, wet, now_ms, out)
            elif not wet:
                closed = replace(current.incident, updated_ms=now_ms, closed_ms=now_ms, evidence=())
                out.append(Announcement(closed, MsgType.CANCEL, Why.ENDED_DRY))
                del state.open[zone]
            else:
                self._go_on(current, wet, now_ms, out)
        return state, out

    def _open(self, zone: str, wet: list[Condition], now_ms: int, out: list[Announcement]) -> OpenIncident:
        evidence = [self._evidence(c) for c in wet]
        level, certainty = _highest(wet), _certainty(wet)
        name = f"{self._catalogue.district.id}-{zone}-{iso(now_ms)[:19].replace('-', '').replace(':', '')}"
        incident = Incident(name, zone, level, level, certainty, now_ms, now_ms, None, tuple(evidence))
        out.append(Announcement(incident, MsgType.ALERT, Why.OPENED))
        opened = OpenIncident(incident, now_ms, level, _gist(evidence), certainty)
        opened.next_ms = self._next_ms(opened)
        return opened

    def _go_on(self, current: OpenIncident, wet: list[Condition], now_ms: int, out: list[Announcement]) -> None:
        evidence = [self._evidence(c) for c in wet]
        level = _highest(wet)
        peak = max(current.incident.peak_level, level, key=lambda x: x.rank)
        current.incident = replace(
            current.incident,
            level=level,
            peak_level=peak,
            certainty=_certainty(wet),
            evidence=tuple(evidence),
        )
        current.next_ms = self._next_ms(current)
        if now_ms >= current.next_ms:
            incident = current.incident = replace(current.incident, updated_ms=now_ms)
            out.append(Announcement(incident, MsgType.UPDATE, _why(current)))
            current.sent_ms, current.sent_level, current.sent_evidence = now_ms, level, _gist(evidence)
            current.sent_certainty = incident.certainty
            current.next_ms = self._next_ms(current)

    def _next_ms(self, o: OpenIncident) -> int:
        """When the next Update of an incident as it stands is due."""
        now = o.incident
        if now.level.rank > o.sent_level.rank:
            return o.sent_ms
        expires_s = self._catalogue.response_plan.responses[o.sent_level].expires_s
        wait_s = max(expires_s / 2, expires_s - self._settings.renew_s)
        if now.level is not o.sent_level or now.certainty is not o.sent_certainty:
            wait_s = min(wait_s, self._settings.quiet_s)
        elif _gist(now.evidence) != o.sent_evidence:
            wait_s = min(wait_s, self._settings.evidence_s)
        return o.sent_ms + math.ceil(wait_s * 1000)

    def _evidence(self, c: Condition) -> Evidence:
        assert c.level is not None
        station = None if c.channel is None else self._catalogue.channels[c.channel].station.id
        if c.key.target.kind is TargetKind.STATION:
            station = str(c.key.target.id)
        return Evidence(
            c.key,
            c.channel,
            station,
            self._quantities[c.key],
            c.level,
            c.state,
            c.shown_value,
            c.shown_ms,
            c.rise_per_min,
            c.level_ms,
            c.doubt.value,
        )


def _why(o: OpenIncident) -> Why:
    """For what an incident as it stands gets an Update."""
    if o.incident.level is not o.sent_level:
        return Why.WORSE if o.incident.level.rank > o.sent_level.rank else Why.EASED
    if o.incident.certainty is not o.sent_certainty:
        return Why.CERTAINTY
    return Why.AREA if _gist(o.incident.evidence) != o.sent_evidence else Why.RENEWAL


def _highest(wet: list[Condition]) -> Level:
    return max((c.level for c in wet if c.level is not None), key=lambda level: level.rank)


def _gist(evidence: Iterable[Evidence]) -> tuple[tuple[Target, str], ...]:
    """What makes a difference to a reader: which targets, at which levels (the highest of any rule)."""
    out: dict[Target, Level] = {}
    for e in evidence:
        before = out.get(e.key.target)
        if before is None or e.level.rank > before.rank:
            out[e.key.target] = e.level
    return tuple((target, level.value) for target, level in out.items())


def _certainty(wet: list[Condition]) -> Certainty:
    """Observed when a trusted reading speaks for the level; Possible when all that do are silent."""
    highest = _highest(wet)
    top = [c for c in wet if c.level is highest]
    if any(c.state is not ConditionState.UNKNOWN and not c.suspect for c in top):
        return Certainty.OBSERVED
    if any(c.state is not ConditionState.UNKNOWN for c in top):
        return Certainty.LIKELY
    return Certainty.POSSIBLE
