"""What counters do in the field, and what it counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.quality.counting import Counted, Counter, Step, count
from contract.readings import Flag

NAN = math.nan
MINUTE_MS = 60_000


def counted(
    values: list[float],
    wraps_at: float | None = None,
    tip: float = 0.1,
    flags: list[int] | None = None,
    every_s: int = 60,
) -> Counted:
    time_ms = np.arange(len(values), dtype=np.int64) * every_s * 1000
    flag = np.array(flags or [Flag.PASS] * len(values), np.uint8)
    return count(time_ms, np.array(values, float), flag, Counter(tip, wraps_at, most_per_h=500.0))


def names(found: Counted) -> list[str]:
    return [Step(s).name for s in found.step.tolist()]


@pytest.mark.parametrize(
    ("values", "wraps_at", "tip", "total", "steps", "at_least"),
    [
        pytest.param([512.4, 0, 512.4, 512.6], None, 0.2, 0.2, "GAIN GLITCH GAIN GAIN", False, id="one wrong zero"),
        pytest.param([512.4, 498.0, 498.2], None, 0.2, 0.2, "GAIN RESET GAIN", True, id="restored from flash"),
        pytest.param([700, 0, 0.1], 1000.0, 0.1, 0.1, "GAIN RESTART GAIN", False, id="a restart that is no wrap"),
        pytest.param([12.3, 1677721.5, 12.3], None, 0.1, 0.0, "GAIN GLITCH GAIN", False, id="one wild number"),
        pytest.param([45.0, 9.0, 45.0], 64.0, 0.5, 0.0, "GAIN GLITCH GAIN", False, id="tips 90, 18, 90"),
        pytest.param([193.6, 52.5], None, 0.1, 0.0, "GAIN RESET", True, id="a fall and nothing after it"),
        pytest.param([512.4, 0.4, 0.6], None, 0.2, 0.6, "GAIN RESTART GAIN", False, id="a restart that rained"),
        pytest.param([63.8, 0.2], 64.0, 0.2, 0.4, "GAIN WRAP", False, id="a wrap"),
        pytest.param([13106.8, 13107.0, 0.2], 13107.2, 0.2, 0.6, "GAIN GAIN WRAP", False, id="16 bits wrap"),
        pytest.param([45.0, 44.8, 45.0, 45.4], None, 0.2, 0.4, "GAIN GLITCH GAIN GAIN", False, id="a tip back"),
        pytest.param(
            [45.0, 44.8, 44.8, 45.0], None, 0.2, 0.2, "GAIN NEGATIVE GAIN GAIN", False, id="a tip back for good"
        ),
        pytest.param([12.0, 11.95, 12.2], None, 0.2, 0.2, "GAIN GAIN GAIN", False, id="noise below half a tip"),
        pytest.param([0.0, 300.0, 300.2], None, 0.2, 0.2, "GAIN IMPLAUSIBLE GAIN", True, id="a gauge exchanged"),
        pytest.param(
            [512.4, 0.0, 0.0, 0.2], None, 0.2, 0.2, "GAIN RESTART GAIN GAIN", False, id="a restart in the dry"
        ),
        pytest.param([5.0], None, 0.2, 0.0, "GAIN", False, id="one reading"),
        pytest.param([], None, 0.2, 0.0, "", False, id="none"),
    ],
)
def test_what_a_sequence_counts(
    values: list[float], wraps_at: float | None, tip: float, total: float, steps: str, at_least: bool
) -> None:
    found = counted(values, wraps_at, tip)
    assert found.counts.sum() == pytest.approx(total, abs=1e-9)
    assert " ".join(names(found)) == steps
    assert bool(found.at_least.any()) is at_least


def test_failed_and_missing_readings_count_for_nothing_and_forget_nothing() -> None:
    found = counted([100.0, 6553.5, 100.1], flags=[Flag.PASS, Flag.FAIL, Flag.PASS])
    assert (names(found), found.counts.tolist()) == (["GAIN", "UNUSABLE", "GAIN"], pytest.approx([0, 0, 0.1]))
    found = counted([512.4, NAN, NAN, 0.0], tip=0.2)
    assert names(found)[-1] == "RESTART"
    assert found.provisional


def test_a_step_that_waits_is_provisional_until_the_next_reading() -> None:
    assert counted([12.3, 80.0]).provisional
    assert not counted([12.3, 80.0, 80.1]).provisional
    assert counted([12.3, 80.0]).counts.tolist() == [0, 0]


def test_a_long_silence_makes_a_large_gain_possible() -> None:
    """59 minutes without a word, then 60 mm: within what an hour of the worst storm brings."""
    found = counted([100.0, 160.0], every_s=59 * 60)
    assert found.counts.tolist() == pytest.approx([0, 60.0])
    assert found.since_ms.tolist() == [0, 0]
    assert names(counted([100.0, 160.0])) == ["GAIN", "IMPLAUSIBLE"]  # in a minute it is not


def test_where_both_are_possible_the_smaller_step_explains_it() -> None:
    """An hour between readings: after a wrong zero, 512.4 mm in an hour would be possible for a gauge of 600 mm/h."""
    time_ms = np.arange(4, dtype=np.int64) * 3_600_000
    flag = np.ones(4, np.uint8)
    gauge = Counter(0.2, most_per_h=600.0)
    found = count(time_ms, np.array([512.4, 0.0, 512.4, 512.6]), flag, gauge)
    assert found.counts.sum() == pytest.approx(0.2)


@given(
    st.lists(st.sampled_from([0, 0, 0, 1, 2, 5, 20]), max_size=60),
    st.integers(0, 320),
    st.sampled_from([None, 320]),
)
def test_what_an_honest_counter_counted_is_counted(tips: list[int], start: int, wraps_at: int | None) -> None:
    """Tips of 0.2 mm, at most 4 mm a minute, with and without a wrap at 64 mm."""
    total = start + np.concatenate(([0], np.cumsum(tips, dtype=int)))
    shown = (total % wraps_at if wraps_at else total) * 0.2
    found = counted(shown.tolist(), wraps_at * 0.2 if wraps_at else None, 0.2)
    assert found.counts.sum() == pytest.approx(sum(tips) * 0.2)
    assert not found.at_least.any()
    assert not found.provisional


@given(st.lists(st.sampled_from([0.0, 0.2, 0.4, 9.0, 100.0, 512.4, 1e6, NAN]), max_size=30))
def test_no_sequence_counts_backwards_or_more_than_the_instrument_can(values: list[float]) -> None:
    found = counted(values, tip=0.2)
    assert (found.counts >= 0).all()
    hours = len(values) / 60
    assert found.counts.sum() <= 500 * hours + 0.2 * len(values) + len(values) + 1e-6
