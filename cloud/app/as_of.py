"""Up to when the warnings know what was measured: what heartbeats, the feed and the stream of warnings tell."""

from __future__ import annotations

from collections.abc import Callable


class AsOf:
    """Called, it gives UTC ms; None before it was known for the first time. From any thread.

    It stands still while the cloud hears nothing from the broker or the warnings lag behind the log.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._well: Callable[[], bool] = lambda: False
        self._last_ms: int | None = None

    def follow(self, well: Callable[[], bool]) -> None:
        """well: does the cloud hear, and do the warnings keep up, now?"""
        self._well = well

    def look(self) -> None:
        """Once a second or so, so that the answer is no older than that."""
        if self._well():
            self._last_ms = self._now_ms()

    def __call__(self) -> int | None:
        self.look()
        return self._last_ms
