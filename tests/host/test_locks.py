"""A lock that another process holds is waited for, and no longer than was said."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.locks import Held, holders, lock_within

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield path, holder
        holder.communicate(b"")


def test_who_holds_it_is_named(held: tuple[Path, subprocess.Popen[bytes]]) -> None:
    path, holder = held
    with path.open("ab") as file:
        assert holders(file.fileno()) == [holder.pid]
        with pytest.raises(Held, match=rf"process {holder.pid} \(python"):
            lock_within(file.fileno(), 0.2)


def test_it_is_had_as_soon_as_it_is_free(held: tuple[Path, subprocess.Popen[bytes]]) -> None:
    path, holder = held
    holder.communicate(b"")
    with path.open("ab") as file:
        lock_within(file.fileno(), 60)
        assert holders(file.fileno()) == [os.getpid()]
