"""The newest entries of the log, as every view reads them, each soon after it was appended: once from memory instead of
row by row from the disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cloud.log.base import Cursor, Entry

_ENTRIES, _BYTES = 4000, 16_000_000


class Recent:
    """A stretch of the log without holes, up to its end. Not safe by itself: whoever owns it keeps others out."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._bytes = 0

    def add(self, entries: Sequence[Entry]) -> None:
        """What was appended now, in order of consecutive offsets; what is not next to it is let go."""
        if not entries:
            return
        if not self._entries or self._entries[-1].offset + 1 != entries[0].offset:
            self.clear()
        self._entries += entries
        self._bytes += sum(len(e.payload) for e in entries)
        if len(self._entries) > _ENTRIES or self._bytes > _BYTES:  # half of it goes at once, so that this is seldom
            size, first = 0, len(self._entries)
            least = max(first - _ENTRIES // 2, 0)
            while first > least and size <= _BYTES // 2:
                first -= 1
                size += len(self._entries[first].payload)
            self._entries, self._bytes = self._entries[first:], size

    def clear(self) -> None:
        """Nothing is known any more: the log was altered otherwise."""
        self._entries, self._bytes = [], 0

    def behind(self, after: Cursor, limit: int) -> Sequence[Entry]:
        """Up to `limit` entries behind one of them, in order; empty: the disk must say. So it does to who begins anew:
        what is known here may have been trimmed by another process."""
        at = after + 1 - self._entries[0].offset if self._entries else 0
        return self._entries[at : at + limit] if at > 0 else ()


def bounded(entries: Iterable[Entry], most_bytes: float) -> list[Entry]:
    """Of some entries the first, up to the one with which they hold more than so many bytes; no more are fetched."""
    out, size = [], 0
    for e in entries:
        out.append(e)
        size += len(e.payload)
        if size > most_bytes:
            break
    return out
