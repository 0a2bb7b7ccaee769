"""What is new in an incident since it was last told, and how long that may wait. Pure.

| What | Why | May wait |
| --- | --- | --- |
| the incident's level rose | worse | not at all |
| a person muted what it rests on, or took that back | decision | not at all |
| a place joined, at any level | joined | `gather_s` |
| a place's level rose; above the highest level: its water doubled, by 0.25 m at least | deeper | `gather_s` |
| what it rested on was taken back, is watched no longer, or is judged by other thresholds | each its own | `gather_s` |
| it is in a zone of which it did not tell: a place has another zone, or a zone another name | area | `gather_s` |
| the incident's level fell | eased | `quiet_s` |
| it became, or is no longer, merely possible | certainty | `quiet_s` |
| a place left it, or its level fell | area | `evidence_s` |
| nothing | renewal | until shortly before its message expires |

What may wait is told with whatever is told before. Beside water, sums of rain are no news below the incident's level:
what people are to do goes by the water, and the next message says how much has fallen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from cloud.warnings.model import RAIN, Certainty, Evidence, Incident, Why
from contract.catalogue.quantities import WATER, Quantity
from contract.catalogue.rules import Level, Rule
from contract.conditions.state import Reason
from contract.conditions.targets import ConditionKey, Target

DEEPER_BY_M = 0.25
# Why a condition lost its level or has a lower one, where that was no dry reading: no all-clear follows from it.
LOST = {
    Reason.CORRECTED: Why.CORRECTED,
    Reason.THRESHOLDS_CHANGED: Why.THRESHOLDS_CHANGED,
    Reason.NO_LONGER_WATCHED: Why.NO_LONGER_WATCHED,
}
JUDGED = frozenset({Reason.ON_DELAY_OVER, Reason.OFF_DELAY_OVER, Reason.ROSE_AGAIN})  # by readings


@dataclass(frozen=True, slots=True)
class Scale:
    """Of what counts as doubled. top_m: the threshold of a rule's highest level. zero_m: where water begins; of a depth
    0, of a level above datum the rule's lowest threshold, for twice a height above datum means nothing."""

    top_m: float
    zero_m: float = 0.0

    @classmethod
    def of(cls, rule: Rule, quantity: Quantity) -> Scale | None:
        """None of what is no level of water."""
        if quantity not in WATER:
            return None
        zero_m = 0.0 if quantity is Quantity.DEPTH else min(rule.levels.values())
        return cls(max(rule.levels.values()), zero_m)


class Haste(IntEnum):
    """How long news may wait; the less, the sooner."""

    AT_ONCE = 0
    GATHER = 1
    QUIET = 2
    AREA = 3
    RENEWAL = 4


@dataclass(slots=True)
class Told:
    """An incident as it was told, made ready once to be compared with how it stands, again and again.

    water, rain: which targets, at which levels. was_m: by target and quantity, the values.
    """

    incident: Incident
    water: Mapping[Target, Level] = field(init=False)
    rain: Mapping[Target, Level] = field(init=False)
    was_m: Mapping[tuple[Target, Quantity], float | None] = field(init=False)

    def __post_init__(self) -> None:
        self.water, self.rain = gist(self.incident.evidence)
        # A rule may have another name now.
        self.was_m = {(e.key.target, e.quantity): e.value for e in self.incident.evidence}


def news(  # noqa: PLR0911 - a table, what weighs most first: nothing is looked for that weighs less than what is found
    before: Told, now: Incident, lost: Mapping[ConditionKey, Why], scales: Mapping[ConditionKey, Scale], muted: bool
) -> tuple[Why, Haste]:
    """What weighs most of what is new.

    before: as it was told last. lost: conditions that lost their level without dry readings, and why. scales: of those
    that judge a level of water. muted: does anything it rests on stand muted?
    """
    told = before.incident
    assert told.level is not None, "a blind notice has no news of water"
    assert now.level is not None, "a blind notice has no news of water"
    if now.level.rank > told.level.rank:
        return Why.WORSE, Haste.AT_ONCE
    possible = (told.certainty is Certainty.POSSIBLE) != (now.certainty is Certainty.POSSIBLE)
    if possible and muted:
        return Why.DECISION, Haste.AT_ONCE
    water, rain = gist(now.evidence)
    stands, were = (water, before.water) if water else (rain, before.rain)
    alike = stands == were and bool(water) == bool(before.water)
    if not alike and stands.keys() - were.keys():
        return Why.JOINED, Haste.GATHER
    if (not alike and _risen(were, stands)) or _deepened(before.was_m, now, scales):
        return Why.DEEPER, Haste.GATHER
    if lost and (other := _lost(told, now, lost)):
        return weightiest(other), Haste.GATHER
    same_zones = told.zones == now.zones
    if not same_zones and not set(now.zones) <= set(told.zones):
        return Why.AREA, Haste.GATHER
    if now.level is not told.level:
        return Why.EASED, Haste.QUIET
    if possible:
        return Why.CERTAINTY, Haste.QUIET
    if not alike or (not same_zones and set(told.zones) != set(now.zones)):
        return Why.AREA, Haste.AREA
    return Why.RENEWAL, Haste.RENEWAL


def gist(evidence: Iterable[Evidence]) -> tuple[dict[Target, Level], dict[Target, Level]]:
    """Which targets, at which levels (the highest of any rule): of all but rain, and of rain."""
    water: dict[Target, Level] = {}
    rain: dict[Target, Level] = {}
    for e in evidence:
        out = rain if e.quantity in RAIN else water
        before = out.get(e.key.target)
        if before is None or e.level.rank > before.rank:
            out[e.key.target] = e.level
    return water, rain


def is_deeper(told_m: float | None, now_m: float | None, scale: Scale) -> bool:
    """Has water grown by a class? Above the highest level's threshold every doubling of what was told, by
    `DEEPER_BY_M` at least."""
    if now_m is None or now_m < scale.top_m:
        return False
    base_m = max(scale.top_m if told_m is None else told_m, scale.top_m) - scale.zero_m
    return now_m - scale.zero_m >= max(2 * base_m, base_m + DEEPER_BY_M)


def weightiest(whys: Iterable[Why]) -> Why:
    """Of several reasons for which levels were lost without dry readings, the one that says least of the water."""
    found = set(whys)
    return next((w for w in (Why.NO_LONGER_WATCHED, Why.THRESHOLDS_CHANGED) if w in found), Why.CORRECTED)


def _risen(before: Mapping[Target, Level], stands: Mapping[Target, Level]) -> bool:
    return any(level.rank > before[target].rank for target, level in stands.items() if target in before)


def _lost(told: Incident, now: Incident, lost: Mapping[ConditionKey, Why]) -> Sequence[Why]:
    was, is_now = ({e.key: e.level for e in i.evidence} for i in (told, now))
    return [why for key, why in lost.items() if key in was and is_now.get(key) is not was[key]]


def _deepened(
    was_m: Mapping[tuple[Target, Quantity], float | None], now: Incident, scales: Mapping[ConditionKey, Scale]
) -> bool:
    for e in now.evidence:
        scale = scales.get(e.key)
        if scale is None or e.value is None or e.value < scale.top_m:
            continue  # nearly all: no deeper than any level says
        if is_deeper(was_m.get((e.key.target, e.quantity)), e.value, scale):
            return True
    return False
