"""What memory holds while the disk is full: its bounds, who goes first, and that every loss is counted."""

from __future__ import annotations

import numpy as np

from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from edge_agent.spool.batches import Counters
from edge_agent.spool.held import HELD_COMMITS_MAX, HELD_READINGS_MAX, Commit, HeldCommits, added
from edge_agent.timesync.timekeeping import Stamp

PART = 40_000  # two fit, three do not
assert 2 * PART < HELD_READINGS_MAX < 3 * PART


def commit(n: int, lane: Lane = Lane.LIVE, channel: int = 1, counters: Counters | None = None) -> Commit:
    batch = ReadingBatch.of(np.arange(n), np.full(n, channel), np.zeros(n))
    return Commit(batch, lane, counters or {}, 1000, Stamp())


def test_first_in_first_out() -> None:
    held = HeldCommits()
    one, two = commit(2), commit(3)
    held.add(one)
    held.add(two)
    assert (len(held), held.readings) == (2, 5)
    assert held.first() is one
    held.taken()
    assert held.first() is two
    held.taken()
    assert (len(held), held.readings, held.lost) == (0, 0, 0)


def test_the_oldest_calm_commit_goes_before_an_older_alarm() -> None:
    held = HeldCommits()
    alarm = commit(PART, Lane.ALARM)
    newest = commit(PART)
    for each in (alarm, commit(PART), newest):
        held.add(each)
    assert (held.lost, held.readings, len(held)) == (PART, 2 * PART, 2)
    assert held.first().readings is alarm.readings
    held.taken()
    assert held.first() is newest


def test_of_alarms_alone_the_oldest_goes() -> None:
    held = HeldCommits()
    commits = [commit(PART, Lane.ALARM) for _ in range(3)]
    for each in commits:
        held.add(each)
    assert held.first().readings is commits[1].readings


def test_what_was_lost_is_counted_by_the_commit_that_is_written_next_and_only_by_that() -> None:
    held = HeldCommits()
    held.add(commit(PART, channel=7, counters={7: {"made": PART, "reported": PART}, 8: {"suppressed": 5}}))
    held.add(commit(PART, channel=7, counters={7: {"made": PART}}))
    held.add(commit(PART, channel=7, counters={7: {"made": 1}}))
    assert held.first().counters == {
        7: {"made": 2 * PART, "reported": PART, "dropped": PART},
        8: {"suppressed": 5},
    }
    held.taken()
    assert held.first().counters == {7: {"made": 1}}


def test_commits_without_readings_are_bounded_too_and_their_counts_are_kept() -> None:
    held = HeldCommits()
    for _ in range(HELD_COMMITS_MAX + 3):
        held.add(commit(0, counters={1: {"suppressed": 1}}))
    assert (len(held), held.lost) == (HELD_COMMITS_MAX, 0)
    assert held.first().counters == {1: {"suppressed": 4}}  # its own, and those of the three that went


def test_sums_of_counts() -> None:
    one, other = {1: {"made": 2}, 2: {"made": 1}}, {1: {"made": 3, "dropped": 1}}
    assert added(one, other) == {1: {"made": 5, "dropped": 1}, 2: {"made": 1}}
    assert one == {1: {"made": 2}, 2: {"made": 1}}
