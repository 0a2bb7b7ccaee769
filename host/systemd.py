"""Signs of life for the service manager: sd_notify(3) of systemd, spoken over its socket without a library.

They are given from the agent's or the server's own loop, and only while nothing is stuck. If they stop, the manager
restarts us (WatchdogSec in the unit). Without NOTIFY_SOCKET nothing is said.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence

log = logging.getLogger(__name__)


class Watchdog:
    """stuck: what no longer turns, in words; empty while all is well. It must not block."""

    def __init__(self, environment: Mapping[str, str], stuck: Callable[[], Sequence[str]]) -> None:
        self._stuck = stuck
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        limit_us = environment.get("WATCHDOG_USEC", "")
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        # At half the limit, as sd_watchdog_enabled(3) advises.
        self.every_s = int(limit_us) / 2e6 if mine and limit_us.isdecimal() and int(limit_us) > 0 else None

    def tell(self, state: str) -> None:
        """state: READY=1, WATCHDOG=1, STOPPING=1. A manager that is away is no reason to stop."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                s.setblocking(False)
                s.sendto(state.encode(), self._address)
        except OSError as error:
            log.warning("the service manager does not hear %s: %s", state, error)

    async def beat_forever(self) -> None:
        if self.every_s is None:
            return
        while True:
            if stuck := self._stuck():
                log.error("no sign of life is given, so the service manager will restart us: %s", "; ".join(stuck))
            else:
                self.tell("WATCHDOG=1")
            await asyncio.sleep(self.every_s)
