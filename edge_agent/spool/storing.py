"""How a sender puts what it was handed into its spool, and keeps the spool from filling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.spool import retention
from edge_agent.spool.file import SpoolFull
from edge_agent.uplink.outbox import Waiting

if TYPE_CHECKING:
    from edge_agent.uplink.session import Session

_MERGE_EVERY = 256
_NEAR_CAP = 0.95
_ROOM_PAUSE_S = 5.0
_STEPS_MAX = 200  # towards room, at one submit


class Storing:
    """Every call raises what the spool raises: SpoolFull, SpoolCorrupt."""

    def __init__(self, sender: Session, now_s: float) -> None:
        self._sender = sender
        self._since_merge = 0
        self._room_s = now_s  # before it there is no use in trying to make room

    def commit(self, now_s: float, now_ms: int) -> None:
        """All that is held, in its order, making room where there is none; and merges small batches now and then."""
        sender, steps = self._sender, 0
        while len(sender.held):
            c = sender.held.first()
            try:
                rows = sender.spool.commit(c.readings, c.lane, c.counters, c.now_ms, stamp=c.stamp)
            except SpoolFull:
                steps += 1
                if steps > _STEPS_MAX or now_s < self._room_s:
                    raise
                self._room_s = now_s + _ROOM_PAUSE_S  # should it fail, too: decoding thousands of batches is work
                if not self._changed(retention.make(sender.spool, sender.outbox.flying()), now_s):
                    raise
                self._room_s = now_s
                continue
            sender.held.taken()
            sender.spooled(rows, now_s)
            self._since_merge += len(rows)
        sender.disk_trouble = ""
        if self._since_merge >= _MERGE_EVERY:
            self._since_merge = 0
            before_ms = now_ms - round(sender.outbox.settings.live_age_s * 1000)
            self._changed(retention.merge(sender.spool, sender.outbox.flying(), before_ms), now_s)

    def keep_cap(self, now_s: float) -> None:
        """Thins before the cap is reached or the disk is full; drops only then."""
        sender, s = self._sender, self._sender.spool
        for _ in range(_STEPS_MAX):
            disk = s.available_bytes()
            if s.bytes_waiting <= s.cap_bytes * _NEAR_CAP and disk >= s.reserve_bytes:
                return
            over = s.bytes_waiting > s.cap_bytes or disk < s.reserve_bytes // 2
            if not self._changed(retention.make(s, sender.outbox.flying(), may_drop=over), now_s):
                return

    def _changed(self, change: retention.Replaced | None, now_s: float) -> bool:
        if change is None:
            return False
        sender = self._sender
        new = [Waiting(b.seq, b.lane, b.created_ms, now_s, b.bytes) for b in change.new if not sender.untimed(b)]
        sender.outbox.replaced(change.gone, new)
        return True
