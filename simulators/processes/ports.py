"""Ports of loopback for servers that must be told theirs, and that may be stopped and started again on it."""

from __future__ import annotations

import random
import socket
import subprocess
import time
from itertools import chain
from pathlib import Path

from simulators.processes.ending import how_it_ended

# Below the range from which Linux takes the ports of outgoing connections and of listeners that ask for any: a port
# from there may be taken by a stranger between being found and being used, and while its server is down.
_LOWEST = 12_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port(among: range | None = None) -> int:
    """A port of 127.0.0.1 where nobody listens, and that no other call, here or in another process, gets while this
    process lives.

    among: instead of those that the kernel gives nobody by itself. Raises RuntimeError when none of them is free.
    """
    if among is None:
        among = range(_LOWEST, first_of_the_kernel())
    first: int = random.SystemRandom().randrange(len(among))  # so that those who ask at once do not meet
    for port in chain(among[first:], among[:first]):
        if _reserve(port) and _nobody_listens(port):
            return port
    raise RuntimeError(f"no port of 127.0.0.1 from {among[0]} to {among[-1]} is free: end servers that nobody needs")


def wait_for_port(port: int, process: subprocess.Popen[bytes], timeout_s: float = 60.0) -> None:
    """Until something listens there; raises RuntimeError when the process dies or the time is up."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} {how_it_ended(process.returncode)} before it listened on {port}")
        with socket.socket() as s:
            s.settimeout(0.2)
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on {port} after {timeout_s:g} s")


def first_of_the_kernel() -> int:
    """The first port of those that Linux gives to whoever asks for any."""
    try:
        first = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768  # Linux's own, unless told otherwise
    return first if first > _LOWEST + 100 else 65_536


def _reserve(port: int) -> bool:
    """False when a process has got this port from here and still lives. The name is the kernel's and leaves no file."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0headwater-port-{port}")
    except OSError:
        name.close()
        return False
    name.detach()  # it stays bound until this process ends
    return True


def _nobody_listens(port: int) -> bool:
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
