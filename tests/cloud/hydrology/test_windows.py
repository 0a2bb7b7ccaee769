"""Sums of sliding windows, reading by reading: as `rainfall.rain` of the whole series, in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from cloud.hydrology.rainfall import Gauge, rain
from cloud.hydrology.windows import FallenRain
from contract.quality.counting import Counter
from contract.readings import Flag, ReadingBatch

GAUGE = Gauge(Counter(0.2, wraps_at=100.0, most_per_h=500.0), period_s=60, heartbeat_s=1800)
MINUTE = 60_000


def totals(seed: int, minutes: int = 2000) -> ReadingBatch:
    """A counter through a storm: tips, dry hours that are not told of, a wrap, a restart, a reset, wrong readings."""
    rng = np.random.default_rng(seed)
    tips = rng.poisson(
        np.where(rng.random(minutes) < 0.03, 0, np.repeat(rng.choice([0, 0, 0.5, 3, 8], 40), 50)[:minutes])
    )
    total = np.round(np.cumsum(tips) * 0.2 % 100.0, 1)
    if seed % 3 == 1:
        total[1200:] = np.round(total[1200:] - total[1200], 1) % 100.0
    if seed % 3 == 2:
        total[900:] = np.round((total[900:] - total[900] + 37.4) % 100.0, 1)
    told = np.append(True, (np.diff(total) != 0) | (np.arange(1, minutes) % 30 == 0)) & (rng.random(minutes) > 0.05)
    told[0] = True
    time_ms = np.flatnonzero(told) * MINUTE
    value = total[told]
    wrong = rng.random(len(value)) < 0.01
    wrong[:3] = False
    return ReadingBatch.of(time_ms, np.ones(len(value)), np.where(wrong, 88.8, value), np.full(len(value), Flag.PASS))


@pytest.mark.parametrize("seed", range(6))
def test_it_sums_as_the_whole_series_does(seed: int) -> None:
    readings, fallen = totals(seed), FallenRain(0)
    for n, (time_ms, value) in enumerate(zip(readings.time_ms.tolist(), readings.value.tolist(), strict=True)):
        fallen.count(GAUGE, time_ms, value)
        if n % 97 == 0 or n > len(readings) - 5:
            so_far = readings.take(slice(0, n + 1))
            for hours in (0.25, 1, 3, 24):
                begin_ms = time_ms - round(hours * 3_600_000)
                wanted = rain(so_far, GAUGE, begin_ms, time_ms)
                assert fallen.since(begin_ms, time_ms) == pytest.approx(wanted.mm, abs=1e-6), (n, hours)


def test_rain_that_is_added_behind_lies_where_it_fell() -> None:
    fallen = FallenRain(100)
    fallen.add(60, 100, 4.0)
    fallen.add(0, 20, 1.0)
    fallen.add(10, 80, 7.0)
    assert fallen.since(0, 100) == pytest.approx(12.0)
    assert fallen.since(0, 20) == pytest.approx(1.0 + 1.0)
    assert fallen.since(20, 60) == pytest.approx(4.0)
    assert fallen.since(60, 80) == pytest.approx(2.0 + 2.0)
    assert fallen.since(90, 100) == pytest.approx(1.0)


def test_a_day_is_kept_and_no_more() -> None:
    fallen = FallenRain(0)
    for n in range(1, 3000):  # every half minute, without a pause
        fallen.collect(GAUGE, n * 30_000, 0.1)
    assert len(fallen.times_ms) <= 1600
    assert fallen.since(fallen.newest_ms - 3_600_000, fallen.newest_ms) == pytest.approx(12.0)
    assert fallen.since(fallen.newest_ms - 43_200_000, fallen.newest_ms) == pytest.approx(144.0)
    fallen.count(GAUGE, fallen.newest_ms + 25 * 3_600_000, 3.0)
    assert fallen.calm
