"""`headwater-edge tap` over TCP, from end to end: beside the agent, and where none runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli.main import app
from tests.conftest import SMALL_DISTRICT
from tests.edge_agent.slave import slave
from tests.waiting import until

REGISTERS = dict.fromkeys(range(60), 7)
NO_FRAME = (
    "no frame came: a device is asked once in its period, which `headwater-edge check` tells; "
    "`headwater-edge status` tells of a port that is down\n"
)
KINDS = ("modbus_tcp", "modbus_rtu_over_tcp")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A socket's path has 107 bytes at most."""
    made = Path(tempfile.mkdtemp(prefix="hw-"))
    yield made
    shutil.rmtree(made)


def configured(folder: Path, kind: str, address: str, period_s: float = 1.0) -> Path:
    """The small district with one bus, read as often."""
    shutil.copytree(SMALL_DISTRICT, folder / "districts" / "small")
    gateways = folder / "districts" / "small" / "gateways.yaml"
    text = gateways.read_text().replace("kind: modbus_tcp", f"kind: {kind}")
    gateways.write_text(text.replace("model: plc, unit: 1}", f"model: plc, unit: 1, period_s: {period_s}}}"))
    file = folder / "agent.yaml"
    file.write_text(
        "gateway: gw-1\ncatalogue: districts/small\ndata_dir: data\nbroker: {host: 127.0.0.1, port: 9}\n"
        f"addresses: {{gw-1-rtu: {folder}/none, gw-1-tcp: '{address}'}}\n"
    )
    return file


def tapped(*words: object) -> tuple[int, str, str]:
    found = CliRunner().invoke(app, ["tap", *map(str, words)])
    return found.exit_code, found.stdout, found.stderr


def is_a_question_and_its_reply(kind: str, said: str) -> None:
    seen = [json.loads(line) for line in said.splitlines()]
    at = next(n for n, f in enumerate(seen) if f["what"] == "question" and f["table"] == "holding")
    question, reply = seen[at : at + 2]
    assert (question["direction"], question["unit"]) == ("sent", 1)
    assert (reply["direction"], reply["what"], reply["bus"]) == ("received", "reply", "gw-1-tcp")
    assert [reply[k] for k in ("unit", "table", "address")] == [question[k] for k in ("unit", "table", "address")]
    assert reply["words"] == [7] * question["count"]
    assert reply.get("crc") == ("good" if kind == "modbus_rtu_over_tcp" else None)
    sent, came = bytes.fromhex(question["bytes"]), bytes.fromhex(reply["bytes"])
    if kind == "modbus_tcp":
        assert (sent[:2], sent[2:6], came[2:4]) == (came[:2], b"\0\0\0\6", b"\0\0")
    else:
        assert (sent[:2], len(sent), came[:3]) == (b"\1\3", 8, bytes((1, 3, 2 * question["count"])))


@pytest.mark.parametrize("kind", KINDS)
def test_frames_over_tcp_where_no_agent_runs_and_beside_one(folder: Path, kind: str) -> None:
    with slave(REGISTERS, rtu=kind != "modbus_tcp") as address:
        file = configured(folder, kind, address)
        code, said, _ = tapped(file, "gw-1-tcp", "--for", 3, "--json")
        assert code == 0
        is_a_question_and_its_reply(kind, said)
        command = [sys.executable, "-m", "edge_agent.cli", "run", str(file)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as agent:
            try:
                until((folder / "data" / "agent.sock").is_socket)
                code, said, _ = tapped(file, "gw-1-tcp", "--for", 3, "--json")
                assert code == 0
                is_a_question_and_its_reply(kind, said)
                text = tapped(file, "--for", 3)[1]
                assert "  gw-1-tcp  ->  unit 1  question  holding " in text
                assert "  gw-1-tcp  <-  unit 1  reply  holding " in text
                assert "  = 0007 0007" in text
            finally:
                agent.terminate()
                agent.wait(60)


def test_where_no_frame_came_it_says_what_to_look_at(folder: Path) -> None:
    with slave(REGISTERS) as address:
        file = configured(folder, "modbus_tcp", address, period_s=3600.0)
        command = [sys.executable, "-m", "edge_agent.cli", "run", str(file)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as agent:
            try:
                until(lambda: "good" in CliRunner().invoke(app, ["status", str(file)]).stdout)
                code, said, told = tapped(file, "gw-1-tcp", "--for", 0.5)
            finally:
                agent.terminate()
                agent.wait(60)
    assert (code, said) == (1, "")
    assert told == NO_FRAME


def test_a_port_that_cannot_be_opened_is_told(folder: Path) -> None:
    with slave(REGISTERS) as address:
        pass  # nobody listens there any more
    command = [sys.executable, "-m", "edge_agent.cli", "tap", configured(folder, "modbus_tcp", address), "gw-1-tcp"]
    found = subprocess.run([*command, "--for", "1"], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (1, "")
    assert f"bus gw-1-tcp: refused: cannot open {address}: the connection was refused" in found.stderr
    assert found.stderr.endswith(NO_FRAME)
