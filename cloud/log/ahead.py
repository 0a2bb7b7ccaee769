"""How far the order of a log is ahead of time, from which place on. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ahead:
    """steps: (offset, ahead_ms), rising: the entries that put the log's time right, and by how much its order is ahead
    from each of them on. Empty for a log that never was."""

    steps: tuple[tuple[int, int], ...] = ()

    @property
    def last_ms(self) -> int:
        """At the end of the log, ms."""
        return self.steps[-1][1] if self.steps else 0

    def then(self, offset: int, ahead_ms: int) -> Ahead:
        """With one more. offset: above every one before."""
        return Ahead((*self.steps, (offset, ahead_ms)))

    def at(self, offset: int) -> int:
        """Of the entry at this place, ms."""
        place = bisect_right(self.steps, offset, key=lambda step: step[0])
        return self.steps[place - 1][1] if place else 0
