"""Answers that take a thread's time, few at once: others wait without one.

Threads that compute change hands every half millisecond (`cloud.app.process`), and an alarm on its way waits for each
of them, again and again: thirty answers at once kept it for a second, and not one of them came sooner for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

P = ParamSpec("P")
T = TypeVar("T")


class Turns:
    """most: how many threads work at once. First come, first served.

    A thread cannot be ended. So one whose answer came too late for whoever asked keeps its place until it is done.
    """

    def __init__(self, most: int) -> None:
        self._free = asyncio.Semaphore(most)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` gives, or raises, in a thread."""
        await self._free.acquire()
        working = asyncio.ensure_future(run_in_threadpool(work, *args, **kwargs))
        working.add_done_callback(self._ended)
        return await asyncio.shield(working)

    def _ended(self, working: asyncio.Future[T]) -> None:
        self._free.release()
        if not working.cancelled():
            working.exception()  # of a work that nobody waits for any more it is not to be complained of
