"""When each of many things is next due, so that time passing costs only those it concerns. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable


class Deadlines:
    """A moment for each of some keys. Putting a moment off costs nothing: it is looked at again when it comes.

    `due` gives every key whose moment has come, and perhaps some whose moment was put off since: the caller looks
    at each and sets it anew.
    """

    __slots__ = ("_at", "_heap")

    def __init__(self, times: Iterable[tuple[int, int | None]] = ()) -> None:
        self._at = {key: at_ms for key, at_ms in times if at_ms is not None}  # each key's live entry in the heap
        self._heap = [(at_ms, key) for key, at_ms in self._at.items()]
        heapq.heapify(self._heap)

    def set(self, key: int, at_ms: int | None) -> None:
        """The key's next moment; None: it has none."""
        queued = self._at.get(key)
        if at_ms is None:
            self._at.pop(key, None)
        elif queued is None or at_ms < queued:
            self._at[key] = at_ms
            heapq.heappush(self._heap, (at_ms, key))
            if len(self._heap) > 4 * len(self._at) + 64:  # mostly entries that were overtaken
                self._heap = [(at, k) for k, at in self._at.items()]
                heapq.heapify(self._heap)

    def due(self, now_ms: int) -> list[int]:
        """Takes the keys that are due at now_ms; rising."""
        out = []
        while self._heap and self._heap[0][0] <= now_ms:
            at_ms, key = heapq.heappop(self._heap)
            if self._at.get(key) == at_ms:
                del self._at[key]
                out.append(key)
        return sorted(out)
