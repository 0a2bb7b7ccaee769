"""Stuck or not, value by value: QARTOD water level manual 2.1, test 8."""

from __future__ import annotations

import math

import numpy as np

from contract.catalogue.channel_settings import FlatLine
from contract.quality.flat_line import FlatLineTest

NAN = math.nan
GOOD, SUSPECT, FAIL = ".", "s", "F"


def judged(setting: FlatLine, values: list[float], period_s: float = 60) -> str:
    test = FlatLineTest([setting], [period_s])
    state, before, out = test.initial(), NAN, ""
    for value in values:
        stuck = test.step(state, slice(None), np.array([value]), np.array([abs(value - before)]))
        out += GOOD if stuck is None else FAIL if stuck.failed[0] else SUSPECT
        before = value
    return out


def test_after_so_many_seconds_suspect_and_after_more_failed() -> None:
    # 180 s at 60 s: the fourth reading ends the third calm interval; 300 s: the sixth.
    assert judged(FlatLine(suspect_s=180, fail_s=300, tolerance=0.01), [1.0] * 7) == "...ssFF"


def test_a_step_larger_than_the_tolerance_begins_anew() -> None:
    assert judged(FlatLine(suspect_s=120, tolerance=0.01), [1.0, 1.0, 1.0, 1.5, 1.5, 1.5]) == "..s..s"


def test_a_missing_value_begins_anew() -> None:
    assert judged(FlatLine(suspect_s=120, tolerance=0.01), [1.0, 1.0, NAN, 1.0, 1.0, 1.0]) == ".....s"


def test_small_steps_that_lead_away_are_not_flat() -> None:
    # Each step of 0.006 is small; over two intervals they make 0.012.
    assert judged(FlatLine(suspect_s=120, tolerance=0.01), [1.0, 1.006, 1.012, 1.018, 1.024]) == "....."


def test_below_the_level_that_matters_nothing_is_stuck() -> None:
    setting = FlatLine(suspect_s=120, tolerance=0.01, only_above=0.05)
    assert judged(setting, [0.05] * 5) == "....."
    assert judged(setting, [0.051] * 5) == "..sss"


def test_the_threshold_counts_whole_intervals() -> None:
    assert judged(FlatLine(suspect_s=179, tolerance=0.01), [1.0] * 4) == "..ss"  # two intervals of 60 s
    assert judged(FlatLine(suspect_s=180, tolerance=0.01), [1.0] * 4) == "...s"


def test_rows_have_windows_of_their_own() -> None:
    setting = FlatLine(suspect_s=120, tolerance=0.01)
    test = FlatLineTest([setting, None, setting], [60, 60, 60])
    state = test.initial()
    still, size = np.array([1.0, 1.0]), np.array([0.0, 0.0])
    for _ in range(2):
        assert test.step(state, np.array([0, 1]), still, size) is None
    found = test.step(state, np.array([0, 2]), still, size)
    assert found is not None
    assert found.rows.tolist() == [0]  # the first of the two given; the other has just begun
    assert found.failed.tolist() == [False]


def test_without_a_row_to_test_there_is_nothing_to_do() -> None:
    test = FlatLineTest([None], [60])
    assert test.step(test.initial(), slice(None), np.array([1.0]), np.array([0.0])) is None
