"""`headwater-cloud doctor`: each part that is wrong is named with what to do, and nothing is made or changed."""

from __future__ import annotations

import json
import socket
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud.app import doctor as examined
from cloud.app.doctor import State
from cloud.cli import doctor
from cloud.cli.main import app
from cloud.ledger.open import open_ledger
from cloud.ledger.schema import HEAD
from host.kernel_time import KernelTime
from simulators.processes.ports import free_port
from tests.cloud.cli.test_common import config


def run(path: Path) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    done = CliRunner().invoke(app, ["doctor", "--json", "--config", str(path)])
    parts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in done.stdout.splitlines():
        finding = json.loads(line)
        parts[finding["part"]].append(finding)
    return done.exit_code, parts


def test_it_is_one_of_the_commands() -> None:
    assert doctor.doctor in {c.callback for c in app.registered_commands}


def test_a_cloud_that_never_ran(tmp_path: Path) -> None:
    port = free_port()
    path = config(tmp_path, broker={"host": "127.0.0.1", "port": free_port()}, http={"port": port})
    before = sorted(tmp_path.rglob("*"))
    code, parts = run(path)
    assert code == 1  # no broker
    (broker,) = parts["broker"]
    assert (broker["state"], broker["do"][:8]) == ("bad", "start it")
    (http,) = parts["http"]
    assert http["what"] == f"127.0.0.1:{port} is free: no cloud runs here"
    assert parts["ledger"][0]["what"].endswith("is made at the first start")
    assert parts["sinks"][0]["what"] == "no consumer gets the warnings"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("access", "http", "warned"),
    [
        ({}, {"port": 0}, True),
        ({}, {"port": 0, "trusted_proxies": ["127.0.0.1/32"]}, False),
        ({"mode": "open"}, {"port": 0}, False),
        ({}, {"port": 0, "host": "192.0.2.1"}, False),
        ({}, {"socket": "http.sock"}, False),
    ],
)
def test_a_proxy_that_is_not_named_is_said(tmp_path: Path, access: Any, http: Any, warned: bool) -> None:
    path = config(tmp_path, access=access, http=http)
    checked = CliRunner().invoke(app, ["check", "--config", str(path)])
    assert checked.exit_code == 0
    assert ("trusted_proxies: [127.0.0.1/32]" in checked.output) == warned
    parts = run(path)[1]
    if "socket" in http:
        assert parts["http"][0]["what"] == f"nobody listens at {tmp_path}/http.sock: no cloud runs here"
    found = parts["proxy"]
    assert [(f["state"], f["do"]) for f in found] == [("warn", "write trusted_proxies: [127.0.0.1/32]")] * warned


def test_what_works_is_good(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    open_ledger(f"sqlite:///{tmp_path}/data/ledger.sqlite").dispose()
    with socket.create_server(("127.0.0.1", 0)) as broker:
        sink = {"kind": "log", "name": "file", "path": "w.jsonl"}
        port = broker.getsockname()[1]
        path = config(tmp_path, broker={"host": "127.0.0.1", "port": port}, http={"port": 0}, delivery=[sink])
        code, parts = run(path)
    assert code == 0
    assert parts["broker"][0]["what"] == f"127.0.0.1:{port} answers"
    assert parts["ledger"][0] == {"part": "ledger", "state": "good", "what": f"schema {HEAD}", "do": ""}
    assert parts["sinks"][0]["state"] == "good"


def test_a_port_that_another_has_and_a_ledger_of_another_age(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    ledger = open_ledger(f"sqlite:///{tmp_path}/data/ledger.sqlite")
    for version, state in (("0001", "warn"), ("9999", "bad")):
        with ledger.begin() as db:
            db.exec_driver_sql(f"update alembic_version set version_num = '{version}'")
        assert run(config(tmp_path))[1]["ledger"][0]["state"] == state
    ledger.dispose()
    (tmp_path / "data" / "ledger.sqlite").write_bytes(b"no database" * 1000)
    assert run(config(tmp_path))[1]["ledger"][0]["state"] == "bad"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.MonkeyPatch.context() as m:
            m.setattr(examined, "_WAIT_S", 0.2)
            (http,) = run(config(tmp_path, http={"port": port}))[1]["http"]
    assert http["state"] == "bad"
    assert http["do"].startswith("another program has the port")


@pytest.mark.parametrize(
    ("kernel", "state"),
    [(None, State.WARN), (KernelTime(False, 1), State.WARN), (KernelTime(True, 1), State.GOOD)],
)
def test_the_clock(kernel: KernelTime | None, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examined, "kernel_time", lambda: kernel)
    assert examined._clock().state is state


@pytest.mark.parametrize(("free_mb", "state"), [(5000, State.GOOD), (4999, State.WARN), (499, State.BAD)])
def test_the_disk(free_mb: int, state: State, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Usage:
        free = free_mb * 1_000_000

    monkeypatch.setattr(examined.shutil, "disk_usage", lambda _: Usage)
    assert examined._disk(tmp_path / "not" / "there").state is state


@pytest.mark.parametrize(("days", "state"), [(31, State.GOOD), (30, State.WARN), (-1, State.BAD)])
def test_the_age_of_a_certificate(days: int, state: State) -> None:
    assert examined._age("cloud.crt", days * 86_400_000, 0, "do").state is state


def test_mistakes_of_the_file_come_first(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", "--config", str(config(tmp_path, colour="blue"))])
    assert done.exit_code == 2
    assert "colour" in done.stderr
