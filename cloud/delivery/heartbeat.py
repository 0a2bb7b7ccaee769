"""The heartbeat: says that the cloud lives, and up to when its warnings know what was measured. Pure.

A cloud that has died sends nothing, and nothing is what a calm day sends, too. So consumers that want one get a
heartbeat every minute, and its absence is the consumer's own alarm: docs/consumers.md has one that raises it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contract.clock import iso

EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """number: of the interval since 1970 in which it was sent; each is one more than the one before, so that a consumer
    sees which it lacks, and needs none before to begin with. It is kept nowhere: a cloud that was killed goes on
    counting where it would have been. as_of_ms: what was measured up to then is in the warnings; None: that is not
    known, as just after a start. Times are UTC.
    """

    number: int
    sent_ms: int
    as_of_ms: int | None
    every_s: float = EVERY_S

    def body(self) -> dict[str, Any]:
        """As consumers get it."""
        as_of = None if self.as_of_ms is None else iso(self.as_of_ms)
        return {
            "number": self.number,
            "sent": iso(self.sent_ms),
            "warnings_as_of": as_of,
            "every_s": self.every_s,
        }


def heartbeat(now_ms: int, as_of_ms: int | None, every_s: float = EVERY_S) -> Heartbeat:
    """The one of now."""
    return Heartbeat(now_ms // round(every_s * 1000), now_ms, as_of_ms, every_s)


@dataclass(slots=True)
class Pace:
    """When the next one is due. The first is at once. every_s: None: never. unheard_ms: since when the consumer takes
    none, by a clock that only rises; None while it does."""

    every_s: float | None
    unheard_ms: int | None = None
    _last: int = -1
    _busy: bool = False

    def next(self, now_ms: int, as_of_ms: int | None) -> Heartbeat | None:
        """What to send now; it counts as under way until `done`. One that could not be sent in its time is left out."""
        if self.every_s is None or self._busy:
            return None
        found = heartbeat(now_ms, as_of_ms, self.every_s)
        if found.number == self._last:
            return None
        self._last, self._busy = found.number, True
        return found

    def done(self, taken: bool, monotonic_ms: int) -> None:
        """The one under way is taken, or was not."""
        self._busy = False
        if taken:
            self.unheard_ms = None
        elif self.unheard_ms is None:
            self.unheard_ms = monotonic_ms
