"""Real servers for tests: started on loopback, on a free port, and stopped by the test that needs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from contract.catalogue.catalogue import Catalogue
from simulators.processes import mosquitto as broker
from simulators.processes.mosquitto import Mosquitto
from simulators.processes.ports import free_port, wait_for_port

__all__ = ["Mosquitto", "command", "free_port", "mosquitto", "require", "tls_mosquitto", "wait_for_port"]


def require(program: str) -> str:
    """The path of a program. In CI its absence is a failure; on a laptop, a named skip."""
    for folder in (*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/usr/local/sbin"):
        found = shutil.which(program, path=folder)
        if found:
            return found
    message = f"{program} is not installed: .ci/run shows which package brings it"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def command(*arguments: str, errors: Path | None = None) -> Iterator[Any]:
    """A command of ours, `python -m arguments...`; yields what its first line of JSON says, and stops it.

    errors: a file for what it says on standard error.
    """
    with ExitStack() as files:
        stderr = files.enter_context(errors.open("ab")) if errors else None
        process = subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(100)  # a cloud hands on what it has first
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def mosquitto(folder: Path, extra: str = "") -> Iterator[Mosquitto]:
    """As `simulators.processes.mosquitto`; without the program a failure in CI, else a named skip."""
    require("mosquitto")
    with broker.mosquitto(folder, extra) as server:
        yield server


@contextmanager
def tls_mosquitto(folder: Path, catalogue: Catalogue) -> Iterator[Mosquitto]:
    """As `simulators.processes.mosquitto`; without the program a failure in CI, else a named skip."""
    require("mosquitto")
    with broker.tls_mosquitto(folder, catalogue) as server:
        yield server
