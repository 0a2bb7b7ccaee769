"""What a technician asks of a running agent: last values, frames, silent devices now, who a device is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_agent.cli.main import app
from tests.conftest import SMALL_DISTRICT
from tests.edge_agent.slave import slave
from tests.edge_agent.technician.pty_unit import pty_unit
from tests.waiting import until

DEPTH = {0: 0x70A4, 1: 0x3F9D, 16: 0x4157, 17: 0x3132}  # 1.23 m, float32 CDAB; AW12


@pytest.fixture
def folder() -> Iterator[Path]:
    """A socket's path has 107 bytes at most."""
    made = Path(tempfile.mkdtemp(prefix="hw-"))
    yield made
    shutil.rmtree(made)


def edge(*words: object) -> tuple[int, str]:
    found = CliRunner().invoke(app, [*map(str, words)])
    return found.exit_code, found.output


def configured(folder: Path, serial: str, tcp: str) -> Path:
    """The small district, its level gauge with a serial number."""
    shutil.copytree(SMALL_DISTRICT, folder / "districts" / "small")
    level = folder / "districts" / "small" / "devices" / "level.yaml"
    level.write_text(f"{level.read_text()}identity: [{{name: serial, address: 16, words: 2}}]\n")
    gateways = folder / "districts" / "small" / "gateways.yaml"
    gateways.write_text(gateways.read_text().replace("unit: 1}", "unit: 1, period_s: 1}", 1))
    file = folder / "agent.yaml"
    file.write_text(
        "gateway: gw-1\ncatalogue: districts/small\ndata_dir: data\nbroker: {host: 127.0.0.1, port: 9}\n"
        f"addresses: {{gw-1-rtu: {serial}, gw-1-tcp: '{tcp}'}}\n"
    )
    return file


def device(file: Path, name: str) -> dict[str, Any]:
    status = json.loads(edge("status", file, "--json")[1])
    return next(d for bus in status["buses"] for d in bus["devices"] if d["id"] == name)


def test_beside_the_running_agent(folder: Path) -> None:
    with pty_unit(DEPTH) as serial, slave(dict.fromkeys(range(60), 0)) as tcp:
        file = configured(folder, serial, tcp)
        command = [sys.executable, "-m", "edge_agent.cli", "run", str(file)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as agent:
            try:
                until(lambda: edge("status", file)[0] == 0)
                until(lambda: device(file, "u1-level")["values"][0]["value"] == 1.23)
                (value,) = device(file, "u1-level")["values"]
                assert (value["name"], value["unit"], value["flag"]) == ("depth", "m", 1)
                text = edge("status", file)[1]
                assert "    depth            1.23 m         pass" in text
                assert "    rain_total       no value yet" in text

                code, said = edge("tap", file, "gw-1-rtu", "--for", 4, "--json")
                seen = [json.loads(line) for line in said.splitlines()]
                assert code == 0
                reply = next(f for f in seen if f["what"] == "reply")
                assert (reply["bus"], reply["unit"], reply["words"], reply["crc"]) == (
                    "gw-1-rtu",
                    1,
                    [0x70A4, 0x3F9D],
                    "good",
                )
                assert edge("tap", file, "x")[0] == 2

                code, said = edge("read", file, "u1-level", "--json")
                assert (code, json.loads(said)["identity"]) == (0, {"serial": "AW12"})

                before = device(file, "r1-rain")
                assert before["state"] == "never"
                code, text = edge("status", file, "--ask")
                assert code == 0
                assert sum(device(file, "r1-rain")["faults"].values()) > sum(before["faults"].values())
            finally:
                agent.terminate()
                agent.wait(60)
        assert edge("status", file, "--ask")[0] == 2
        code, said = edge("tap", file, "gw-1-rtu", "--for", 3)  # nobody runs: asked by ourselves
        assert code == 0
        assert "  <-  unit 1  reply  holding 0+2  = 70A4 3F9D  CRC good  [01 03 04 70 a4 3f 9d" in said
