"""The cloud said the time: whatever of this boot never left gets its right times, under its own number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.readings import ReadingBatch
from edge_agent import room
from edge_agent.outbox import Waiting
from edge_agent.timekeeping import Stamp

if TYPE_CHECKING:
    from edge_agent.sender import Sender


def retime(sender: Sender, now_s: float) -> None:
    """Raises SpoolFull, SpoolCorrupt; the caller tries again."""
    keeper, box = sender.keeper, sender.outbox
    if keeper is None:
        return
    flying = box.flying()
    gone: list[int] = []
    waits: list[Waiting] = []
    try:
        for row in sender.spool.of_boot(keeper.boot):
            if row.seq in flying:
                continue
            readings = room.readings_of(sender.spool, [row])
            right = keeper.retimed(readings.time_ms, row.stamp)
            if right is None:
                continue
            shift_ms = int(right[-1] - readings.time_ms[-1])
            moved = ReadingBatch(right, readings.channel, readings.value, readings.flag)
            stamp = Stamp(row.stamp.boot, row.stamp.offset_ms + shift_ms)
            sender.spool.retime(row, moved, row.created_ms + shift_ms, stamp)
            lane = box.lane_of(row.seq)
            gone.append(row.seq)
            waits.append(
                Waiting(row.seq, row.lane if lane is None else lane, row.created_ms + shift_ms, now_s, row.bytes)
            )
    finally:
        box.replaced(gone, waits)
