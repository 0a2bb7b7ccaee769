"""What the agent's memory does over an outage: it comes back."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from edge_agent.freed import give_back


def own_kb() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def test_what_was_freed_between_what_is_in_use_goes_back_to_the_system() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("another C library than glibc")
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    pieces = [libc.malloc(10_000) for _ in range(4000)]
    for piece in pieces:
        ctypes.memset(ctypes.c_void_p(piece), 1, 10_000)
    for piece in pieces[:-1]:  # the last holds the heap up
        libc.free(piece)
    before = own_kb()
    assert give_back()
    assert own_kb() < before - 30_000
    libc.free(pieces[-1])
