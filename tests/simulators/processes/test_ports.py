"""Ports that stay ours: never one of the kernel's own choosing, never one twice, never one that is taken."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.processes import ports

ASK = "from simulators.processes.ports import *; print(*(free_port({}) for _ in range({})), flush=True); input()"


def ask(among: range, times: int) -> subprocess.Popen[str]:
    """A process that asks for ports, says which it got, and lives until it is sent a line."""
    program = [sys.executable, "-c", ASK.format(among, times)]
    return subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_no_port_is_one_that_the_kernel_gives_to_those_who_ask_for_any() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(port < first for port in (ports.free_port() for _ in range(50)))


def test_no_process_gets_a_port_that_another_has_until_that_one_has_ended() -> None:
    among = range(ports.first_of_the_kernel() - 100, ports.first_of_the_kernel())
    both = [ask(among, 20) for _ in range(2)]
    got = [set(map(int, p.stdout.readline().split())) for p in both]
    again = ask(range(min(got[0]), min(got[0]) + 1), 1)
    assert again.communicate("\n", timeout=60)[0] == ""  # it found none
    assert again.returncode == 1
    for p in both:
        p.communicate("\n", timeout=60)
    assert [len(g) for g in got] == [20, 20]
    assert not got[0] & got[1]
    assert ports.free_port(range(min(got[0]), min(got[0]) + 1)) == min(got[0])


def test_a_port_where_somebody_listens_is_not_given() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
        with pytest.raises(RuntimeError, match="is free: end servers that nobody needs"):
            ports.free_port(range(port, port + 1))


def test_a_server_that_ends_before_it_listens_is_told() -> None:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(RuntimeError, match="ended with 3 before it listened"):
        ports.wait_for_port(ports.free_port(), process)
