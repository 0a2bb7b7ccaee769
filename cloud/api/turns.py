"""Answers that take a thread's time, few at once: others wait without one.

Threads that compute change hands every half millisecond (`cloud.app.process`), and an alarm on its way waits for each
of them, again and again: thirty answers at once kept it for a second, and not one of them came sooner for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool

P = ParamSpec("P")
T = TypeVar("T")


_DEAR_TOGETHER = 4
_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def _together() -> asyncio.Semaphore:
    """A server has one loop."""
    return _of_loops.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_DEAR_TOGETHER))


class Turns:
    """most: how many threads work at once. First come, first served.

    dear: answers that are computed for long. Of all such kinds together, four threads work at once: whoever asks one of
    each is no worse than who asks many of one. A short question, as who it is that asks, does not wait behind them.

    A thread cannot be ended. So one whose answer came too late for whoever asked keeps its place until it is done.
    """

    def __init__(self, most: int, dear: bool = False) -> None:
        self._free, self._dear = asyncio.Semaphore(most), dear

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` gives, or raises, in a thread."""
        await self._free.acquire()
        together = _together() if self._dear else None
        if together is not None:
            try:
                await together.acquire()
            except BaseException:
                self._free.release()
                raise
        working = asyncio.ensure_future(run_in_threadpool(work, *args, **kwargs))
        working.add_done_callback(lambda done: self._ended(done, together))
        return await asyncio.shield(working)

    def _ended(self, working: asyncio.Future[T], together: asyncio.Semaphore | None) -> None:
        self._free.release()
        if together is not None:
            together.release()
        if not working.cancelled():
            working.exception()  # of a work that nobody waits for any more it is not to be complained of
