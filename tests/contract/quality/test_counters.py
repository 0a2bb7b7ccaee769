"""The counter test over rows: what waits, what was wrong, and that most readings are never looked at alone."""

from __future__ import annotations

import numpy as np

from contract.catalogue.channel_settings import RainGauge
from contract.quality.counters import CounterTest, Odd
from contract.quality.counting import Step

TEST = CounterTest([None, RainGauge(tip_mm=0.2), RainGauge(tip_mm=0.5, wraps_at_mm=64.0)])
MINUTE_MS = 60_000


def run(*minutes: tuple[float, float]) -> list[Odd | None]:
    """Both gauges, one reading of each a minute."""
    state = TEST.initial()
    times = [np.full(2, i * MINUTE_MS) for i in range(len(minutes))]
    return [TEST.step(state, TEST.rows, t, np.array(v)) for t, v in zip(times, minutes, strict=True)]


def test_gains_and_wraps_are_nothing_odd() -> None:
    assert TEST.rows.tolist() == [1, 2]
    assert run((5.0, 63.0), (5.2, 63.5), (5.2, 0.5)) == [None, None, None]


def test_what_waits_is_named_and_comes_back_when_it_was_wrong() -> None:
    _, waiting, settled = run((512.4, 45.0), (0.0, 45.0), (512.4, 45.0))
    assert waiting is not None
    assert (waiting.positions.tolist(), waiting.steps) == ([0], [Step.RESTART])
    assert settled is not None
    assert (settled.positions.tolist(), settled.wrong.tolist()) == ([], [0])
    assert (settled.wrong_ms, settled.wrong_value, settled.wrong_step) == ([MINUTE_MS], [0.0], [Step.RESTART])


def test_without_times_a_fall_is_still_a_fall_and_no_gain_too_large() -> None:
    state = TEST.initial()
    TEST.step(state, TEST.rows, np.zeros(2, np.int64), np.array([100.0, 10.0]))
    found = TEST.step(TEST.undated(state), TEST.rows, np.zeros(2, np.int64), np.array([50.0, 60.0]))
    assert found is not None
    assert (found.positions.tolist(), found.steps) == ([0], [Step.RESET])
