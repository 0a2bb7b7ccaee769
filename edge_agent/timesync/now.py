"""The present moment on a gateway, as one value. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Now:
    """utc_ms: the gateway's UTC, ms since 1970, in scenario time on a scaled clock; whether it can be believed is the
    timekeeper's to say. monotonic_s: real seconds that only rise, from a start nobody knows; links, disks and time-outs
    are measured by it, for they are as slow in a fast storm."""

    utc_ms: int
    monotonic_s: float
