"""No input of one mebibyte makes any decoder grow by more than fifty, or hang: measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.fuzz.hogs import MIB
from tests.fuzz.targets import HERE, TARGETS

BOUND = 50 * MIB
# The worst of each kind of parser in the plain suite; everything in the long run.
_PLAIN = (
    "yaml.rules:a billion laughs",
    "yaml.rules:a wide mapping",
    "yaml.rules:sexagesimal",
    "wire.ack:acknowledges everything",
    "csv.qc:wrong rows",
    "file.status:deep json",
)
# Documents of these are read by one reader, in which all their memory goes; of them the plainest and the largest.
_ALIKE = tuple(name for name in TARGETS if name.startswith("yaml.") and name not in ("yaml.rules", "yaml.cloud"))


def measured(*names: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "tests.fuzz.hogs", *names]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1], timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def _holds(rows: list[dict[str, object]], at_least: int) -> None:
    assert len(rows) >= at_least
    over = [row for row in rows if row["grown"] > BOUND]
    assert not over, over


def test_a_mebibyte_never_takes_fifty():
    _holds(measured(*_PLAIN), len(_PLAIN))


@pytest.mark.slow
@pytest.mark.unhurried
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [name for name in TARGETS if name not in _ALIKE])
def test_a_mebibyte_never_takes_fifty_anywhere(name: str):
    _holds(measured(name), 9)
