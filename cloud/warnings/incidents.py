"""What a zone's conditions amount to: one incident, many updates. Pure.

An incident opens with the first level in its zone and closes when none is left. It gets a message when it opens, at
once when it gets worse, after a quiet time when it eases or its evidence changes, before its last message expires,
and when it closes. Two hundred wet sensors are not two hundred warnings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cloud.warnings.settings import WarningSettings
from cloud.warnings.types import Certainty, Evidence, Incident, MsgType
from contract.catalogue import Catalogue
from contract.clock import iso
from contract.conditions import Condition, ConditionState, State
from contract.models import Level


@dataclass(frozen=True, slots=True)
class Announcement:
    """A message to be written about an incident as it stands."""

    incident: Incident
    msg_type: MsgType


@dataclass(slots=True)
class Open:
    """An open incident, and what its last message said."""

    incident: Incident
    told_ms: int
    told_level: Level
    told_evidence: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class IncidentState:
    open: dict[str, Open] = field(default_factory=dict)  # by zone


class Incidents:
    def __init__(self, catalogue: Catalogue, settings: WarningSettings) -> None:
        self._catalogue, self._settings = catalogue, settings
        self._zone = {c: info.station.zone for c, info in catalogue.channels.items()}
        self._watched: dict[str, list[int]] = {z: [] for z in catalogue.zones}
        for c in sorted(catalogue.rule_by_channel):
            self._watched[self._zone[c]].append(c)

    def zone_of(self, channel: int) -> str:
        return self._zone[channel]

    def step(self, state: IncidentState, conditions: State, now_ms: int) -> tuple[IncidentState, list[Announcement]]:
        out: list[Announcement] = []
        for zone, channels in self._watched.items():
            evidence = [self._evidence(conditions[c]) for c in channels if conditions[c].level is not None]
            current = state.open.get(zone)
            if current is None:
                if evidence:
                    state.open[zone] = self._open(zone, evidence, conditions, now_ms, out)
            elif not evidence:
                closed = replace(current.incident, updated_ms=now_ms, closed_ms=now_ms, evidence=())
                out.append(Announcement(closed, MsgType.CANCEL))
                del state.open[zone]
            else:
                self._go_on(current, evidence, conditions, now_ms, out)
        return state, out

    def _open(
        self, zone: str, evidence: list[Evidence], conditions: State, now_ms: int, out: list[Announcement]
    ) -> Open:
        level = _highest(evidence)
        name = f"{self._catalogue.district.id}-{zone}-{iso(now_ms)[:19].replace('-', '').replace(':', '')}"
        incident = Incident(
            name, zone, level, level, _certainty(evidence, conditions), now_ms, now_ms, None, tuple(evidence)
        )
        out.append(Announcement(incident, MsgType.ALERT))
        return Open(incident, now_ms, level, _gist(evidence))

    def _go_on(
        self, current: Open, evidence: list[Evidence], conditions: State, now_ms: int, out: list[Announcement]
    ) -> None:
        level = _highest(evidence)
        peak = max(current.incident.peak_level, level, key=lambda x: x.rank)
        certainty = _certainty(evidence, conditions)
        incident = replace(
            current.incident, level=level, peak_level=peak, certainty=certainty, evidence=tuple(evidence)
        )
        worse = level.rank > current.told_level.rank
        other = level is not current.told_level or _gist(evidence) != current.told_evidence
        since_ms = now_ms - current.told_ms
        expires_ms = self._catalogue.response_plan.responses[current.told_level].expires_s * 1000
        renew = since_ms >= expires_ms - self._settings.renew_s * 1000
        if worse or renew or (other and since_ms >= self._settings.quiet_s * 1000):
            incident = replace(incident, updated_ms=now_ms)
            out.append(Announcement(incident, MsgType.UPDATE))
            current.told_ms, current.told_level, current.told_evidence = now_ms, level, _gist(evidence)
        current.incident = incident

    def _evidence(self, c: Condition) -> Evidence:
        assert c.level is not None
        station = self._catalogue.channels[c.channel].station.id
        return Evidence(c.channel, station, c.level, c.state, c.value, c.reading_ms)


def _highest(evidence: list[Evidence]) -> Level:
    return max((e.level for e in evidence), key=lambda level: level.rank)


def _gist(evidence: list[Evidence]) -> tuple[tuple[int, str], ...]:
    """What makes a difference to a reader: which channels, at which levels."""
    return tuple((e.channel, e.level.value) for e in evidence)


def _certainty(evidence: list[Evidence], conditions: State) -> Certainty:
    """Observed when a trusted reading speaks for the level; Possible when all that do are silent."""
    top = [conditions[e.channel] for e in evidence if e.level is _highest(evidence)]
    if any(c.state is not ConditionState.UNKNOWN and not c.suspect for c in top):
        return Certainty.OBSERVED
    if any(c.state is not ConditionState.UNKNOWN for c in top):
        return Certainty.LIKELY
    return Certainty.POSSIBLE


def dump(state: IncidentState) -> list[dict[str, Any]]:
    """For JSON."""
    return [
        {
            "incident": incident_json(o.incident),
            "told_ms": o.told_ms,
            "told_level": o.told_level.value,
            "told_evidence": [list(e) for e in o.told_evidence],
        }
        for o in state.open.values()
    ]


def restore(data: list[Mapping[str, Any]]) -> IncidentState:
    out = IncidentState()
    for row in data:
        incident = incident_from_json(row["incident"])
        gist = tuple((int(c), str(level)) for c, level in row["told_evidence"])
        out.open[incident.zone] = Open(incident, row["told_ms"], Level(row["told_level"]), gist)
    return out


def incident_json(i: Incident) -> dict[str, Any]:
    return {
        "id": i.id,
        "zone": i.zone,
        "level": i.level.value,
        "peak_level": i.peak_level.value,
        "certainty": i.certainty.value,
        "opened_ms": i.opened_ms,
        "updated_ms": i.updated_ms,
        "closed_ms": i.closed_ms,
        "evidence": [
            {
                "channel": e.channel,
                "station": e.station,
                "level": e.level.value,
                "state": e.state.value,
                "value": e.value,
                "time_ms": e.time_ms,
            }
            for e in i.evidence
        ],
    }


def incident_from_json(data: Mapping[str, Any]) -> Incident:
    evidence = tuple(
        Evidence(e["channel"], e["station"], Level(e["level"]), ConditionState(e["state"]), e["value"], e["time_ms"])
        for e in data["evidence"]
    )
    return Incident(
        data["id"],
        data["zone"],
        Level(data["level"]),
        Level(data["peak_level"]),
        Certainty(data["certainty"]),
        data["opened_ms"],
        data["updated_ms"],
        data["closed_ms"],
        evidence,
    )
