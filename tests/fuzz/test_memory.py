"""No input of one mebibyte makes any decoder grow by more than fifty, or hang: measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.fuzz.hogs import MIB
from tests.fuzz.targets import HERE, TARGETS

BOUND = 50 * MIB
# One of each kind of parser in the plain suite; all of them in the long run.
_PLAIN = ("wire.ack", "receiver", "yaml.rules", "csv.qc", "file.status")


def measured(name: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "tests.fuzz.hogs", name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1], timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def _holds(name: str) -> None:
    rows = measured(name)
    assert len(rows) >= 9
    over = [row for row in rows if row["grown"] > BOUND]
    assert not over, over


@pytest.mark.parametrize("name", _PLAIN)
def test_a_mebibyte_never_takes_fifty(name: str):
    _holds(name)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(set(TARGETS) - set(_PLAIN)))
def test_a_mebibyte_never_takes_fifty_anywhere(name: str):
    _holds(name)
