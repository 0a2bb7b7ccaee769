"""Which boot of the machine this is: monotonic times of two boots do not compare."""

from __future__ import annotations

from pathlib import Path

from contract.clock import Clock, SystemClock

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_of(clock: Clock) -> str:
    """Of the monotonic time of a clock: each scenario has its own."""
    return boot_id() if isinstance(clock, SystemClock) else f"{boot_id()} {clock}"


def boot_id() -> str:
    """Of this boot of the machine. Without one, monotonic times of an earlier run must not be trusted: a fresh id."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        import secrets

        return secrets.token_hex(16)
