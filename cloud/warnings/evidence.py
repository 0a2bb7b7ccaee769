"""What conditions with a level say for an incident: what it rests on, how high it is, how sure. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cloud.warnings.model import Certainty, Evidence, Incident
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.limits import RISE_MS
from contract.conditions.state import Condition, ConditionState, Doubt
from contract.conditions.targets import ConditionKey, Target, TargetKind

_WORST_FIRST = sorted(Level, key=lambda level: level.rank, reverse=True)


class EvidenceOf:
    """Makes evidence of conditions, anew only of those that moved.

    quantities: of each condition, what the values that it judges are. gateways: as `gateways_of` gives them.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        quantities: Mapping[ConditionKey, Quantity],
        gateways: Mapping[Target, frozenset[str]],
    ) -> None:
        self._catalogue, self._quantities, self._gateways = catalogue, quantities, gateways
        self._over_s = {r.id: float(r.settings["window_s"]) for r in catalogue.rules if r.detector == "rain_window"}
        self._made: dict[ConditionKey, tuple[Condition, Evidence]] = {}

    def of(self, c: Condition, simulated: frozenset[str]) -> Evidence:
        """c: with a level. simulated: gateways whose readings are of no real place."""
        played = bool(simulated) and not simulated.isdisjoint(self._gateways.get(c.key.target, ()))
        made = self._made.get(c.key)
        if made is None or made[0] is not c or made[1].simulated is not played:
            made = self._made[c.key] = c, self._of(c, played)
        return made[1]

    def _of(self, c: Condition, simulated: bool) -> Evidence:
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
            simulated,
            self._over_s.get(c.key.rule),
        )


def as_it_stood(incident: Incident, stood: Mapping[ConditionKey, Condition]) -> Incident:
    """The incident with the values of conditions as they stood. Which of them speak for it, at which level and since
    when, stays as it was, and those that are not in `stood` altogether."""

    def seen(e: Evidence) -> Evidence:
        c = stood.get(e.key)
        if c is None:
            return e
        e = replace(e, channel=c.channel, state=c.state, value=c.shown_value, time_ms=c.shown_ms)
        return replace(e, rise_per_min=c.rise_per_min, doubt=c.doubt.value)

    return replace(incident, evidence=tuple(map(seen, incident.evidence)))


def without_old_rises(incident: Incident, now_ms: int) -> Incident:
    """As it is to be told at `now_ms`: how fast water rose is not said of a reading older than the minutes over which a
    rise is measured. A tunnel that is full to the roof no longer rises, and a sensor that drowned says nothing."""
    old_ms = now_ms - RISE_MS
    if all(e.rise_per_min is None or e.time_ms is None or e.time_ms >= old_ms for e in incident.evidence):
        return incident
    told = (e if e.time_ms is None or e.time_ms >= old_ms else replace(e, rise_per_min=None) for e in incident.evidence)
    return replace(incident, evidence=tuple(told))


def highest(wet: Sequence[Condition]) -> Level:
    """Of conditions with a level."""
    found = {c.level for c in wet}
    return next(level for level in _WORST_FIRST if level in found)


def certainty(wet: Sequence[Condition], level: Level, before: Certainty = Certainty.POSSIBLE) -> Certainty:
    """How far readings speak for the level: Observed by a trusted one, Likely by a doubted one, Possible by one that
    may have drifted, and where all that did are silent. level: the highest of them. before: of the incident, which
    stays while all are clearing: a reading below a level does not speak for it."""
    top = [c for c in wet if c.level is level]
    speak = [c for c in top if c.state not in (ConditionState.UNKNOWN, ConditionState.CLEARING)]
    if any(not c.suspect for c in speak):
        return Certainty.OBSERVED
    if any(c.doubt is not Doubt.DRIFT for c in speak):
        return Certainty.LIKELY
    clearing = any(c.state is ConditionState.CLEARING for c in top)
    return before if clearing and not speak else Certainty.POSSIBLE
