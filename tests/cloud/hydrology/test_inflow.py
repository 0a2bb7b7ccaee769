"""Inflow from a well's balance: by hand, and of a tank whose inflow is known because the test let it in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cloud.hydrology.inflow import Works, available_m3s, inflow, pieces, pumped_m3
from cloud.hydrology.spells import Held, held
from contract.readings import Float64s, ReadingBatch

MINUTE = 60_000
HOUR = 60 * MINUTE


def what_held(rows: list[tuple[float, float | None]], to_min: int = 60, hold_min: int = 60) -> Held:
    """rows: minute, value (None: it failed)."""
    times = [round(m * MINUTE) for m, _ in rows]
    batch = ReadingBatch.of(times, [1] * len(rows), [0.0 if v is None else v for _, v in rows], [1] * len(rows))
    believed = np.array([v is not None for _, v in rows], np.bool_)
    return held(batch, believed, hold_min * MINUTE, 0, to_min * MINUTE)


def always(value: float) -> Held:
    return what_held([(0, value)])


#: 30 m2, two pumps of 0.1 m3/s that stand still, water at 1 m
STILL = Works(30.0, (0.1, 0.1), always(1.0), (always(0), always(0)), (always(0), always(0)), always(1))
QUARTERS = np.arange(0, 61, 15) * MINUTE


def hours(works: Works, edges: np.ndarray = QUARTERS) -> list[float | None]:
    return [None if np.isnan(q) else round(q, 6) for q in inflow(works, edges, 15 * MINUTE).mean_m3s]


@pytest.mark.parametrize(
    ("works", "m3s"),
    [
        (STILL, [0, 0, 0, 0]),
        # 0.6 m in a quarter of an hour: 18 m3 in 900 s
        (replace(STILL, well=what_held([(0, 1.0), (15, 1.6), (30, 1.6)])), [0.02, 0, 0, 0]),
        # the level stands while a pump runs: as much comes as it moves
        (replace(STILL, running=(what_held([(0, 0), (15, 1), (30, 0)]), always(0))), [0, 0.1, 0, 0]),
        # a third of the second quarter: a third of its capacity, and so with both
        (replace(STILL, running=(what_held([(0, 0), (15, 1), (20, 0)]), always(0))), [0, 0.033333, 0, 0]),
        (replace(STILL, running=(always(1), always(1))), [0.2, 0.2, 0.2, 0.2]),
        # the well falls by itself: the catalogue's numbers are not the plant's, and that is shown
        (replace(STILL, well=what_held([(0, 1.0), (15, 0.7), (30, 0.7)])), [-0.01, 0, 0, 0]),
        # no level at an edge: neither of the quarters that meet there
        (replace(STILL, well=what_held([(0, 1.0), (29, None), (31, 1.0)])), [0, None, None, 0]),
        # a pump is not known for a minute
        (replace(STILL, running=(what_held([(0, 0), (20, None), (21, 0)]), always(0))), [0, None, 0, 0]),
    ],
)
def test_by_hand(works: Works, m3s: list[float | None]) -> None:
    assert hours(works) == m3s
    found = inflow(works, np.array([0, 60]) * MINUTE, 15 * MINUTE)  # the hour of all of them
    known = [q for q in m3s if q is not None]
    assert found.known_ms[0] == len(known) * 15 * MINUTE
    assert found.m3[0] == pytest.approx(sum(known) * 900, abs=1e-3)
    assert found.peak_m3s[0] == pytest.approx(max(known), abs=1e-6)
    assert found.peak_ms[0] == m3s.index(max(known)) * 15 * MINUTE


@pytest.mark.parametrize(
    ("changed", "m3s"),
    [
        ({}, 0.2),
        ({"fault": (always(1), always(0))}, 0.1),
        ({"fault": (what_held([(0, 0), (45, 1)]), always(0))}, 0.175),  # a quarter of the time
        ({"fault": (None, always(1))}, 0.1),  # of faults that nobody tells it has none
        ({"fault": (what_held([(0, 0), (30, None)]), always(0))}, None),
        ({"mains": always(0)}, 0.0),
        ({"mains": always(0), "generator": always(1)}, 0.2),
        ({"mains": what_held([(0, 1), (30, 0)]), "generator": what_held([(0, 0), (45, 1)])}, 0.15),
        ({"mains": what_held([]), "generator": always(1)}, 0.2),
        ({"mains": what_held([]), "generator": always(0)}, None),
        ({"mains": what_held([]), "fault": (always(1), always(1))}, 0.0),  # whatever the supply
        ({"mains": None}, 0.2),
    ],
)
def test_the_capacity_of_pumps_that_could_run(changed: dict[str, object], m3s: float | None) -> None:
    works = replace(STILL, **changed)  # type: ignore[arg-type]
    (found,) = available_m3s(works, np.array([0, 60]) * MINUTE).tolist()
    assert (None if np.isnan(found) else found) == (m3s if m3s is None else pytest.approx(m3s))
    margin = inflow(works, np.array([0, 60]) * MINUTE, HOUR).margin_m3s[0]
    assert (None if np.isnan(margin) else margin) == (m3s if m3s is None else pytest.approx(m3s))


def test_the_margin_is_of_the_piece_with_the_least() -> None:
    comes = replace(STILL, well=what_held([(0, 1.0), (15, 1.6), (30, 1.9), (45, 1.9)]))
    fails = replace(comes, fault=(what_held([(0, 0), (45, 1)]), what_held([(0, 0), (45, 1)])))
    for works, margin, minute in [(comes, 0.18, 0), (fails, 0.0, 45)]:
        found = inflow(works, np.array([0, 60]) * MINUTE, 15 * MINUTE)
        assert (found.margin_m3s[0], found.margin_ms[0]) == (pytest.approx(margin), minute * MINUTE)


def test_where_it_drains_back_more_came() -> None:
    works = replace(STILL, well=what_held([(0, 1.0), (20, 4.5), (25, 4.4)]), drains_back_m=4.5)
    assert inflow(works, QUARTERS).at_least.tolist() == [False, True, False, False]
    assert not inflow(replace(works, drains_back_m=None), QUARTERS).at_least.any()


@pytest.mark.parametrize(
    ("edges", "cuts", "of"),
    [
        ([0, 60], [0, 15, 30, 45, 60], [0, 0, 0, 0]),
        ([0, 5, 60], [0, 5, 23, 41, 60], [0, 1, 1, 1]),  # none is shorter but an interval that is
        ([3], [3], []),
    ],
)
def test_pieces(edges: list[int], cuts: list[int], of: list[int]) -> None:
    found, interval = pieces(np.array(edges, np.int64), 15)
    assert (found.tolist(), interval.tolist()) == (cuts, of)


def tank(seed: int, deadband_m: float) -> tuple[Works, Float64s]:
    """A day of storm into a well of 30 m2 with two pumps by level; what came in, m3/s by the second."""
    rng, n = np.random.default_rng(seed), 24 * 3600
    came = 0.02 + 0.22 * np.exp(-(((np.arange(n) - 40_000 - seed * 3000) / 9000) ** 2)) + 0.005 * rng.random(n)
    level, on, told = 1.0, [False, False], -9.0
    levels: list[tuple[int, float]] = []
    states: list[list[tuple[int, int]]] = [[(0, 0)], [(0, 0)]]
    for s in range(n):
        wanted = [(level > start or on[i]) and level > 0.9 for i, start in enumerate((2.0, 2.4))]
        for i in (0, 1):
            if wanted[i] != on[i] or s % 900 == 0:
                states[i].append((s, int(wanted[i])))
        on = wanted
        if abs(level - told) > deadband_m or s % 900 == 0:
            told = level
            levels.append((s, level))
        level += (came[s] - 0.14 * sum(on)) / 30
    end = 24 * 60
    signals = [what_held([(s / 60, v) for s, v in rows], end, 30) for rows in (levels, *states)]
    no = what_held([(0, 0)], end, end)
    return Works(30.0, (0.14, 0.14), signals[0], signals[1:], (no, no), None), came


@pytest.mark.parametrize("deadband_m", [0.0, 0.05])
def test_of_a_tank_the_inflow_that_the_test_let_in(deadband_m: float) -> None:
    works, came = tank(1, deadband_m)
    edges = np.arange(0, 24 * 60 + 1, 20) * MINUTE
    found = inflow(works, edges)
    off = 2 * deadband_m * 30 * 1000 / found.piece_ms[0] + 0.002
    truth = came.reshape(-1, 1200)
    # Up to the last one, whose end nobody has told yet.
    assert found.known_ms.tolist()[:-1] == [20 * MINUTE] * 71
    assert np.abs(found.mean_m3s - truth.mean(1))[:-1].max() < off
    assert np.abs(found.peak_m3s - truth.reshape(-1, 4, 300).mean(2).max(1))[:-1].max() < off
    moved = sum(pumped_m3(h, 0.14, edges).sum() for h in works.running)
    assert moved == pytest.approx(came.sum(), abs=2 * 30 + 1)  # but for what the well holds
