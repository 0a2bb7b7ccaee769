"""What the kernel says of the machine's clock: adjtimex(2), which anybody may ask."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

# linux/timex.h
_TIME_ERROR, _STA_UNSYNC, _STA_NANO = 5, 0x0040, 0x2000


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("constant", "precision", "tolerance", "time_s", "time_fraction", "tick")),
        ("rest", ctypes.c_long * 40),
    )


@dataclass(frozen=True, slots=True)
class KernelTime:
    """synchronised: a time service (NTP, PTP) disciplines the clock, and has not let go of it. now_ms: UTC."""

    synchronised: bool
    now_ms: int


def kernel_time() -> KernelTime | None:
    """None where the kernel cannot be asked: another system, or a container whose filter forbids it.

    Whoever sets the clock by hand takes `synchronised` away until a time service gives it again.
    """
    ask = getattr(ctypes.CDLL(None), "adjtimex", None)
    if ask is None:
        return None
    found = _Timex()
    state = ask(ctypes.byref(found))
    if state < 0:
        return None
    fraction_ms = found.time_fraction // (1_000_000 if found.status & _STA_NANO else 1000)
    return KernelTime(state != _TIME_ERROR and not found.status & _STA_UNSYNC, found.time_s * 1000 + fraction_ms)
