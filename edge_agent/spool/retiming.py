"""The cloud said the time: whatever never left gets its right times, under its own number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.readings import Int64s, ReadingBatch
from edge_agent.spool import earlier_boots, retention
from edge_agent.timesync.timekeeping import Stamp, Timekeeper
from edge_agent.uplink.outbox import Waiting

if TYPE_CHECKING:
    from edge_agent.spool.store import Spooled
    from edge_agent.uplink.session import Session


def retime(sender: Session, now_s: float) -> None:
    """Raises SpoolFull, SpoolCorrupt; the caller tries again."""
    keeper, box = sender.keeper, sender.outbox
    if keeper is None:
        return
    flying = box.flying()
    gone: list[int] = []
    waits: list[Waiting] = []
    try:
        earlier_boots.told(sender)
        for row in sender.spool.stamped():
            if row.seq in flying or (row.stamp.boot != keeper.boot and earlier_boots.stands(sender, row)):
                continue
            readings = retention.readings_of(sender.spool, [row])
            found = _right(sender, keeper, row, readings.time_ms)
            if found is None:
                continue
            right, stamp = found
            shift_ms = int(right[-1] - readings.time_ms[-1])
            moved = ReadingBatch(right, readings.channel, readings.value, readings.flag)
            sender.spool.retime(row, moved, row.created_ms + shift_ms, stamp)
            lane = box.lane_of(row.seq)
            gone.append(row.seq)
            waits.append(
                Waiting(row.seq, row.lane if lane is None else lane, row.created_ms + shift_ms, now_s, row.bytes)
            )
    finally:
        box.replaced(gone, waits)


def _right(sender: Session, keeper: Timekeeper, row: Spooled, time_ms: Int64s) -> tuple[Int64s, Stamp] | None:
    if not len(time_ms):
        return None
    if row.stamp.boot != keeper.boot:
        return earlier_boots.right(sender, row, time_ms)
    right = keeper.retimed(time_ms, row.stamp)
    if right is None:
        return None
    return right, Stamp(row.stamp.boot, row.stamp.offset_ms + int(right[-1] - time_ms[-1]))
