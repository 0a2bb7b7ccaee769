"""Waiting for what another thread, process or server does. A test that sleeps for it instead fails on a busy machine.

Both end as soon as it has come, so a long time-out costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LONG_S = 60.0  # a machine that has four times as much to do as it can


def until(done: Callable[[], object], timeout_s: float = LONG_S) -> None:
    """Returns when `done()` is true; fails when it is not within that time."""
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s"
        time.sleep(0.01)


async def until_async(done: Callable[[], object], timeout_s: float = LONG_S) -> None:
    """As `until`, while the event loop goes on."""
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s"
        await asyncio.sleep(0.01)
