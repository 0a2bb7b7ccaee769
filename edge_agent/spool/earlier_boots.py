"""Batches of boots that are over: monotonic times of then cannot be compared with now, but more is known than nothing.

Of each boot in which the cloud said the time, the spool remembers the offset: whatever of it waits can be put right. A
boot that ended without a word from the cloud had only its wall clock. Its batches are believed, unless something shows
that clock to be wrong: times before the last that are sure, times after this boot began, or a wall clock that was
wrong at the start of this boot, too. Then they go out marked, and the cloud keeps them aside by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.readings import Int64s
from edge_agent.timesync.timekeeping import STEP_MS, Stamp

if TYPE_CHECKING:
    from edge_agent.spool.store import Spooled
    from edge_agent.uplink.session import Session

_SLACK_MS = 120_000  # 200 ppm in a week


def begin(sender: Session) -> None:
    """A run begins. Raises SpoolFull, SpoolCorrupt."""
    keeper, spool = sender.keeper, sender.spool
    if keeper is None:
        return
    if (offset_ms := spool.offset_of(keeper.boot)) is not None:
        keeper.resume(offset_ms)
    last = spool.recall("boot")
    if last == keeper.boot:
        return
    if last is not None and spool.offset_of(str(last)) is not None:
        spool.remember("sure_ms", spool.recall_number("last_commit_ms") or 0)
    spool.remember("boot", keeper.boot)


def told(sender: Session) -> None:
    """The cloud has said the time of this boot. Raises SpoolFull, SpoolCorrupt."""
    keeper, spool = sender.keeper, sender.spool
    if keeper is not None and keeper.confirmed and spool.offset_of(keeper.boot) != keeper.offset_ms:
        spool.remember_offset(keeper.boot, keeper.offset_ms)


def stands(sender: Session, row: Spooled) -> bool:
    """Whether a batch of an earlier boot is to go as it is, whatever its times are."""
    offset_ms = sender.spool.offset_of(row.stamp.boot)
    if offset_ms is None:
        return not row.stamp.timed
    return row.stamp.timed and abs(offset_ms - row.stamp.offset_ms) <= STEP_MS


def right(sender: Session, row: Spooled, time_ms: Int64s) -> tuple[Int64s, Stamp] | None:
    """How a batch of an earlier boot that does not stand should do; None: as it does, for nothing speaks against it."""
    keeper, stamp = sender.keeper, row.stamp
    if keeper is None or not keeper.confirmed:
        return None
    offset_ms = sender.spool.offset_of(stamp.boot)
    if offset_ms is not None:
        return time_ms + (offset_ms - stamp.offset_ms), Stamp(stamp.boot, offset_ms)
    sure_ms = sender.spool.recall_number("sure_ms") or 0
    if sure_ms > keeper.began_ms:  # that was no good either
        sure_ms = 0
    early, late = int(time_ms.min()) < sure_ms - _SLACK_MS, int(time_ms.max()) > keeper.began_ms + _SLACK_MS
    if early or late or abs(keeper.wall_was_off_ms) > _SLACK_MS:
        return time_ms, Stamp(stamp.boot, stamp.offset_ms, timed=False)
    return None
