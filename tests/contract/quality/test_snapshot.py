"""A restart of the agent is no reason to forget: flags come out as if it had never stopped."""

from __future__ import annotations

import numpy as np
import pytest

from contract.catalogue.channel_settings import FlatLine, Quality, RainGauge, Spike, StepToConstant
from contract.quality.snapshot import dump, restore
from contract.quality.tests import QualityTests
from contract.readings import Flag, ReadingBatch

MINUTE_MS = 60_000
T0_MS = 1_626_768_000_000
LEVEL = Quality(
    fail_range=(-0.5, 5.0),
    rate_per_s=0.02,
    spike=Spike(suspect=0.3, fail=1.0),
    flat_line=FlatLine(suspect_s=300, tolerance=0.001, only_above=0.05),
    step_to_constant=StepToConstant(step=0.3),
)
RAIN = Quality(rain_gauge=RainGauge(tip_mm=0.2))


def quality_of(*numbers: int) -> QualityTests:
    return QualityTests(numbers, [RAIN if n == 2 else LEVEL for n in numbers], [60] * len(numbers))


@pytest.mark.parametrize("seed", range(20))
def test_a_restart_at_any_reading_changes_no_flag(seed: int) -> None:
    rng = np.random.default_rng(seed)
    level = np.cumsum(rng.choice([0, 0, 0, 0, 0.01, 0.4, -0.4], 60))
    total = np.cumsum(rng.choice([0, 0, 0.2, 0.4], 60)) * (rng.random(60) > 0.1)
    level[rng.random(60) < 0.1] = np.nan
    tests = quality_of(1, 2)

    def run(restarts: bool) -> list[tuple[list[int], list[int], list[int]]]:
        state, out = tests.initial(), []
        for i in range(60):
            at = T0_MS + i * MINUTE_MS
            state, found = tests.step(state, ReadingBatch.of([at, at], [1, 2], [level[i], total[i]]))
            out.append((found.flag.tolist(), found.tests.tolist(), found.corrections.time_ms.tolist()))
            if restarts:
                state = restore(tests, dump(tests, state, at), at + 30_000)
        return out

    assert run(restarts=True) == run(restarts=False)


def test_a_reset_shows_after_a_power_cut() -> None:
    tests = quality_of(2)
    state, _ = tests.step(tests.initial(), ReadingBatch.of([T0_MS], [2], [512.4]))
    kept = dump(tests, state, T0_MS)
    for hours in (0, 5):
        later = T0_MS + hours * 3_600_000 + MINUTE_MS
        _, found = tests.step(restore(tests, kept, later), ReadingBatch.of([later], [2], [0.0]))
        assert found.flag.tolist() == [Flag.SUSPECT]


def test_when_the_time_is_not_what_it_was_values_hold_and_nothing_is_too_fast() -> None:
    tests = quality_of(1, 2)
    state, _ = tests.step(tests.initial(), ReadingBatch.of([T0_MS, T0_MS], [1, 2], [0.1, 512.4]))
    earlier = T0_MS - 86_400_000
    again = restore(tests, dump(tests, state, T0_MS), earlier)
    _, found = tests.step(again, ReadingBatch.of([earlier, earlier], [1, 2], [3.0, 0.0]))
    assert found.flag.tolist() == [Flag.PASS, Flag.SUSPECT]


def test_channels_come_and_go_between_two_runs() -> None:
    before, after = quality_of(1, 2), quality_of(2, 3)
    state, _ = before.step(before.initial(), ReadingBatch.of([T0_MS, T0_MS], [1, 2], [0.1, 512.4]))
    state = restore(after, dump(before, state, T0_MS), T0_MS + MINUTE_MS)
    at = T0_MS + MINUTE_MS
    _, found = after.step(state, ReadingBatch.of([at, at], [2, 3], [0.0, 4.0]))
    assert found.flag.tolist() == [Flag.SUSPECT, Flag.PASS]


@pytest.mark.parametrize("damage", [{"version": 9}, {"base": 1}, {"known": np.zeros(3)}])
def test_what_is_no_snapshot_is_refused(damage: dict[str, object]) -> None:
    tests = quality_of(1, 2)
    kept = dump(tests, tests.initial(), T0_MS) | damage
    if "base" in damage:
        del kept["counter_base"]
    with pytest.raises((LookupError, ValueError, TypeError)):
        restore(tests, kept, T0_MS)
