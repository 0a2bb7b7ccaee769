"""Spells as a drainage engineer draws them: minutes and metres in, gaps and events out; and against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cloud.hydrology.spells import Held, held, water_events
from contract.readings import ReadingBatch

MINUTE = 60_000
HOLD_MIN = 10


def spells(rows: list[tuple[int, float | None]], to_min: int = 120, from_min: int = 0) -> Held:
    """rows: minute, metres (None: it failed)."""
    times = [m * MINUTE for m, _ in rows]
    batch = ReadingBatch.of(times, [1] * len(rows), [0.0 if v is None else v for _, v in rows], [1] * len(rows))
    believed = np.array([v is not None for _, v in rows], np.bool_)
    return held(batch, believed, HOLD_MIN * MINUTE, from_min * MINUTE, to_min * MINUTE)


@pytest.mark.parametrize(
    ("rows", "gaps"),
    [
        ([], [(0, 120)]),
        ([(m, 0.0) for m in range(0, 120, 10)], []),
        ([(m, 0.0) for m in range(0, 60, 10)], [(60, 120)]),
        ([(30, 0.0), (75, 0.0)], [(0, 30), (40, 75), (85, 120)]),
        ([(-5, 0.0), (5, 0.0)], [(15, 120)]),  # the one before holds into it
        ([(0, 0.0), (5, None), (10, 0.0)], [(5, 10), (20, 120)]),  # a failed one ends what held
    ],
)
def test_gaps(rows: list[tuple[int, float | None]], gaps: list[tuple[int, int]]) -> None:
    h = spells(rows)
    begins, ends = h.gaps()
    assert [(b // MINUTE, e // MINUTE) for b, e in zip(begins.tolist(), ends.tolist(), strict=True)] == gaps
    assert h.known_ms == (120 - sum(e - b for b, e in gaps)) * MINUTE
    assert len(h.gaps(least_ms=36 * MINUTE)[0]) == sum(e - b >= 36 for b, e in gaps)


STEADY = [(m, 0.0) for m in range(0, 120, 5)]


def with_water(*wet: tuple[int, float | None]) -> list[tuple[int, float | None]]:
    return sorted({**dict(STEADY), **dict(wet)}.items())


@pytest.mark.parametrize(
    ("rows", "apart_min", "events"),
    [
        # from, to, peak, at, minutes above, unknown, began unseen, ended unseen, goes on
        (STEADY, 30, []),
        (with_water((20, 0.2), (25, 0.5), (30, 0.3)), 30, [(20, 35, 0.5, 25, 15, 0, False, False, False)]),
        (
            with_water((20, 0.2), (40, 0.3)),  # dry for a quarter of an hour in between
            30,
            [(20, 45, 0.3, 40, 10, 0, False, False, False)],
        ),
        (
            with_water((20, 0.2), (40, 0.3)),
            15,
            [(20, 25, 0.2, 20, 5, 0, False, False, False), (40, 45, 0.3, 40, 5, 0, False, False, False)],
        ),
        (with_water((115, 0.4)), 30, [(115, 120, 0.4, 115, 5, 0, False, False, True)]),
        (with_water((20, 0.2), (25, None), (30, 0.3)), 30, [(20, 35, 0.3, 30, 10, 5, False, False, False)]),
        (with_water((20, None), (25, 0.2), (30, None)), 30, [(25, 30, 0.2, 25, 5, 0, True, True, False)]),
        ([(50, 0.3)], 30, [(50, 60, 0.3, 50, 10, 0, True, True, False)]),
        (with_water((20, 0.1)), 30, []),  # at the level is not above it
    ],
)
def test_events(rows: list[tuple[int, float | None]], apart_min: int, events: list[tuple[object, ...]]) -> None:
    found = [
        (
            e.begin_ms // MINUTE,
            e.end_ms // MINUTE,
            e.peak,
            e.peak_ms // MINUTE,
            e.above_ms // MINUTE,
            e.unknown_ms // MINUTE,
            e.began_unseen,
            e.ended_unseen,
            e.goes_on,
        )
        for e in water_events(spells(rows), 0.1, apart_min * MINUTE)
    ]
    assert found == events


@pytest.mark.parametrize("seed", range(5))
def test_against_pandas_by_the_second(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.choice(7200, 150, replace=False))
    values, good = np.round(rng.random(150), 2), rng.random(150) < 0.9
    batch = ReadingBatch.of(times * 1000, [1] * 150, values, [1] * 150)
    h = held(batch, good, 90_000, 600_000, 7_200_000)
    by_second = pd.Series(np.where(good, values, -1.0), times).reindex(range(7200)).ffill(limit=89)
    by_second = by_second[by_second >= 0].loc[600:]
    assert h.known_ms == 1000 * len(by_second)
    events = list(water_events(h, 0.7, 120_000))
    wet = by_second[by_second > 0.7]
    parts = (wet.index.to_series().diff() > 120).cumsum()
    assert [(e.begin_ms // 1000, e.above_ms // 1000, e.peak) for e in events] == [
        (int(part.index[0]), len(part), float(part.max())) for _, part in wet.groupby(parts)
    ]
