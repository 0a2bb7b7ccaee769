"""The counter test over rows: what waits, what was wrong, and that most readings are never looked at alone."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from contract.catalogue.channel_settings import Quality, RainGauge
from contract.quality.counters import CounterTest, Odd, counter_of
from contract.quality.counting import Step, count
from contract.quality.tests import QualityTests
from contract.readings import Flag, ReadingBatch

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


HOURS = {"step": 0.1, "most_per_h": 1.0}
STARTS = {"step": 1.0, "most_per_h": 60.0}


@pytest.mark.parametrize(
    ("settings", "minutes", "values", "counts", "at_least"),
    [
        (HOURS, [0, 1, 2, 12], [512.4, 0.0, 512.4, 512.6], 0.2, False),
        (HOURS, [0, 1, 2, 10], [512.4, 498.0, 498.0, 498.1], 0.1, True),  # restored from flash
        (HOURS, [0, 1, 2], [12.3, 1677721.5, 12.3], 0.0, False),
        (HOURS | {"wraps_at": 6553.6}, [0, 10], [6553.5, 0.0], 0.1, False),
        (HOURS | {"wraps_at": 6553.6}, [0, 10, 20], [700.0, 0.0, 0.1], 0.1, False),  # a reset, no wrap
        (STARTS, [0, 1, 2, 3], [90, 18, 90, 91], 1.0, False),
        (STARTS | {"wraps_at": 256.0}, [0, 60, 61], [254, 3, 4], 6.0, False),
        (STARTS, [0, 60, 61], [193, 52, 53], 1.0, True),
        (STARTS, [0, 1, 2, 3], [512, 0, 1, 2], 2.0, False),  # a restart counts what it shows
        (STARTS | {"restart_below": 0.0}, [0, 1, 2, 3], [512, 0, 1, 2], 2.0, True),
    ],
)
def test_hours_and_starts_are_counted_by_the_rule_of_rain(
    settings: dict[str, float], minutes: list[int], values: list[float], counts: float, at_least: bool
) -> None:
    counter = counter_of(Quality.model_validate({"counter": settings}))
    assert counter is not None
    time_ms = np.array(minutes, np.int64) * MINUTE_MS
    found = count(time_ms, np.array(values, np.float64), np.ones(len(values), np.uint8), counter)
    assert float(found.counts.sum()) == pytest.approx(counts)
    assert bool(found.at_least.any()) == at_least


def test_hours_are_flagged_as_rain_is() -> None:
    tests = QualityTests([1], [Quality.model_validate({"counter": HOURS})], [60.0])
    state, flags = tests.initial(), []
    for minute, value in enumerate([512.4, 512.4, 3.0, 512.4]):
        state, found = tests.step(state, ReadingBatch.of([minute * MINUTE_MS], [1], [value]))
        flags.append(Flag(int(found.flag[0])))
    assert flags == [Flag.PASS, Flag.PASS, Flag.SUSPECT, Flag.PASS]
    assert (found.corrections.value.tolist(), found.corrections.flag.tolist()) == ([3.0], [Flag.FAIL])


def test_one_counter_has_one_description() -> None:
    with pytest.raises(ValidationError, match="rain_gauge is for rain, counter for all else"):
        Quality.model_validate({"counter": HOURS, "rain_gauge": {"tip_mm": 0.2}})
    assert counter_of(Quality()) is None
