"""Rain from counters: steps by hand, and hyetographs against the same sums in plain Python."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest

from cloud.hydrology.rainfall import hyetograph, increments
from contract.readings import ReadingBatch

HOUR_MS = 3_600_000
NAN = math.nan


@pytest.mark.parametrize(
    ("total_mm", "wraps_at_mm", "expected"),
    [
        ([1.0, 1.2, 1.2, 2.0], None, [0, 0.2, 0, 0.8]),
        ([63.8, 0.2], 64.0, [0, 0.4]),
        ([12.0, NAN, 12.6], None, [0, 0, 0.6]),
        ([12.0, 11.95, 12.2], None, [0, 0, 0.25]),  # less than half a tip down is noise of the number
        ([NAN, NAN], None, [0, 0]),
        ([5.0], None, [0]),
        ([], None, []),
    ],
)
def test_rain_between_readings(total_mm, wraps_at_mm, expected):
    found = increments(np.array(total_mm, float), wraps_at_mm, 0.2)
    assert found.tolist() == pytest.approx(expected)


def spread(times_ms, totals_mm, edges_ms):
    """Each gain evenly over the time since the reading before, at most an hour: minute by minute, in plain Python."""
    out = [0.0] * (len(edges_ms) - 1)
    for (t0, v0), (t1, v1) in pairwise(zip(times_ms, totals_mm, strict=True)):
        begin = max(t0, t1 - HOUR_MS)
        for i, (a, b) in enumerate(pairwise(edges_ms)):
            out[i] += (v1 - v0) * max(0, min(b, t1) - max(a, begin)) / (t1 - begin)
    return out


@pytest.mark.parametrize("seed", range(20))
def test_a_hyetograph_holds_what_fell_where_it_fell(seed):
    rng = random.Random(seed)
    times = sorted(rng.sample(range(0, 6 * HOUR_MS, 1000), 40))
    total, totals = 0.0, []
    for _ in times:
        total = round(total + rng.choice((0, 0, 0.2, 0.4, 2.0)), 1)
        totals.append(total)
    batch = ReadingBatch.of(times, [1] * len(times), totals)
    start, end, step = 0, 6 * HOUR_MS, 600_000
    begins, depth = hyetograph(batch, None, 0.2, start, end, step)
    edges = list(range(start, end + step, step))
    assert begins.tolist() == edges[:-1]
    assert depth.tolist() == pytest.approx(spread(times, totals, edges))
    assert depth.sum() == pytest.approx(totals[-1] - totals[0])


def test_only_the_asked_time_counts():
    batch = ReadingBatch.of([0, 600_000, 1_200_000], [1] * 3, [0.0, 6.0, 18.0])
    begins, depth = hyetograph(batch, None, 0.2, 300_000, 900_000, 300_000)
    assert begins.tolist() == [300_000, 600_000]
    assert depth.tolist() == pytest.approx([3.0, 6.0])
