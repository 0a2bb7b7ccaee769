"""Rain from counters: hyetographs against the same sums in plain Python, and how sure they are."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from cloud.hydrology.rainfall import Gauge, hyetograph, rain
from contract.quality.counting import Counter, count
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


@pytest.mark.parametrize("seed", range(10))
def test_whatever_a_counter_says_the_pieces_are_those_of_one_gain_at_a_time(seed, monkeypatch):
    """Tips, downpours, silences, falls and jumps, in and around the time that is asked for."""
    rng = random.Random(seed)
    monkeypatch.setattr("cloud.hydrology.rainfall._AT_ONCE", rng.choice((1, 3, 1000)))
    times = sorted(rng.sample(range(0, 8 * HOUR_MS, 500), 300))
    total, totals = 50.0, []
    for _ in times:
        total = max(0.0, total + rng.choice((0, 0.2, 0.4, 3.0, 9.0, -0.2, -40.0, 900.0)))
        totals.append(round(total, 1))
    readings = told(times, totals)
    start, end, step = HOUR_MS, 7 * HOUR_MS, rng.choice((60_000, 300_000, 7_000_001))
    found = hyetograph(readings, GAUGE, start, end, step)
    mm, unsure, lost = one_at_a_time(readings, start, end, step)
    assert found.mm.tolist() == pytest.approx(mm)
    assert (found.uncertain.tolist(), found.at_least.tolist()) == (unsure, lost)


def one_at_a_time(readings, start, end, step):
    found = count(readings.time_ms, readings.value, readings.flag, GAUGE.counter)
    edges = list(range(start, end + step, step))[: math.ceil((end - start) / step) + 1]
    mm, unsure, lost = ([x] * (len(edges) - 1) for x in (0.0, False, False))
    for since, at, gain, at_least in zip(
        found.since_ms.tolist(), readings.time_ms.tolist(), found.counts.tolist(), found.at_least.tolist(), strict=True
    ):
        silent, few = at - since > 1.1 * 1800_000 + 60_000, gain <= 2.5 * 0.2
        begin = max(since, at - HOUR_MS) if few else since if silent else max(since, at - 60_000)
        for i, (a, b) in enumerate(pairwise(edges)):
            if (gain > 0 or at_least) and (share := min(b, at) - max(a, begin)) > 0:
                mm[i] += gain * share / (at - begin)
                unsure[i] |= silent and not few
                lost[i] |= at_least
    return mm, unsure, lost
