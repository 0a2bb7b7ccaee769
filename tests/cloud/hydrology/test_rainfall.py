"""Rain from counters: hyetographs against the same sums in plain Python, and how sure they are."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from cloud.hydrology.rainfall import Gauge, hyetograph, rain
from contract.quality.counting import Counter
from contract.readings import Flag, ReadingBatch

HOUR_MS = 3_600_000
NAN = math.nan


def spread(times_ms, totals_mm, edges_ms):
    """Each gain evenly over the time since the reading before, at most an hour: minute by minute, in plain Python."""
    out = [0.0] * (len(edges_ms) - 1)
    for (t0, v0), (t1, v1) in pairwise(zip(times_ms, totals_mm, strict=True)):
        begin = max(t0, t1 - HOUR_MS)
        for i, (a, b) in enumerate(pairwise(edges_ms)):
            out[i] += (v1 - v0) * max(0, min(b, t1) - max(a, begin)) / (t1 - begin)
    return out


GAUGE = Gauge(Counter(0.2, most_per_h=500.0), period_s=60, heartbeat_s=1800)
MINUTE_MS = 60_000


def told(times_ms, totals_mm, flags=None):
    return ReadingBatch.of(times_ms, [1] * len(times_ms), totals_mm, flags or [Flag.PASS] * len(times_ms))


@pytest.mark.parametrize("seed", range(20))
def test_a_hyetograph_holds_what_fell_where_it_fell(seed):
    """Tip by tip: each over the time in which its bucket filled."""
    rng = random.Random(seed)
    times = sorted(rng.sample(range(0, 6 * HOUR_MS, 1000), 40))
    total, totals = 0.0, []
    for _ in times:
        total = round(total + rng.choice((0, 0, 0.2, 0.4)), 1)
        totals.append(total)
    start, end, step = 0, 6 * HOUR_MS, 600_000
    found = hyetograph(told(times, totals), GAUGE, start, end, step)
    edges = list(range(start, end + step, step))
    assert found.start_ms.tolist() == edges[:-1]
    assert found.mm.tolist() == pytest.approx(spread(times, totals, edges))
    assert found.mm.sum() == pytest.approx(totals[-1] - totals[0])
    assert not found.uncertain.any()


def test_a_downpour_after_a_dry_time_fell_in_the_last_period():
    """Nothing was sent for 25 minutes because nothing changed."""
    found = hyetograph(told([0, 25 * MINUTE_MS], [7.0, 10.0]), GAUGE, 0, 30 * MINUTE_MS, MINUTE_MS)
    assert found.mm[24] == pytest.approx(3.0)
    assert found.mm.sum() == pytest.approx(3.0)
    assert not found.uncertain.any()


def test_only_the_asked_time_counts():
    found = hyetograph(told([0, 600_000, 1_200_000], [0.0, 0.2, 0.6]), GAUGE, 300_000, 900_000, 300_000)
    assert found.start_ms.tolist() == [300_000, 600_000]
    assert found.mm.tolist() == pytest.approx([0.1, 0.2])


def test_what_came_after_a_long_silence_is_spread_over_it_and_uncertain():
    """Silent for 59 minutes, then 60 mm more: never no rain at all."""
    readings = told([0, 59 * MINUTE_MS], [100.0, 160.0])
    hour = rain(readings, GAUGE, 0, HOUR_MS)
    assert (hour.mm, hour.uncertain, hour.at_least, hour.provisional) == (pytest.approx(60.0), True, False, False)
    found = hyetograph(readings, GAUGE, 0, HOUR_MS, 10 * MINUTE_MS)
    assert found.mm.tolist() == pytest.approx([60 * 10 / 59] * 5 + [60 * 9 / 59])
    assert found.uncertain.all()


@pytest.mark.parametrize(
    ("totals_mm", "mm", "at_least", "provisional"),
    [
        ([512.4, 0, 512.4, 512.6], 0.2, False, False),
        ([512.4, 498.0, 498.2], 0.2, True, False),
        ([193.6, 52.5], 0.0, True, True),
        ([512.4, 0.4, 0.6], 0.6, False, False),
        ([12.3, 80.0], 0.0, True, True),
    ],
)
def test_a_sum_says_how_sure_it_is(totals_mm, mm, at_least, provisional):
    times = [i * MINUTE_MS for i in range(len(totals_mm))]
    found = rain(told(times, totals_mm), GAUGE, 0, HOUR_MS)
    assert found.mm == pytest.approx(mm)
    assert (found.at_least, found.provisional) == (at_least, provisional)


def test_failed_readings_are_not_counted():
    found = rain(told([0, 60_000, 120_000], [100.0, 6553.5, 100.1], [1, Flag.FAIL, 1]), GAUGE, 0, HOUR_MS)
    assert found.mm == pytest.approx(0.1)
