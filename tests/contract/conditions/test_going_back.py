"""The log's time goes back: levels hold, deadlines come in their time, and what is measured now counts now."""

from __future__ import annotations

import numpy as np
import pytest

from contract.catalogue.rules import Level
from contract.conditions.going_back import go_back
from contract.conditions.state import ConditionState, Reason
from tests.contract.conditions.bench import KEY, STREET, Bench

HOUR_S = 3600.0
ACTIVE, NORMAL, UNKNOWN = ConditionState.ACTIVE, ConditionState.NORMAL, ConditionState.UNKNOWN


def back(bench: Bench, now_s: float) -> None:
    bench.now_s = now_s
    go_back(bench.state, bench.engine.limits, int(now_s * 1000))


def wet(bench: Bench, begin_s: float, count: int = 6) -> None:
    bench.polled([0.45] * count, 30, begin_s=begin_s)


def test_a_pinned_log_hears_history_and_after_it_is_freed_a_flood_at_once() -> None:
    bench = Bench(STREET)
    bench.polled([0.0] * 4, 30, begin_s=HOUR_S)
    pinned_s = 9 * HOUR_S
    for n in range(6):  # a flood, taken for one of eight hours ago
        bench.read(HOUR_S + 600 + 30 * n, 0.45, now_s=pinned_s)
    assert bench.condition.level is None
    back(bench, HOUR_S + 900)
    wet(bench, HOUR_S + 910)
    assert (bench.condition.state, bench.condition.level) == (ACTIVE, Level.RED)
    (change,) = [c for c in bench.changes if c.level is Level.RED]
    assert change.time_ms <= (HOUR_S + 910 + 90) * 1000


def test_what_was_read_of_a_time_that_never_was_is_forgotten_and_the_level_holds() -> None:
    bench = Bench(STREET)
    wet(bench, 9 * HOUR_S)
    assert bench.condition.level is Level.RED
    back(bench, HOUR_S)
    bench.wait(HOUR_S + 1)
    assert bench.now == (UNKNOWN, Level.RED, Reason.SILENT)
    assert bench.condition.reading_ms is None
    wet(bench, HOUR_S + 60)
    assert (bench.condition.state, bench.condition.level) == (ACTIVE, Level.RED)
    bench.polled(
        [0.0] * 60, 30, begin_s=HOUR_S + 300
    )  # half an hour of dry readings end it, not eight hours and a half
    assert (bench.condition.state, bench.condition.level) == (NORMAL, None)


def test_a_level_that_was_set_ahead_of_time_can_be_reset_now() -> None:
    """Sensors were right; only the log was ahead, by less than makes readings history."""
    bench = Bench(STREET)
    for n in range(6):
        bench.read(HOUR_S + 30 * n, 0.45, now_s=HOUR_S + 30 * n + 600)
    assert bench.condition.level is Level.RED
    back(bench, HOUR_S + 160)
    assert bench.condition.since_ms <= (HOUR_S + 160) * 1000
    bench.polled([0.0] * 60, 30, begin_s=HOUR_S + 180)
    assert bench.condition.level is None


def test_deadlines_come_in_their_time() -> None:
    bench = Bench(STREET)
    bench.polled([0.0] * 4, 30, begin_s=HOUR_S)
    bench.wait(HOUR_S + 8 * HOUR_S)
    assert bench.condition.state is UNKNOWN
    back(bench, HOUR_S + 100)
    bench.read(HOUR_S + 120, 0.0)
    assert bench.condition.state is NORMAL
    bench.wait(HOUR_S + 120 + STREET.stale_after_s + 10)
    assert bench.now[0] is UNKNOWN


@pytest.mark.parametrize("ahead_s", [0.0, 300.0, 599.0])
def test_readings_a_little_ahead_are_kept(ahead_s: float) -> None:
    bench = Bench(STREET)
    wet(bench, HOUR_S)
    newest_s = bench.now_s
    back(bench, newest_s - ahead_s)
    assert bench.condition.reading_ms == newest_s * 1000
    assert bench.condition.level is Level.RED


def test_going_back_survives_a_restart() -> None:
    bench = Bench(STREET)
    wet(bench, 9 * HOUR_S)
    back(bench, HOUR_S)
    bench.restart()
    bench.wait(HOUR_S + 1)
    assert bench.now[:2] == (UNKNOWN, Level.RED)
    wet(bench, HOUR_S + 60)
    assert bench.condition.level is Level.RED
    assert KEY in bench.state
    assert not np.any(bench.state.set_ms > (HOUR_S + 1000) * 1000)
