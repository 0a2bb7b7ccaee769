"""Memory that was freed and that the C library keeps: after an outage, four megabytes for as long as the agent runs."""

from __future__ import annotations

import ctypes


def give_back() -> bool:
    """To the system, what is free between what is in use. False where the C library has no such call (it is glibc's),
    or had nothing to give."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and trim(0) == 1
