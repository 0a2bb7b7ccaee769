"""Real servers for tests: started on loopback, on a free port, and stopped by the test that needs them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from contract.catalogue.catalogue import Catalogue
from simulators.demo.identities import Identities, make


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


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], timeout_s: float = 15.0) -> None:
    """Until something listens there; raises RuntimeError when the process dies or the time is up."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} before it listened on {port}")
        with socket.socket() as s:
            s.settimeout(0.2)
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on {port} after {timeout_s} s")


class Mosquitto:
    """A broker that can be killed and started again on the same port.

    identities: of a district, made for `port`; then it runs with the files that `headwater-cloud` wrote for it.
    """

    def __init__(
        self, folder: Path, extra: str = "", port: int | None = None, identities: Identities | None = None
    ) -> None:
        self.program = require("mosquitto")
        self.folder = folder
        self.port = port or free_port()
        self.identities = identities
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "mosquitto.conf"
        if identities is not None:
            self.config = identities.conf
            return
        self.config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 200\n"
            f"persistence true\npersistence_location {folder}/\nautosave_interval 1\n"
            f"max_queued_messages 0\nuser root\n{extra}\n"
        )

    def start(self) -> None:
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([self.program, "-c", str(self.config)], stdout=log, stderr=log)
        if self.identities is not None:
            self.identities.pid_file.write_text(str(self.process.pid))
        wait_for_port(self.port, self.process)

    def kill(self) -> None:
        """kill -9, as a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


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
        process.wait(40)  # a cloud hands on what it has first
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def mosquitto(folder: Path, extra: str = "") -> Iterator[Mosquitto]:
    server = Mosquitto(folder, extra)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def tls_mosquitto(folder: Path, catalogue: Catalogue) -> Iterator[Mosquitto]:
    """A broker with mutual TLS, and an identity for every gateway of the district.

    `.identities` names everybody's files; `Scene(broker=("127.0.0.1", b.port), identities=b.identities.folder)` uses
    them. A change through `.identities.authority(catalogue)` is told to the broker by SIGHUP.
    """
    port = free_port()
    server = Mosquitto(folder, port=port, identities=make(folder / "identities", catalogue, port))
    server.start()
    try:
        yield server
    finally:
        server.kill()
