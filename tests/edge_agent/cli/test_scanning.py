"""`headwater-edge scan` as it is typed: on a pty, over TCP, and where the agent has the port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli.main import app
from edge_agent.technician.running_agents import believed, holder, running_agents, runs
from tests.conftest import SMALL_DISTRICT
from tests.edge_agent.slave import slave
from tests.edge_agent.technician.pty_unit import pty_unit
from tests.waiting import until

IDENTITY = """
model: m
description: d
protocol: modbus
period_s: 1
registers: [{name: depth, quantity: depth, address: 0}]
identity: [{name: serial, address: 16, words: 2}]
"""


def scan(*words: object) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["scan", *map(str, words)])
    return found.exit_code, found.output


def test_a_unit_on_a_serial_line_is_found_at_its_own_speed() -> None:
    with pty_unit({0: 7}, unit=2, speed=termios.B19200) as port:
        code, said = scan(port, "--units", "1-2", "--timeout", 0.05, "--tries", 1)
        assert code == 0
        lines = said.splitlines()
        assert "2 units in each of 4 settings (9600 8N1, 19200 8E1, 9600 8E1, 19200 8N1)" in lines[0]
        assert lines[2:4] == ["9600 8N1", "19200 8E1"]
        assert lines[4].startswith("  unit 2   answers: holding 0 = 0007  (")
        last = (
            f"  headwater-edge probe --device FILE.yaml --kind modbus_rtu --baud-rate 19200 --parity E --address {port}"
        )
        assert lines[-1] == f"{last} --unit 2"
        code, said = scan(port, "--units", 1, "--baud-rate", 9600, "--parity", "n", "--timeout", 0.05, "--json")
    found = json.loads(said)
    assert code == 1
    assert [(s["form"], s["units"], s["silent"]) for s in found["settings"]] == [("9600 8N1", [], 1)]


def test_over_tcp_with_the_texts_of_a_device_file(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(IDENTITY)
    with slave({0: 1, 16: 0x4157, 17: 0x3132}, unit=3) as address:
        code, said = scan(address, "--units", "2-3", "--timeout", 0.1, "--device", file, "--json")
    assert code == 0
    (tcp,) = json.loads(said)["settings"]
    assert [(u["unit"], u["word"], u["identity"]) for u in tcp["units"]] == [(3, 1, {"serial": "AW12"})]


def test_what_cannot_be_scanned_is_refused_with_what_to_do() -> None:
    code, said = scan("127.0.0.1:9", "--units", 1)
    assert code == 2
    assert "refused: cannot open 127.0.0.1:9" in said
    assert "the host is up and nothing listens there" in said
    code, said = scan("/dev/no-such-port")
    assert (code, "is the adapter plugged in?" in said) == (2, True)
    assert scan("/dev/ttyS0", "--units", "x")[0] == 2


def test_a_port_of_the_running_agent_is_left_alone(tmp_path: Path) -> None:
    with slave({0: 1}) as address:
        file = tmp_path / "agent.yaml"
        file.write_text(
            f"gateway: gw-1\ncatalogue: {SMALL_DISTRICT}\ndata_dir: data\nbroker: {{host: 127.0.0.1, port: 9}}\n"
            f"addresses: {{gw-1-tcp: '{address}', gw-1-rtu: {tmp_path}/no-port}}\n"
        )
        command = [sys.executable, "-m", "edge_agent.cli", "run", "agent.yaml"]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as agent:
            try:
                until(lambda: any(a.pid == agent.pid for a in running_agents()))
                for port in (address, tmp_path / "no-port"):
                    code, said = scan(port)
                    assert code == 2
                    assert f"is read by the running agent (process {agent.pid}, {file})" in said
                    assert f"headwater-edge read {file}" in said
                until((tmp_path / "data" / "status.json").exists)
                dry = CliRunner().invoke(app, ["run", str(file), "--dry"])
                assert (dry.exit_code, "the agent runs, and a line has one master" in dry.output) == (2, True)
                agent.terminate()
                assert agent.wait(60) == 0
            finally:
                agent.kill()
        assert holder(address) is None
        from edge_agent.config import load_config

        assert not runs(load_config(file))  # at once, not half a minute later


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (["python", "-m", "edge_agent.process", "7", "/etc/agent.yaml", "info", "1"], True),
        (["python3.11", "-OO", "-X", "frozen_modules=on", "-m", "edge_agent.process", "7", "/etc/agent.yaml"], True),
        (["vi", "notes", "edge_agent.process", "--config", "/tmp/evil.yaml"], False),
        (["python", "evil.py", "-m", "edge_agent.process", "7", "/tmp/evil.yaml"], False),
        (["python", "-m", "evil", "edge_agent.process", "7", "/tmp/evil.yaml"], False),
        (["python", "-m", "edge_agent.process", "7"], False),
        (["python", "-m"], False),
        ([""], False),
    ],
)
def test_only_the_command_line_of_an_agent_is_taken_for_one(tmp_path: Path, words: list[str], taken: bool) -> None:
    folder = tmp_path / "12"
    folder.mkdir()
    (folder / "cmdline").write_bytes(b"\0".join(w.encode() for w in words) + b"\0")
    found = [(a.pid, str(a.config)) for a in running_agents(tmp_path, {folder.stat().st_uid})]
    assert found == ([(12, "/etc/agent.yaml")] if taken else [])
    assert running_agents(tmp_path, {folder.stat().st_uid + 1}) == []  # of a user whom we do not believe


def test_root_and_whoever_asks_are_believed() -> None:
    assert {0, os.geteuid()} <= believed()
