"""When time alone may bring a message of an open incident: whose turn it is, without asking all of them. Pure data."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from typing import Protocol

from contract.conditions.columns import NOT_DUE

_ROOM = 100  # moments beside four an incident, before those that no longer hold are thrown out


class Waits(Protocol):
    """An open incident."""

    @property
    def next_ms(self) -> int: ...


class Calendar:
    """The moments of some open incidents, by zone. It follows from them: made anew it says the same.

    Moments that no longer hold stay until their time comes, and are passed over then.
    """

    def __init__(self, opened: Mapping[str, Waits]) -> None:
        self._make(opened)

    def _make(self, opened: Mapping[str, Waits]) -> None:
        self._heap = [(o.next_ms, zone) for zone, o in opened.items()]
        heapq.heapify(self._heap)
        self._noted = {zone: next_ms for next_ms, zone in self._heap}

    def due(self, opened: Mapping[str, Waits], now_ms: int) -> list[str]:
        """The zones whose moment has come. Each is to be noted again, with its next one."""
        found = set()
        while self._heap and self._heap[0][0] <= now_ms:
            found.add(self._take())
        return [zone for zone in sorted(found) if zone in opened and opened[zone].next_ms <= now_ms]

    def note(self, opened: Mapping[str, Waits], zones: Collection[str]) -> None:
        """That these may have another moment now."""
        for zone in zones:
            o = opened.get(zone)
            if o is not None and self._noted.get(zone) != o.next_ms:
                self._noted[zone] = o.next_ms
                heapq.heappush(self._heap, (o.next_ms, zone))
        if len(self._heap) > 4 * len(opened) + _ROOM:
            self._make(opened)

    def next_ms(self, opened: Mapping[str, Waits]) -> int:
        """The earliest moment of any."""
        while self._heap:
            next_ms, zone = self._heap[0]
            if zone in opened and opened[zone].next_ms == next_ms:
                return next_ms
            self._take()
        return NOT_DUE

    def _take(self) -> str:
        next_ms, zone = heapq.heappop(self._heap)
        if self._noted.get(zone) == next_ms:
            del self._noted[zone]
        return zone
