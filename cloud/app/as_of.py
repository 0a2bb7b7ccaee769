"""Up to when the warnings know what was measured: what heartbeats, the feed and the stream of warnings tell."""

from __future__ import annotations

from collections.abc import Callable


class AsOf:
    """Called, it gives UTC ms; None before it was known for the first time. From any thread.

    It is the time of the last entry of the log that the warnings have handled, never that of a clock: times in the log
    do not fall, so what is yet to come into it, or waits there, is no older. It stands still while the cloud hears
    nothing from the broker; while all is well it is at most a tick of the log old.
    """

    def __init__(self) -> None:
        self._hears: Callable[[], bool] = lambda: False
        self._handled_ms: Callable[[], int | None] = lambda: None
        self._last_ms: int | None = None

    def follow(self, hears: Callable[[], bool], handled_ms: Callable[[], int | None]) -> None:
        """hears: does the cloud hear from the broker now? handled_ms: the time of the last entry that the warnings
        have handled, UTC; None: of none since the start."""
        self._hears, self._handled_ms = hears, handled_ms

    def look(self) -> None:
        """Once a second or so, so that it is known when the broker was last heard."""
        if self._hears():
            self._last_ms = self._handled_ms()

    def __call__(self) -> int | None:
        self.look()
        return self._last_ms
