"""What a pump did: minutes in, figures out; and against pandas, second by second, over random states with gaps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from cloud.hydrology.pumping import (
    CountedUp,
    Runs,
    counted_up,
    disagree,
    drawdown,
    duty,
    energy_kwh,
    fallen_m,
)
from cloud.hydrology.spells import Held, held, joined
from contract.quality.counting import Counter
from contract.readings import ReadingBatch

MINUTE = 60_000
HOLD_MIN = 30


def what_held(rows: list[tuple[int, float | None]], to_min: int = 180, hold_min: int = HOLD_MIN) -> Held:
    """rows: minute, value (None: it failed)."""
    batch = of([(m, 0.0 if v is None else v) for m, v in rows])
    return held(batch, np.array([v is not None for _, v in rows], np.bool_), hold_min * MINUTE, 0, to_min * MINUTE)


def of(rows: list[tuple[int, float]]) -> ReadingBatch:
    return ReadingBatch.of([m * MINUTE for m, _ in rows], [1] * len(rows), [v for _, v in rows], [1] * len(rows))


def edges(*minutes: int) -> np.ndarray:
    return np.array(minutes, np.int64) * MINUTE


BEATS = [(m, 0) for m in range(0, 180, 20)]


@pytest.mark.parametrize(
    ("rows", "known", "run", "starts", "most_in_1h", "longest"),
    [
        # of 0-60, 60-120, 120-180 min each
        ([], (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)),
        (BEATS, (60, 60, 60), (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)),
        # a run over an edge starts once; one that begins at an edge belongs to what begins there
        ([*BEATS[:3], (50, 1), (70, 0), (90, 0)], (60, 60, 0), (10, 10, 0), (1, 0, 0), (1, 0, 0), (10, 10, 0)),
        ([*BEATS[:3], (60, 1), (70, 0)], (60, 40, 0), (0, 10, 0), (0, 1, 0), (0, 1, 0), (0, 10, 0)),
        # the same state told again is no start
        ([(0, 0), (10, 1), (30, 1), (50, 1), (55, 0)], (60, 25, 0), (45, 0, 0), (1, 0, 0), (1, 0, 0), (45, 0, 0)),
        # standstill, a gap, running: it started, but nobody knows when
        ([(0, 0), (40, 1), (50, 0)], (50, 20, 0), (10, 0, 0), (0, 0, 0), (0, 0, 0), (10, 0, 0)),
        # a failed reading ends what held, and no start is made of it
        ([(0, 0), (10, None), (20, 1), (30, 0)], (50, 0, 0), (10, 0, 0), (0, 0, 0), (0, 0, 0), (10, 0, 0)),
        # three starts within 60 min over an edge: the third sees those before it
        (
            [(0, 0), (20, 0), (40, 1), (45, 0), (55, 1), (60, 0), (70, 1), (75, 0)],
            (60, 45, 0),
            (10, 5, 0),
            (2, 1, 0),
            (2, 3, 0),
            (5, 5, 0),
        ),
        # 60 min apart to the millisecond is not within an hour
        (
            [(0, 0), (10, 1), (20, 0), (45, 0), (70, 1), (80, 0)],
            (60, 50, 0),
            (10, 10, 0),
            (1, 1, 0),
            (1, 1, 0),
            (10, 10, 0),
        ),
    ],
)
def test_duty(rows, known, run, starts, most_in_1h, longest):
    running = what_held(rows)
    found = duty(running, Runs.of(running), edges(0, 60, 120, 180))
    assert tuple(found.known_ms // MINUTE) == known
    assert tuple(found.run_ms // MINUTE) == run
    assert tuple(found.starts) == starts
    assert tuple(found.most_starts_in_1h) == most_in_1h
    assert tuple(found.longest_run_ms // MINUTE) == longest


@pytest.mark.parametrize("seed", range(6))
def test_duty_against_pandas_by_the_second(seed):
    rng = np.random.default_rng(seed)
    length_s, hold_s = 6 * 3600, 400
    second = np.sort(rng.choice(length_s, 150, replace=False))
    state = rng.integers(0, 2, 150)
    good = rng.random(150) > 0.08
    batch = ReadingBatch.of(second * 1000, [1] * 150, state, [1] * 150)
    cuts = np.array([0, *np.sort(rng.choice(length_s, 5, replace=False)), length_s])
    running = held(batch, good, hold_s * 1000, 0, length_s * 1000)
    runs = Runs.of(running)
    found = duty(running, runs, cuts * 1000)

    by_second = pd.Series(np.where(good, state, -1), second).reindex(range(length_s)).ffill(limit=hold_s - 1)
    by_second = by_second.where(by_second >= 0)
    started = (by_second == 1) & (by_second.shift() == 0)
    in_an_hour = started.astype(int).rolling(3600, min_periods=1).sum()
    stretch = (by_second != by_second.shift()).cumsum()
    assert started.sum() > 10
    for k, (a, b) in enumerate(pairwise(cuts)):
        part, ran = by_second.iloc[a:b], by_second.iloc[a:b] == 1
        assert found.known_ms[k] == 1000 * part.notna().sum()
        assert found.run_ms[k] == 1000 * ran.sum()
        assert found.starts[k] == started.iloc[a:b].sum()
        assert found.most_starts_in_1h[k] == max(in_an_hour.iloc[a:b][started.iloc[a:b]], default=0)
        assert found.longest_run_ms[k] == 1000 * (stretch.iloc[a:b][ran].value_counts().max() if ran.any() else 0)


HOURS = Counter(0.1)


@pytest.mark.parametrize(
    ("rows", "counts", "at_least", "sure"),
    [
        # heard within 70 min; of 0-60, 60-120, 120-180 min each
        ([], (None, None, None), (False,) * 3, (False,) * 3),
        ([(-30, 10.0), (30, 10.5), (90, 10.5), (150, 11.0)], (0.5, 0, 0.5), (False,) * 3, (True,) * 3),
        # nothing before the time: of the first interval a part is not known
        ([(30, 10.5), (90, 10.6), (150, 10.7)], (0, 0.1, 0.1), (False,) * 3, (False, True, True)),
        # reset
        ([(-30, 10.0), (30, 10.5), (90, 0.0), (100, 0.1), (150, 0.3)], (0.5, 0.1, 0.2), (False,) * 3, (True,) * 3),
        (
            [(-30, 90.0), (30, 90.5), (90, 5.0), (100, 5.1), (150, 5.3)],
            (0.5, 0.1, 0.2),
            (False, True, False),
            (True, False, True),
        ),
        # what was counted in a long silence may have run on either side of the edge that it crosses
        ([(-30, 10.0), (50, 10.5), (170, 12.0)], (0.5, 0, 1.5), (False,) * 3, (False, False, False)),
        # a long silence in which nothing was counted leaves all sure that was heard at its ends
        ([(-30, 10.0), (50, 10.5), (125, 10.5), (170, 10.5)], (0.5, 0, 0), (False,) * 3, (False, True, True)),
        # silent at the end
        ([(-30, 10.0), (30, 10.5)], (0.5, 0, 0), (False,) * 3, (True, False, False)),
    ],
)
def test_what_a_counter_counted(rows, counts, at_least, sure):
    readings = of(rows)
    found = counted_up(readings, np.ones(len(rows), np.bool_), HOURS, edges(0, 60, 120, 180), 70 * MINUTE)
    assert [None if np.isnan(c) else pytest.approx(c) for c in found.counts] == list(counts)
    assert tuple(found.at_least) == at_least
    assert tuple(found.sure) == sure


def test_a_failed_reading_of_a_counter_counts_nothing():
    readings = of([(-30, 10.0), (30, 99.0), (50, 10.2)])
    believed = np.array([True, False, True])
    found = counted_up(readings, believed, HOURS, edges(0, 60), 120 * MINUTE)
    assert found.counts[0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("run_min", "counted_min", "unknown_min", "sure", "differs"),
    [
        (30, 30, 0, True, False),
        (30, 36, 0, True, False),  # within the 7 min that both may differ
        (30, 40, 0, True, True),
        (30, 20, 0, True, True),
        (30, 20, 60, True, True),  # ran for longer than its counter says: no gap explains that
        (30, 90, 60, True, False),  # it may have run while nobody knew
        (30, 99, 60, True, True),
        (30, 99, 0, False, False),
    ],
)
def test_states_and_counter_disagree(run_min, counted_min, unknown_min, sure, differs):
    counted = CountedUp(np.array([counted_min / 60]), np.array([False]), np.array([sure]))
    found = disagree(
        np.array([run_min * MINUTE]),
        np.array([unknown_min * MINUTE]),
        counted,
        counted.counts * 60 * MINUTE,
        np.array([7 * MINUTE]),
    )
    assert found.tolist() == [differs]


@pytest.mark.parametrize(
    ("states", "levels", "fell"),
    [
        ([(0, 0), (10, 1), (30, 0)], [(0, 2.0), (10, 2.1), (20, 1.5), (30, 0.9)], [1.2]),
        ([(0, 0), (10, 1), (30, 0)], [(0, 2.0), (25, 1.0)], [1.0]),  # what is in force counts
        ([(0, 0), (10, 1), (30, 0)], [(20, 1.5), (30, 0.9)], [None]),  # no level when it began
        ([(10, 1), (30, 0)], [(0, 2.0), (30, 0.9)], [None]),  # its begin was not seen
        ([(0, 0), (10, 1), (20, None)], [(0, 2.0), (20, 1.0)], [None]),  # its end was not seen
        ([(0, 0), (10, 1), (30, 0)], [(0, 2.0), (29, None)], [None]),
        ([(0, 0), (10, 1), (20, 1), (30, 0)], [(0, 2.0), (29, 2.2)], [-0.2]),  # more came than it moved
    ],
)
def test_how_far_a_run_drew_the_well_down(states, levels, fell):
    found = fallen_m(Runs.of(what_held(states, 60)), what_held(levels, 60))
    assert [None if np.isnan(f) else pytest.approx(f) for f in found] == fell


def test_drawdown_is_of_the_runs_that_ended_in_the_interval():
    runs = Runs.of(what_held([(0, 0), (10, 1), (20, 0), (40, 1), (70, 0), (80, 1), (90, 0)], 120))
    found = drawdown(runs, np.array([1.0, 3.0, np.nan]), edges(0, 60, 120, 180))
    assert found.runs.tolist() == [1, 1, 0]
    assert found.metres[:2].tolist() == [1.0, 3.0]
    assert found.metres_per_h[:2].tolist() == [6.0, 6.0]
    assert np.isnan(found.metres[2])


def test_energy_is_of_the_time_for_which_power_was_known():
    kwh, known_ms = energy_kwh(what_held([(0, 10.0), (30, 20.0), (60, None), (90, 4.0)], 120), edges(0, 60, 120, 180))
    assert kwh[:2].tolist() == [pytest.approx(15.0), pytest.approx(2.0)]
    assert np.isnan(kwh[2])
    assert (known_ms // MINUTE).tolist() == [60, 30, 0]


def test_states_are_joined_where_they_touch_and_no_gap_is_bridged():
    h = joined(what_held([(0, 1), (20, 1), (40, 0), (60, 0), (100, 0), (110, None), (120, 0)], 130))
    spans = zip((h.begin_ms // MINUTE).tolist(), (h.end_ms // MINUTE).tolist(), h.value.tolist(), strict=True)
    assert list(spans) == [(0, 40, 1), (40, 90, 0), (100, 110, 0), (120, 130, 0)]
    assert h.known_ms == 110 * MINUTE
