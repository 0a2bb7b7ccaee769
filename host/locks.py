"""Locks on files that are waited for, and who holds one."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

_LOOK_S = 0.1


class Held(Exception):
    """Somebody else has had the lock for as long as was waited. The text says who, as far as the kernel tells."""


def lock_within(handle: int, wait_s: float) -> None:
    """An exclusive `flock` on an open file, until that is closed. Raises Held when it is not to be had within wait_s,
    so that a command ends, whoever holds it."""
    ends_s = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= ends_s:
                raise Held(" and ".join(map(_process, holders(handle))) or "another process") from None
        time.sleep(_LOOK_S)


def holders(handle: int) -> list[int]:
    """Ids of the processes that hold a `flock` on this file (proc(5), /proc/locks); those of other machines or
    containers, and where there is no /proc, are not known."""
    of = os.fstat(handle)
    place = f"{os.major(of.st_dev):02x}:{os.minor(of.st_dev):02x}:{of.st_ino}"
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return sorted({int(r[4]) for r in rows if len(r) > 5 and r[1] == "FLOCK" and r[5] == place and int(r[4]) > 0})


def _process(number: int) -> str:
    try:
        name = Path(f"/proc/{number}/comm").read_text().strip()
    except OSError:
        return f"process {number}"
    return f"process {number} ({''.join(c for c in name if c.isprintable())})"
