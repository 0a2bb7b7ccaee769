"""Water with a known truth."""

from __future__ import annotations

import random

import pytest

from simulators.promise.warnings.water import Water, some_water

HILL = Water(((0, 0.0), (600_000, 0.6), (1_200_000, 0.6), (1_800_000, 0.0)))


@pytest.mark.parametrize(
    ("ms", "depth_m"), [(-5, 0.0), (0, 0.0), (300_000, 0.3), (900_000, 0.6), (1_500_000, 0.3), (9_000_000, 0.0)]
)
def test_it_runs_straight_between_its_knots(ms: int, depth_m: float) -> None:
    assert HILL.depth_m(ms) == pytest.approx(depth_m)


def test_when_it_stands_above_a_depth() -> None:
    assert HILL.times_above(0.3) == [(300_000, 1_500_000)]
    assert HILL.times_above(0.7) == []
    twice = Water(((0, 0.0), (100, 1.0), (200, 0.0), (300, 0.0), (400, 1.0), (500, 0.0)))
    assert twice.times_above(0.5) == [(50, 150), (350, 450)]


def test_it_is_dry_when_it_should_be() -> None:
    for seed in range(200):
        water = some_water(random.Random(seed), 1000, 75)
        assert water.depth_m(1000) <= 0.02
        assert water.depth_m(1000 + 75 * 60_000) <= 0.02
        times = [ms for ms, _ in water.knots]
        assert times == sorted(set(times))
