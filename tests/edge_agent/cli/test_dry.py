"""`headwater-edge run --dry`: what would be read, shown; nothing spooled, sent or written."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from edge_agent.cli.main import app
from tests.conftest import SMALL_DISTRICT
from tests.edge_agent.slave import slave
from tests.edge_agent.technician.pty_unit import pty_unit

DEPTH = {0: 0x70A4, 1: 0x3F9D}  # 1.23 m, float32 CDAB


def configured(folder: Path, tcp: str, serial: str) -> Path:
    file = folder / "agent.yaml"
    file.write_text(
        f"gateway: gw-1\ncatalogue: {SMALL_DISTRICT}\ndata_dir: data\nbroker: {{host: 127.0.0.1, port: 9}}\n"
        f"addresses: {{gw-1-tcp: '{tcp}', gw-1-rtu: '{serial}'}}\n"
    )
    return file


def dry(*words: object) -> tuple[int, list[str], str]:
    found = CliRunner().invoke(app, ["run", *map(str, words)])
    return found.exit_code, found.stdout.splitlines(), found.stderr


def test_each_reading_is_shown_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with slave(dict.fromkeys(range(60), 0)) as tcp, pty_unit(DEPTH) as serial:
        file = configured(tmp_path, tcp, serial)
        code, lines, _ = dry(file, "--dry", "--once")
        assert any(line.split()[1:] == ["101", "u1-level", "depth", "1.23", "m", "pass"] for line in lines)
        code, lines, said = dry(file, "--dry", "--once", "--json")
    found = {r["channel"]: r for r in map(json.loads, lines) if r["value"] is not None}
    assert {k: v for k, v in found[101].items() if k != "time"} == {
        "channel": 101,
        "device": "u1-level",
        "name": "depth",
        "value": 1.23,
        "unit": "m",
        "flag": 1,
    }
    assert found[101]["time"].endswith("Z")
    assert code == 1  # nobody is unit 2 of the serial line
    assert "channels gave a value; nothing was spooled or sent" in said
    assert "none of 301  r1-rain rain_total: timeout: unit 2 did not answer within 0.5 s: see to its power" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["agent.yaml"]


def test_its_options_go_with_dry_alone(tmp_path: Path) -> None:
    file = configured(tmp_path, "127.0.0.1:9", "/dev/null")
    code, _, said = dry(file, "--for", 1)
    assert (code, "--for, --once and --json go with --dry" in said) == (2, True)
