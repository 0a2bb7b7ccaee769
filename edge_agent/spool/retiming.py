"""The right times of batches that never left, once the cloud has said the time. Pure.

Batches of this boot are put right from monotonic time. Monotonic times of boots that are over cannot be compared with
now, but more is known than nothing: of each boot in which the cloud said the time, the spool remembers the offset, and
whatever of it waits can be put right. A boot that ended without a word from the cloud had only its wall clock. Its
batches are believed, unless something shows that clock to be wrong: times before the last that are sure, times after
this boot began, or a wall clock that was wrong at the start of this boot, too. Then they go out marked, and the cloud
keeps them aside by name.
"""

from __future__ import annotations

from contract.readings import Int64s
from edge_agent.timesync.timekeeping import STEP_MS, Stamp, Timekeeper

_SLACK_MS = 120_000  # 200 ppm in a week


def untimed(stamp: Stamp, keeper: Timekeeper | None) -> bool:
    """Whether readings stamped so have to wait until somebody says when this boot was."""
    return keeper is not None and not stamp.timed and stamp.boot == keeper.boot


def stamped_anew(stamp: Stamp, keeper: Timekeeper | None) -> bool:
    """Whether the time has been put right by more than a step since readings were stamped so."""
    return keeper is not None and abs(stamp.offset_ms - keeper.offset_ms) > STEP_MS


def settled(stamp: Stamp, keeper: Timekeeper, offset_ms: int | None) -> bool:
    """Whether a batch goes as it is, whatever its times are, so that it need not be read. offset_ms: see `retimed`."""
    if stamp.boot == keeper.boot:
        return False
    if offset_ms is None:
        return not stamp.timed
    return stamp.timed and abs(offset_ms - stamp.offset_ms) <= STEP_MS


def retimed(
    time_ms: Int64s, stamp: Stamp, keeper: Timekeeper, offset_ms: int | None, sure_ms: int
) -> tuple[Int64s, Stamp] | None:
    """The times and the stamp that a batch should have; None when it should stay as it is.

    time_ms: of its readings, as they were stamped; at least one. offset_ms: UTC less monotonic in its boot, as the
    cloud said; None: it never did. sure_ms: the last UTC that was sure before this boot, 0 for none.
    """
    if stamp.boot == keeper.boot:
        right = keeper.retimed(time_ms, stamp)
        if right is None:
            return None
        return right, Stamp(stamp.boot, stamp.offset_ms + int(right[-1] - time_ms[-1]))
    if not keeper.confirmed:
        return None
    if offset_ms is not None:
        return time_ms + (offset_ms - stamp.offset_ms), Stamp(stamp.boot, offset_ms)
    if sure_ms > keeper.began_ms:  # that was no good either
        sure_ms = 0
    early, late = int(time_ms.min()) < sure_ms - _SLACK_MS, int(time_ms.max()) > keeper.began_ms + _SLACK_MS
    if early or late or abs(keeper.wall_was_off_ms) > _SLACK_MS:
        return time_ms, Stamp(stamp.boot, stamp.offset_ms, timed=False)
    return None
