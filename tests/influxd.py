"""A real InfluxDB 2 for tests, from the binary that HEADWATER_INFLUXD names."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.servers import free_port, wait_for_port
from tests.waiting import until


class Influx:
    org, token = "headwater", "a-token-for-tests"

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._port = free_port()
        self._count = itertools.count(1)
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [self._program, "--http-bind-address", f"127.0.0.1:{self._port}", "--reporting-disabled"]
        command += ["--bolt-path", f"{self._folder}/bolt", "--engine-path", f"{self._folder}/engine"]
        command += ["--sqlite-path", f"{self._folder}/sqlite"]
        with (self._folder / "influxd.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for_port(self._port, self._process)
        until(lambda: httpx2.get(f"{self.url}/health", timeout=60).status_code == 200)  # it listens before it is ready

    def set_up(self) -> None:
        body = {"username": "admin", "password": "only-for-tests", "org": self.org, "bucket": "first"}
        httpx2.post(f"{self.url}/api/v2/setup", json={**body, "token": self.token}, timeout=60).raise_for_status()

    def new_bucket(self) -> str:
        name = f"bucket{next(self._count)}"
        headers = {"authorization": f"Token {self.token}"}
        orgs = httpx2.get(f"{self.url}/api/v2/orgs", headers=headers, timeout=60).json()["orgs"]
        org_id = next(o["id"] for o in orgs if o["name"] == self.org)
        body = {"orgID": org_id, "name": name, "retentionRules": []}
        httpx2.post(f"{self.url}/api/v2/buckets", json=body, headers=headers, timeout=60).raise_for_status()
        return name

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def influx(folder: Path) -> Iterator[Influx]:
    """In CI a missing binary is a failure; on a laptop, a named skip."""
    program = os.environ.get("HEADWATER_INFLUXD", "")
    if not program:
        message = "HEADWATER_INFLUXD names no influxd: .ci/run shows how it is built"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    server = Influx(program, folder)
    server.start()
    try:
        server.set_up()
        yield server
    finally:
        server.kill()
