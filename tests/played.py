"""An event loop in played time: whoever sleeps is woken at once, and the loop's clock has moved on by as long.

What waits for sockets or other processes has no place here: the loop would run ahead of them.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START_MS = 1_626_768_000_000


class _Impatient(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Tells the loop how long it would have waited, instead of waiting."""

    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout:
            self.skipped_s += timeout
        return found


class PlayedLoop(asyncio.SelectorEventLoop):
    """Its `time()` begins at 1000 s."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return 1000.0 + self._impatient.skipped_s


class PlayedClock:
    """A clock that goes with the loop's."""

    def now_ms(self) -> int:
        return START_MS + round((asyncio.get_running_loop().time() - 1000) * 1000)

    def monotonic_ms(self) -> int:
        return round(asyncio.get_running_loop().time() * 1000)

    def real_s(self, scenario_s: float) -> float:
        return scenario_s

    async def sleep(self, scenario_s: float) -> None:
        await asyncio.sleep(scenario_s)


def play(what: Coroutine[Any, Any, T]) -> T:
    """Runs it to its end, in no time."""
    with asyncio.Runner(loop_factory=PlayedLoop) as runner:
        return runner.run(what)
