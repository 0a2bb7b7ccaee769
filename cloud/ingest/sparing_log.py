"""Warnings about what a gateway sends, as many as somebody reads.

Whoever holds a gateway's key can have a thousand messages refused a second. Written down one by one they would fill the
journal, which then lets go of everybody's lines (journald: 10,000 of a service in 30 s), those of a dead consumer, too.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter

from cloud.ingest.allowance import Allowance

_PER_S, _AT_ONCE = 0.1, 20


class SparingLog:
    """Of each name its first twenty warnings, then one in ten seconds, with the number of those left out. Safe from any
    thread. names must be few: those of the district, and one for all others."""

    def __init__(self, log: logging.Logger) -> None:
        self._log, self._allowance = log, Allowance(_PER_S, _AT_ONCE)
        self._left_out: Counter[str] = Counter()
        self._lock = threading.Lock()

    def warn(self, name: str, now_ms: int, what: str, *values: object) -> None:
        """what, values: as of `logging.Logger.warning`."""
        with self._lock:
            if not self._allowance.take(name, now_ms / 1000):
                self._left_out[name] += 1
                return
            more = self._left_out.pop(name, 0)
        if more:
            self._log.warning(f"{what} (and %d others of it that are not written down)", *values, more)
        else:
            self._log.warning(what, *values)
