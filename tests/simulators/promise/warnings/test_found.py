"""What rain within a time and a rate of rise are at the least and at the most, of each reading."""

from __future__ import annotations

import random

import pytest

from contract.catalogue.rules import Level, Rule
from contract.readings import Flag
from simulators.promise.warnings.found import Found, found, is_other
from simulators.promise.warnings.rain import Burst, Gauge, GaugeFault, GaugeSpell, Rain
from simulators.promise.warnings.sensors import Sensor
from simulators.promise.warnings.water import MINUTE_MS, Water
from simulators.promise.warnings.witness import Heard

STORM = Rain((Burst(10 * MINUTE_MS, 40 * MINUTE_MS, 60.0),))  # a millimetre a minute
FIVE = Rule(id="rain", channels=(7,), detector="rain_window", levels={Level.BLUE: 3.0}, settings={"window_s": 300})
RISE = Rule(id="rise", channels=(7,), detector="rate_of_rise", levels={Level.BLUE: 3.0}, settings={"window_s": 180})
NOTHING = float("-inf")


def heard(*minutes: float, late: float = 0.0) -> list[Heard]:
    return [Heard(int((m + late) * MINUTE_MS), int(m * MINUTE_MS), 1.0, Flag.PASS, n) for n, m in enumerate(minutes)]


def of(instrument: Gauge | Sensor, rows: list[Heard], rule: Rule, minute: float) -> Found:
    return next(f for f in found(instrument, rows, rule, MINUTE_MS) if f.heard.time_ms == minute * MINUTE_MS)


def test_five_minutes_of_a_storm() -> None:
    f = of(Gauge(7, STORM, 0.0, ()), heard(*range(45)), FIVE, 30)
    assert f.least == pytest.approx(5 - 1.6 - 0.2)  # the step at the window's edge, and a tip
    assert f.most == pytest.approx(5.2)


def test_after_a_gap_the_most_is_what_fell_since_the_reading_before_the_window() -> None:
    f = of(Gauge(7, STORM, 0.0, ()), heard(9, 10, 30), FIVE, 30)
    assert (f.least, f.most) == (NOTHING, pytest.approx(20.2))


@pytest.mark.parametrize("fault", [GaugeFault.RESET, GaugeFault.MISS])
def test_where_a_gauge_lost_rain_nothing_is_sure_and_no_more_fell(fault: GaugeFault) -> None:
    gauge = Gauge(7, STORM, 0.0, [GaugeSpell(fault, 27 * MINUTE_MS, 28 * MINUTE_MS)])
    f = of(gauge, heard(*range(45)), FIVE, 30)
    assert (f.least, f.most) == (NOTHING, pytest.approx(5.2))


def test_what_came_late_is_not_sure() -> None:
    assert of(Gauge(7, STORM, 0.0, ()), heard(*range(45), late=10), FIVE, 30).least == NOTHING


def test_readings_behind_newer_ones_and_those_that_failed_find_nothing() -> None:
    rows = [*heard(0, 1, 2, 5), Heard(6 * MINUTE_MS, 3 * MINUTE_MS, 1.0, Flag.PASS), Heard(1, 1, 1.0, Flag.FAIL)]
    assert [f.heard.time_ms // MINUTE_MS for f in found(Gauge(7, STORM, 0.0, ()), rows, FIVE, MINUTE_MS)] == [
        0,
        1,
        2,
        5,
    ]


def test_a_slope_lies_between_the_slopes_of_the_water() -> None:
    water = Water(((0, 0.1), (30 * MINUTE_MS, 0.1), (40 * MINUTE_MS, 0.9), (60 * MINUTE_MS, 0.9)))  # 8 cm a minute
    f = of(Sensor(random.Random(1), 7, water, False, ()), heard(*range(50)), RISE, 37)
    assert 7.0 < f.least < 8.0 < f.most < 9.0
    turning = of(Sensor(random.Random(1), 7, water, False, ()), heard(*range(50)), RISE, 32)
    assert turning.least < 0.1
    assert turning.most > 8.0


def test_of_a_slope_over_a_gap_nothing_is_said() -> None:
    water = Water(((0, 0.1), (60 * MINUTE_MS, 0.1)))
    f = of(Sensor(random.Random(1), 7, water, False, ()), heard(0, 1, 2, 9, 10, 11, 12), RISE, 12)
    assert (f.least, f.most) == (NOTHING, float("inf"))


@pytest.mark.parametrize(("zone", "other"), [("hill", True), ("brook-new-new", True), ("shakou", False)])
def test_whose_zones_these_are(zone: str, other: bool) -> None:
    assert is_other(zone) is other
