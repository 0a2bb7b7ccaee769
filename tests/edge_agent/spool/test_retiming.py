"""Which batches get other times when the cloud has said the time, by how much, and which only a mark.

The gateway began at monotonic 1 s; the cloud then said that it was TRUE_MS.
"""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.spool.retiming import retimed, settled, stamped_anew, untimed
from edge_agent.timesync.timekeeping import EARLIEST_MS, Stamp, Timekeeper

DAY_MS = 86_400_000
TRUE_MS = EARLIEST_MS + 500 * DAY_MS
SLACK_MS = 120_000
OLD = Stamp("old", 5_000_000, timed=True)


def keeper(wall_off_ms: int = 0, said: bool = True) -> Timekeeper:
    """Of a wall clock that is so far off."""
    out = Timekeeper("this", TRUE_MS + wall_off_ms, 1000)
    if said:
        assert out.take_answer(TRUE_MS, 1000, 1000) is (abs(wall_off_ms) > 1000)
    return out


def times(*ms: int) -> np.ndarray:
    return np.array(ms, np.int64)


def test_what_was_stamped_by_a_clock_nobody_believed_waits_in_this_boot_only() -> None:
    assert untimed(Stamp("this", 0, timed=False), keeper())
    assert not untimed(Stamp("this", 0, timed=True), keeper())
    assert not untimed(Stamp("old", 0, timed=False), keeper())
    assert not untimed(Stamp("this", 0, timed=False), None)


@pytest.mark.parametrize(("off_ms", "anew"), [(2000, False), (2001, True), (-2001, True)])
def test_more_than_a_step_is_a_new_time(off_ms: int, anew: bool) -> None:
    assert stamped_anew(Stamp("this", TRUE_MS - 1000 + off_ms), keeper()) is anew
    assert not stamped_anew(Stamp("this", 0), None)


@pytest.mark.parametrize(
    ("stamp", "offset_ms", "goes_unread"),
    [
        (Stamp("this", 5_000_000), None, False),  # this boot's may have drifted
        (OLD, None, False),
        (Stamp("old", 5_000_000, timed=False), None, True),  # marked already, and nothing better is known
        (OLD, 5_002_000, True),
        (OLD, 5_002_001, False),
        (Stamp("old", 5_000_000, timed=False), 5_000_000, False),
    ],
)
def test_what_goes_without_being_read(stamp: Stamp, offset_ms: int | None, goes_unread: bool) -> None:
    assert settled(stamp, keeper(), offset_ms) is goes_unread


def test_readings_of_this_boot_follow_the_clock_that_was_put_right() -> None:
    a_day_fast = keeper(DAY_MS, said=False)
    stamp = a_day_fast.stamp()
    a_day_fast.take_answer(TRUE_MS, 1000, 1000)
    found = retimed(times(TRUE_MS + DAY_MS, TRUE_MS + DAY_MS + 500), stamp, a_day_fast, None, 0)
    assert found is not None
    right, then = found
    assert right.tolist() == [TRUE_MS, TRUE_MS + 500]
    assert then == Stamp("this", TRUE_MS - 1000, timed=True)
    assert retimed(right, then, a_day_fast, None, 0) is None


def test_an_earlier_boot_of_which_the_cloud_said_the_time_is_put_right_by_that() -> None:
    found = retimed(times(100, 200), OLD, keeper(), OLD.offset_ms + 70, 0)
    assert found is not None
    assert found[0].tolist() == [170, 270]
    assert found[1] == Stamp("old", OLD.offset_ms + 70)


def test_nothing_is_said_of_an_earlier_boot_before_the_cloud_has_spoken_in_this_one() -> None:
    assert retimed(times(100), OLD, keeper(said=False), OLD.offset_ms + 70, 0) is None


@pytest.mark.parametrize(
    ("time_ms", "sure_ms", "wall_off_ms", "marked"),
    [
        (TRUE_MS - DAY_MS, 0, 0, False),
        (TRUE_MS + SLACK_MS, 0, 0, False),
        (TRUE_MS + SLACK_MS + 1, 0, 0, True),  # after this boot began
        (TRUE_MS - DAY_MS - SLACK_MS, TRUE_MS - DAY_MS, 0, False),
        (TRUE_MS - DAY_MS - SLACK_MS - 1, TRUE_MS - DAY_MS, 0, True),  # before the last that is sure
        (TRUE_MS - DAY_MS, TRUE_MS + 1, 0, False),  # what was sure lies after this boot: it was no good
        (TRUE_MS - DAY_MS, 0, SLACK_MS, False),
        (TRUE_MS - DAY_MS, 0, SLACK_MS + 1, True),  # the wall clock was wrong at this start, too
        (TRUE_MS - DAY_MS, 0, -SLACK_MS - 1, True),
    ],
)
def test_a_boot_without_a_word_from_the_cloud_is_believed_unless_something_speaks_against_it(
    time_ms: int, sure_ms: int, wall_off_ms: int, marked: bool
) -> None:
    found = retimed(times(time_ms), OLD, keeper(wall_off_ms), None, sure_ms)
    assert (found is not None) is marked
    if found is not None:
        assert found[0].tolist() == [time_ms]
        assert found[1] == Stamp("old", OLD.offset_ms, timed=False)
