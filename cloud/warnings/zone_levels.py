"""When each zone was told to be at which level, by the messages of its incidents. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cloud.warnings.model import Evidence, Incident, MsgType
from contract.catalogue.rules import Level


@dataclass(frozen=True, slots=True)
class Told:
    """Of a message what it says of levels. level: None of a blind notice, and of the water nothing is known then."""

    sent_ms: int
    msg_type: MsgType
    level: Level | None
    evidence: Sequence[Evidence] = ()


@dataclass(frozen=True, slots=True)
class ZoneLevel:
    """A zone stood at a level, or above it where that was asked, from begin_ms to end_ms, UTC; None: it still does.

    level: None where its sensors were silent, so that nobody knows.
    """

    zone: str
    level: Level | None
    begin_ms: int
    end_ms: int | None
    incident: str


def zone_levels(
    incident: Incident, told: Sequence[Told], zone_of: Mapping[str, str], least: Level | None = None
) -> list[ZoneLevel]:
    """By zone and time. told: all of its messages, oldest first. zone_of: by station; evidence at others is of no zone.

    A level holds from the message that tells it to the next one that tells another; the end of the incident ends it. An
    incident of one zone is at the level of its messages; of several, each is at the worst level of its own evidence.
    least: spells at that level or above, each as long as that lasts, however it changes in between.
    """
    out: list[ZoneLevel] = []
    standing: dict[str, ZoneLevel] = {}
    for at_ms, now in _steps(incident, told, zone_of):
        wanted = {
            zone: least if least is not None else level
            for zone, level in now.items()
            if least is None or (level is not None and level.rank >= least.rank)
        }
        over = [z for z, s in standing.items() if z not in wanted or wanted[z] is not s.level]
        out += [replace(standing.pop(zone), end_ms=at_ms) for zone in over]
        for zone, level in wanted.items():
            standing.setdefault(zone, ZoneLevel(zone, level, at_ms, None, incident.id))
    out += standing.values()
    return sorted((s for s in out if s.begin_ms != s.end_ms), key=lambda s: (s.zone, s.begin_ms))


def _steps(
    incident: Incident, told: Sequence[Told], zone_of: Mapping[str, str]
) -> Iterator[tuple[int, dict[str, Level | None]]]:
    """Every moment at which something was told, and the level of each zone from then on."""
    zones = incident.zones or (incident.zone,)
    for m in told:
        if m.msg_type is MsgType.CANCEL:
            yield m.sent_ms, {}
        elif len(zones) == 1 or not m.evidence:
            yield m.sent_ms, dict.fromkeys(zones, m.level)
        else:
            worst: dict[str, Level | None] = {}
            for e in m.evidence:
                zone = zone_of.get(e.station or "")
                if zone is not None:
                    before = worst.get(zone)
                    worst[zone] = e.level if before is None or e.level.rank > before.rank else before
            yield m.sent_ms, worst
    if incident.closed_ms is not None:
        yield max(incident.closed_ms, told[-1].sent_ms if told else incident.closed_ms), {}
