"""What is new in an incident, as a table: what was told, how it stands, for what a message is sent and how soon."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud.warnings.model import Certainty, Evidence, Incident, Why
from cloud.warnings.news import Haste, Scale, Told, is_deeper, news, weightiest
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState
from contract.conditions.targets import ConditionKey
from tests.cloud.warnings.city import RULE
from tests.cloud.warnings.standing import key_of

B, Y, O, R = Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED  # noqa: E741 - as a table reads
OBSERVED, LIKELY, POSSIBLE = Certainty.OBSERVED, Certainty.LIKELY, Certainty.POSSIBLE
DEPTH, RAIN_SUM = Quantity.DEPTH, Quantity.RAIN_SUM
GAUGE = 10  # from here on gauges of rain
SCALES = {key_of(n): Scale(0.5) for n in (1, 2, 3)}
Place = tuple[int, Level, float]


def incident(certainty: Certainty, *places: Place) -> Incident:
    evidence = tuple(
        Evidence(key_of(n), n, f"s{n}", RAIN_SUM if n >= GAUGE else DEPTH, level, ConditionState.ACTIVE, value, 0)
        for n, level, value in places
    )
    level = max((p[1] for p in places), key=lambda x: x.rank)
    return Incident("i", "z0", level, level, certainty, 0, 0, None, evidence, ("z0",))


STREET: Place = (1, R, 0.60)
TABLE = [
    # told, now -> why, how soon
    ([(1, B, 0.10)], [(1, Y, 0.20)], Why.WORSE, Haste.AT_ONCE),
    ([(1, Y, 0.20)], [(1, Y, 0.20), (2, R, 0.5)], Why.WORSE, Haste.AT_ONCE),
    ([STREET], [STREET, (2, R, 0.52)], Why.JOINED, Haste.GATHER),  # a tunnel joins a zone that is red already
    ([STREET], [STREET, (2, B, 0.10)], Why.JOINED, Haste.GATHER),
    ([STREET, (2, B, 0.10)], [STREET, (2, Y, 0.20)], Why.DEEPER, Haste.GATHER),
    ([STREET, (2, R, 0.52)], [STREET, (2, R, 1.03)], Why.RENEWAL, Haste.RENEWAL),  # not doubled yet
    ([STREET, (2, R, 0.52)], [STREET, (2, R, 1.04)], Why.DEEPER, Haste.GATHER),
    ([STREET, (2, R, 1.46)], [STREET, (2, R, 2.90)], Why.RENEWAL, Haste.RENEWAL),
    ([STREET, (2, R, 1.46)], [STREET, (2, R, 2.92)], Why.DEEPER, Haste.GATHER),
    ([STREET, (2, R, 2.92)], [STREET, (2, R, 0.52)], Why.RENEWAL, Haste.RENEWAL),  # it falls: red as before
    ([STREET], [(1, O, 0.3)], Why.EASED, Haste.QUIET),
    ([STREET, (2, B, 0.10)], [STREET], Why.AREA, Haste.AREA),
    ([STREET, (2, Y, 0.20)], [STREET, (2, B, 0.10)], Why.AREA, Haste.AREA),
    ([STREET], [STREET], Why.RENEWAL, Haste.RENEWAL),
    # Rain beside water is no news, but where it raises the level; alone it is.
    ([STREET], [STREET, (10, R, 110)], Why.RENEWAL, Haste.RENEWAL),
    ([STREET, (10, O, 60)], [STREET, (10, R, 110)], Why.RENEWAL, Haste.RENEWAL),
    ([STREET, (10, O, 60)], [STREET], Why.RENEWAL, Haste.RENEWAL),
    ([(1, Y, 0.2)], [(1, Y, 0.2), (10, O, 60)], Why.WORSE, Haste.AT_ONCE),
    ([(1, Y, 0.2), (10, O, 60)], [(1, Y, 0.2)], Why.EASED, Haste.QUIET),
    ([(10, R, 110)], [(10, R, 110), (1, B, 0.1)], Why.JOINED, Haste.GATHER),  # there is water now
    ([STREET, (10, R, 110)], [(10, R, 110)], Why.AREA, Haste.AREA),  # and here no longer
    ([STREET], [(10, R, 110)], Why.JOINED, Haste.GATHER),  # rain of which nothing was told yet
    ([(10, O, 60)], [(10, O, 60), (11, O, 55)], Why.JOINED, Haste.GATHER),
    ([(10, R, 110), (11, O, 55)], [(10, R, 110), (11, R, 105)], Why.DEEPER, Haste.GATHER),
    ([(10, O, 60), (11, O, 55)], [(10, O, 60)], Why.AREA, Haste.AREA),
    ([(10, O, 60)], [(10, O, 90)], Why.RENEWAL, Haste.RENEWAL),
]


@pytest.mark.parametrize(("told", "now", "why", "haste"), TABLE)
def test_what_is_told_and_how_soon(told: list[Place], now: list[Place], why: Why, haste: Haste) -> None:
    assert news(Told(incident(OBSERVED, *told)), incident(OBSERVED, *now), {}, SCALES, False) == (why, haste)


@pytest.mark.parametrize(
    ("told", "now", "muted", "why", "haste"),
    [
        (OBSERVED, POSSIBLE, False, Why.CERTAINTY, Haste.QUIET),
        (POSSIBLE, OBSERVED, False, Why.CERTAINTY, Haste.QUIET),
        (OBSERVED, LIKELY, False, Why.RENEWAL, Haste.RENEWAL),  # nobody does anything else for that
        (OBSERVED, POSSIBLE, True, Why.DECISION, Haste.AT_ONCE),
    ],
)
def test_certainty(told: Certainty, now: Certainty, muted: bool, why: Why, haste: Haste) -> None:
    assert news(Told(incident(told, STREET)), incident(now, STREET), {}, SCALES, muted) == (why, haste)


def test_a_level_lost_without_dry_readings_says_so_once() -> None:
    lost: dict[ConditionKey, Why] = {key_of(2): Why.CORRECTED}
    both, one = incident(OBSERVED, STREET, (2, R, 0.6)), incident(OBSERVED, STREET)
    assert news(Told(both), one, lost, SCALES, False) == (Why.CORRECTED, Haste.GATHER)
    assert news(Told(one), one, lost, SCALES, False) == (Why.RENEWAL, Haste.RENEWAL)
    lower = incident(OBSERVED, STREET, (2, Y, 0.3))
    assert news(Told(both), lower, {key_of(2): Why.THRESHOLDS_CHANGED}, SCALES, False)[0] is Why.THRESHOLDS_CHANGED
    assert news(Told(lower), lower, {key_of(2): Why.THRESHOLDS_CHANGED}, SCALES, False)[0] is Why.RENEWAL


def test_a_class_is_a_doubling_and_a_quarter_of_a_metre_at_least() -> None:
    assert not is_deeper(None, 0.34, Scale(0.10))
    assert is_deeper(None, 0.35, Scale(0.10))  # twice 0.10 m would be told for nothing
    assert not is_deeper(0.52, 1.03, Scale(0.50))
    assert is_deeper(0.52, 1.04, Scale(0.50))
    assert not is_deeper(0.30, 0.99, Scale(0.50))  # told when it was not at the highest level: from its threshold on
    assert is_deeper(0.30, 1.00, Scale(0.50))
    assert not is_deeper(0.5, None, Scale(0.5))


def test_a_river_grows_by_what_stands_above_its_lowest_threshold() -> None:
    levels = {B: 86.0, R: 87.5}
    scale = Scale.of(RULE.model_copy(update={"levels": levels}), Quantity.STAGE)
    assert scale == Scale(87.5, 86.0)
    assert not is_deeper(87.6, 89.1, scale)
    assert is_deeper(87.6, 89.2, scale)  # 3.2 m above 86 m are twice 1.6
    assert is_deeper(None, 89.0, scale)
    one = Scale.of(RULE.model_copy(update={"levels": {R: 87.5}}), Quantity.WET_WELL)
    assert one is not None
    assert not is_deeper(87.5, 87.7, one)
    assert is_deeper(87.5, 87.75, one)
    assert Scale.of(RULE, Quantity.RAIN_INTENSITY) is None


def test_a_rule_by_another_name_makes_nothing_deeper() -> None:
    deep = incident(OBSERVED, (1, R, 1.3))
    renamed = tuple(replace(e, key=ConditionKey(e.key.target, "other")) for e in deep.evidence)
    scales = {renamed[0].key: Scale(0.5)}
    assert news(Told(deep), replace(deep, evidence=renamed), {}, scales, False) == (Why.RENEWAL, Haste.RENEWAL)


def test_of_several_reasons_the_one_that_says_least_of_the_water() -> None:
    assert weightiest([Why.CORRECTED, Why.NO_LONGER_WATCHED, Why.THRESHOLDS_CHANGED]) is Why.NO_LONGER_WATCHED
    assert weightiest([Why.CORRECTED, Why.THRESHOLDS_CHANGED]) is Why.THRESHOLDS_CHANGED
    assert weightiest([Why.CORRECTED]) is Why.CORRECTED
