"""What does not move like water is doubted, and warns all the same."""

from __future__ import annotations

import pytest

from contract.catalogue.rules import Level
from contract.conditions.state import Doubt
from tests.contract.conditions.bench import UNDERPASS, Bench

BLUE, RED = Level.BLUE, Level.RED


def test_a_parked_car_warns_and_is_doubted_until_it_moves_like_water() -> None:
    bench = Bench()
    bench.polled([0.0] * 5, 30, begin_s=30)
    bench.polled([1.40] * 20, 30)
    assert bench.condition.level is RED
    assert bench.condition.doubt is Doubt.STEP
    bench.polled([1.43, 1.46], 30)
    assert bench.condition.doubt is Doubt.NONE


@pytest.mark.parametrize("road", [[0.12] * 20, [round(0.06 + 0.004 * k, 3) for k in range(20)]], ids=["wet", "rising"])
@pytest.mark.parametrize("car_m", [0.30, 0.60, 1.40])
def test_a_car_that_parks_on_a_wet_road_is_doubted_until_it_leaves(road: list[float], car_m: float) -> None:
    bench = Bench()
    bench.polled(road, 30, begin_s=30)
    assert (bench.condition.level, bench.condition.doubt) == (BLUE, Doubt.NONE)
    bench.polled([round(road[-1] + car_m + noise, 3) for noise in (0, 0.01, -0.01, 0.005) * 5], 30)
    assert bench.condition.level in (Level.ORANGE, RED)
    assert bench.condition.doubt is Doubt.STEP
    bench.polled([road[-1]] * 3, 30)
    assert bench.condition.doubt is Doubt.NONE


@pytest.mark.parametrize("cm_per_min", [10, 30, 70])
@pytest.mark.parametrize("every_s", [10, 30, 60])
def test_a_flash_over_a_wet_road_is_not_doubted_as_it_goes_on(cm_per_min: int, every_s: int) -> None:
    bench = Bench(UNDERPASS)
    bench.polled([0.10] * 20, every_s, begin_s=every_s)
    step_m = cm_per_min / 100 * every_s / 60
    for k in range(2, 40):
        bench.polled([round(0.10 + step_m * k, 3)], every_s)
        if k > 3:
            assert bench.condition.doubt is Doubt.NONE


def test_what_a_link_held_back_is_doubted_until_the_water_moves() -> None:
    """Half an hour unheard, half a metre more: a step, as far as anybody can know; it warns all the same."""
    bench = Bench(UNDERPASS)
    bench.polled([0.10] * 20, 30, begin_s=30)
    bench.polled([0.60], 1800)
    bench.polled([0.61, 0.615], 30)
    assert (bench.condition.level, bench.condition.doubt) == (RED, Doubt.STEP)
    bench.polled([0.63, 0.65], 30)
    assert bench.condition.doubt is Doubt.NONE


def test_water_that_rises_as_water_does_is_not_doubted() -> None:
    bench = Bench(UNDERPASS)
    bench.polled([round(0.05 * k, 2) for k in range(30)], 30, begin_s=30)  # 10 cm a minute
    assert bench.condition.level is RED
    assert bench.condition.doubt is Doubt.NONE
    assert bench.condition.rise_per_min == pytest.approx(0.1)


def test_a_centimetre_a_day_is_doubted_and_water_that_comes_then_is_not() -> None:
    bench = Bench(tick_s=600)
    depths = [round(0.01 * (k // 144), 2) for k in range(144 * 11)]  # every ten minutes for eleven days
    bench.polled(depths, 600, begin_s=600)
    assert bench.condition.level is BLUE
    assert bench.condition.doubt is Doubt.DRIFT
    bench.polled([0.14, 0.18, 0.22], 60)
    assert bench.condition.doubt is Doubt.NONE


@pytest.mark.parametrize(
    ("values", "every_s", "rise"),
    [
        ([0.10, 0.10, 0.10], 30, None),  # two changes of nothing in a minute: no sensor tells rest from a slow rise
        ([0.099, 0.100, 0.101, 0.102], 30, None),  # 3 mm in 90 s
        ([0.10, 0.11, 0.12], 30, 0.02),
        ([0.10] * 9, 30, 0.0),  # still for four minutes
        ([0.100 + 0.001 * k for k in range(9)], 30, 0.002),  # 8 mm in four minutes
    ],
)
def test_a_rise_is_known_when_it_is_more_than_a_sensor_errs_or_was_watched_for_long(
    values: list[float], every_s: int, rise: float | None
) -> None:
    bench = Bench(UNDERPASS)
    bench.polled(values, every_s)
    assert bench.condition.level is BLUE
    assert bench.condition.rise_per_min == (None if rise is None else pytest.approx(rise))
