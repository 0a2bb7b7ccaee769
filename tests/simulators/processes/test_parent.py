"""A child that asked for it ends with whoever started it, though that one is killed and can say nothing."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress

# It starts a child that would live for ever, says its number, and waits.
PARENT = """
import subprocess, sys, time
child = "import time; {first}\\nprint('up', flush=True)\\ntime.sleep(1000)"
started = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
started.stdout.readline()
print(started.pid, flush=True)
time.sleep(1000)
"""
DIES = "from simulators.processes.parent import die_with_parent; die_with_parent()"


def outlived_by(first: str, for_s: float) -> bool:
    """Whether a child that does this first is there so long after its parent was killed; it is no more afterwards."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(first=first)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    watch = os.pidfd_open(child)
    try:
        parent.kill()
        parent.wait()
        lives = not ended(watch, for_s)
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(watch, signal.SIGKILL)
        return lives
    finally:
        os.close(watch)
        parent.stdout.close()


def ended(pidfd: int, timeout_s: float) -> bool:
    """A file of a process can be read when that process has ended."""

    return bool(select.select([pidfd], [], [], timeout_s)[0])


def test_it_dies_with_its_parent() -> None:
    assert not outlived_by(DIES, for_s=30.0)


def test_one_that_did_not_ask_for_it_lives_on() -> None:
    assert outlived_by("pass", for_s=0.5)
