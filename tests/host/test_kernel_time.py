"""What this machine's kernel says of its clock."""

from __future__ import annotations

import ctypes
import time
from types import SimpleNamespace

import pytest

from host import kernel_time as module
from host.kernel_time import kernel_time


def test_it_shows_the_time_of_this_machine():
    found = kernel_time()
    if found is None:
        pytest.skip("the kernel cannot be asked here")
    assert abs(found.now_ms - time.time() * 1000) < 5000


@pytest.mark.parametrize(
    ("state", "status", "expected"), [(0, 0x0001, True), (0, 0x2001, True), (5, 0x0041, False), (0, 0x0040, False)]
)
def test_whether_it_is_synchronised(monkeypatch, state, status, expected):
    def adjtimex(pointer):
        found = pointer._obj
        assert found.modes == 0  # it only asks
        found.status, found.time_s = status, 1_800_000_000
        found.time_fraction = 250_000_000 if status & 0x2000 else 250_000
        return state

    monkeypatch.setattr(module.ctypes, "CDLL", lambda _: SimpleNamespace(adjtimex=adjtimex))
    found = kernel_time()
    assert found is not None
    assert (found.synchronised, found.now_ms) == (expected, 1_800_000_000_250)


@pytest.mark.parametrize("library", [SimpleNamespace(), SimpleNamespace(adjtimex=lambda _: -1)])
def test_a_kernel_that_cannot_be_asked(monkeypatch, library):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    assert kernel_time() is None
