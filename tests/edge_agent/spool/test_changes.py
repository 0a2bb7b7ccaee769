"""What the outbox is told of batches that came, went and changed between two looks."""

from __future__ import annotations

from contract.wire.envelope import Lane
from edge_agent.spool.batches import Arrived, Changes, Spooled
from edge_agent.spool.changes import ChangeList


def row(seq: int) -> Spooled:
    return Spooled(seq, Lane.LIVE, created_ms=1000 + seq)


def test_what_came_and_went_is_told_once() -> None:
    changes = ChangeList()
    changes.went([3, 1])
    changes.came(row(4), 7.0)
    assert len(changes) == 3
    assert changes.taken(9) == Changes(9, [1, 3], [Arrived(row(4), 7.0)])
    assert len(changes) == 0
    assert changes.taken(9) == Changes(9, [], [])


def test_a_batch_that_came_and_went_between_two_looks_was_never_there() -> None:
    changes = ChangeList()
    changes.came(row(4), 7.0)
    changes.went([4])
    assert len(changes) == 0


def test_a_batch_whose_times_were_put_right_goes_and_comes_again() -> None:
    changes = ChangeList()
    changes.changed(row(2), 7.0)
    assert changes.taken(9) == Changes(9, [2], [Arrived(row(2), 7.0)])


def test_a_new_batch_that_changes_before_anybody_looked_only_comes() -> None:
    changes = ChangeList()
    changes.came(row(5), 7.0)
    later = Spooled(5, Lane.LIVE, created_ms=2000)
    changes.changed(later, 8.0)
    assert changes.taken(9) == Changes(9, [], [Arrived(later, 8.0)])


def test_when_all_is_void_nothing_of_before_is_told() -> None:
    changes = ChangeList()
    changes.went([1])
    changes.came(row(2), 7.0)
    changes.everything()
    assert changes.anew
    assert len(changes) == 1
    changes.clear()
    assert not changes.anew
    assert len(changes) == 0
