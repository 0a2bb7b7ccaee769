"""The agent's configuration: every mistake at once, each with its file and line; and what a good one means."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contract.documents import ConfigError
from edge_agent.config import load_config
from tests.conftest import SMALL_DISTRICT

GOOD = """\
gateway: gw-1
catalogue: district
data_dir: data
broker: {host: broker.example}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SMALL_DISTRICT, tmp_path / "district")
    return tmp_path


def mistakes(folder: Path, text: str) -> list[tuple[str, int, str]]:
    path = folder / "edge.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    for m in caught.value.mistakes:
        assert str(m) in str(caught.value)
    return [(m.file.name, m.line, m.what) for m in caught.value.mistakes]


def test_a_good_one(folder: Path) -> None:
    path = folder / "edge.yaml"
    path.write_text(GOOD + "addresses: {gw-1-tcp: '10.0.0.9:502'}\nuplink: {spool_cap_mb: 10, window: 4}\n")
    c = load_config(path)
    assert (c.gateway.id, c.spool_path, c.status_path) == (
        "gw-1",
        folder / "data/spool.sqlite",
        folder / "data/status.json",
    )
    assert c.address("gw-1-tcp") == "10.0.0.9:502"
    assert c.address("gw-1-rtu") == "/dev/ttyS1"
    assert [d.device.id for d in c.devices("gw-1-rtu")] == ["u1-level", "r1-rain"]
    assert [ch.id for d in c.devices("gw-1-tcp") for ch in d.channels] == [102, 103]
    assert c.file.uplink.outbox().window == 4


@pytest.mark.parametrize(
    ("line", "simulated"),
    [("", False), ("simulated: true\n", True), ("simulated: false\n", False), ("clock: 'scaled:0,60,0'\n", True)],
)
def test_whether_its_readings_are_of_a_real_place(folder: Path, line: str, simulated: bool) -> None:
    path = folder / "agent.yaml"
    path.write_text(GOOD + line)
    assert load_config(path).simulated is simulated


def test_all_of_its_own_mistakes_at_once(folder: Path) -> None:
    text = """\
gateway: gw-1
catalogue: district
data_dir: data
broker:
  host: broker.example
  port: many
clock: sundial
uplink:
  window: 0
  spool_cap_mb: -5
flush_ms: 3
"""
    found = mistakes(folder, text)
    assert [(file, line) for file, line, _ in found] == [("edge.yaml", n) for n in (6, 7, 9, 10, 11)]
    assert "broker.port" in found[0][2]
    assert "flush_ms" in found[4][2]


def test_mistakes_of_the_catalogue_come_with_its_own(folder: Path) -> None:
    rules = folder / "district" / "rules.yaml"
    rules.write_text(rules.read_text().replace("station_kind: street", "station_kind: stret"))
    gateways = folder / "district" / "gateways.yaml"
    gateways.write_text(gateways.read_text().replace("model: rain", "model: rein"))
    found = mistakes(folder, GOOD + "flush_s: never\n")
    assert {file for file, _, _ in found} == {"edge.yaml", "gateways.yaml", "rules.yaml"}
    assert ("edge.yaml", 5) in [(file, line) for file, line, _ in found]
    assert all(line > 1 for _, line, _ in found)
    assert {f for f, _, _ in mistakes(folder, GOOD)} == {"gateways.yaml", "rules.yaml"}


def test_a_gateway_nobody_knows_is_told_who_is_known(folder: Path) -> None:
    ((file, line, what),) = mistakes(folder, GOOD.replace("gw-1", "gw-9"))
    assert (file, line) == ("edge.yaml", 1)
    assert what == "no gateway 'gw-9'; there are gw-1, gw-2"


def test_addresses_must_name_a_bus_of_this_gateway_and_be_one(folder: Path) -> None:
    text = GOOD + "addresses:\n  gw-1-tcp: 10.0.0.9\n  gw-2-rtu: /dev/ttyS9\n"
    found = mistakes(folder, text)
    assert [line for _, line, _ in found] == [6, 7]
    assert "is not host:port" in found[0][2]
    assert "no bus 'gw-2-rtu' on gateway 'gw-1'" in found[1][2]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "gateway"),
        ("gateway: [", 2, ""),
        (GOOD + "gateway: gw-2\n", 5, "given twice"),
        ("- just\n- a list\n", 1, ""),
        ("gateway: gw-1\ncatalogue: 7\n", 2, "catalogue"),
    ],
)
def test_what_is_no_configuration_at_all(folder: Path, text: str, line: int, what: str) -> None:
    found = mistakes(folder, text)
    assert any(n == line and what in said for _, n, said in found), found


def test_files_that_are_not_there_are_mistakes_too(folder: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(folder / "none.yaml")
    found = mistakes(folder, GOOD.replace("catalogue: district", "catalogue: nowhere"))
    assert found
    assert all("cannot be read" in what or "no " in what for _, _, what in found), found


def test_a_device_with_registers_of_another_period_is_asked_for_them_apart(folder: Path) -> None:
    gateways = folder / "district" / "gateways.yaml"
    own = "{id: u1-plc, model: plc, unit: 1, registers: {p1_running: {period_s: 2}}}"
    gateways.write_text(gateways.read_text().replace("{id: u1-plc, model: plc, unit: 1}", own))
    path = folder / "edge.yaml"
    path.write_text(GOOD)
    devices = load_config(path).devices("gw-1-tcp")
    assert [(d.device.id, d.period_s, [c.id for c in d.channels]) for d in devices] == [
        ("u1-plc", 10, [102]),
        ("u1-plc@2s", 2, [103]),
    ]
