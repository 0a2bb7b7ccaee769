"""`headwater-edge init`: a first configuration that passes `check`, by options or by answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from edge_agent.cli.main import app
from edge_agent.config import load_config
from edge_agent.technician.first_config import PLACES
from simulators.cli.main import DISTRICT

DEVICES = DISTRICT.parent.parent / "devices"
SITE = ("--devices", DEVICES, "--station", "沙口路 4", "--lat", 34.78, "--lon", 113.66)


def init(*words: object, answers: str = "") -> tuple[int, str]:
    found = CliRunner().invoke(app, ["init", *map(str, words)], input=answers)
    return found.exit_code, found.output


def test_what_it_writes_passes_check(tmp_path: Path) -> None:
    asked = ("--address", "/dev/ttyUSB0", "--baud-rate", 19200, "--parity", "e")
    code, said = init(tmp_path, *SITE, *asked, "--device", "us-level-60:1:bridge", "--device", "tb-rain-02:6")
    assert code == 0, said
    assert f"  headwater-edge check {tmp_path}/agent.yaml" in said
    config = load_config(tmp_path / "agent.yaml", complete=True)
    (bus,) = config.gateway.buses
    assert (bus.kind, bus.address, bus.baud_rate, bus.parity) == ("modbus_rtu", "/dev/ttyUSB0", 19200, "E")
    assert [(c.id, c.device.id, c.register.name) for c in config.catalogue.channels.values()] == [
        (101, "bridge", "depth"),
        (102, "bridge", "code"),
        (103, "tb-rain-02-6", "rain_total"),
    ]
    (station,) = config.catalogue.stations.values()
    assert (station.name, station.kind.value, station.lat) == ("沙口路 4", "street", 34.78)
    assert CliRunner().invoke(app, ["check", str(tmp_path / "agent.yaml")]).exit_code == 0


def test_nothing_is_overwritten_without_being_told(tmp_path: Path) -> None:
    asked = (tmp_path, *SITE, "--address", "10.0.0.7:502")
    assert init(*asked, "--device", "us-level-60:1")[0] == 0
    before = (tmp_path / "agent.yaml").read_text()
    code, said = init(*asked, "--device", "pt-level-20:2", "--gateway", "gw-9")
    assert (code, "there already" in said, "--overwrite" in said) == (2, True, True)
    assert (tmp_path / "agent.yaml").read_text() == before
    assert init(*asked, "--device", "pt-level-20:2", "--gateway", "gw-9", "--overwrite")[0] == 0
    assert yaml.safe_load((tmp_path / "agent.yaml").read_text())["gateway"] == "gw-9"


def test_it_asks_for_what_the_options_do_not_say(tmp_path: Path) -> None:
    answers = "/dev/ttyS3\n19200\nE\nno-such\nus-level-60\n4\nlv\ny\n1\n9\npump\nn\nMain St\n31.2\n121.4\n"
    answers = answers.replace("no-such\n", "no-such\n1\nx\n")  # refused, and asked again
    code, said = init(tmp_path, "--devices", DEVICES, answers=answers)
    assert code == 0, said
    assert "  1  abb-ach550" in said
    assert "no device file 'no-such'" in said
    (bus,) = load_config(tmp_path / "agent.yaml").gateway.buses
    assert [(d.id, d.model, d.unit) for d in bus.devices] == [("lv", "us-level-60", 4), ("pump", "abb-ach550", 9)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--device", "us-level-60:1"), "say it with --address"),
        (("--address", "h:1", "--device", "us-levl-60:1"), "no device file 'us-levl-60'"),
        (("--address", "h:1", "--device", "us-level-60"), "is not MODEL:UNIT"),
        (("--address", "h:1", "--device", "us-level-60:900"), "no Modbus unit 900"),
        (("--address", "h:1", "--kind", "modbus_x", "--device", "us-level-60:1"), "modbus_x"),
        (("--address", "h:1", "--device", "us-level-60:1", "--broker", "mqtt"), "is not HOST:PORT"),
        (("--address", "h:1", "--device", "us-level-60:1", "--station-kind", "hill"), "kind: Input should be 'street'"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_written(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    code, said = init(tmp_path / "new", *SITE, *options)
    assert code == 2
    assert words in said
    assert not (tmp_path / "new").exists()


def test_device_files_are_looked_for_where_they_are_installed(tmp_path: Path) -> None:
    assert PLACES[0] == Path("configs/devices")
    code, said = init(tmp_path, "--devices", tmp_path, "--address", "h:1", "--device", "us-level-60:1")
    assert (code, f"no device files in {tmp_path}" in said) == (2, True)


def test_device_files_given_by_path_need_no_folder(tmp_path: Path) -> None:
    file = DEVICES / "us-level-60.yaml"
    empty = tmp_path / "empty"
    empty.mkdir()
    options = ("--devices", empty, "--address", "/dev/ttyUSB0")
    code, said = init(tmp_path / "new", *SITE[2:], *options, "--device", f"{file}:1:pit")
    assert code == 0, said
    code, said = init(tmp_path / "two", *SITE[2:], *options, "--device", f"{file}:1:pit", "--device", "us-level-60:2")
    assert (code, "or --device FILE.yaml:UNIT" in said) == (2, True)


@pytest.mark.parametrize("link", ["agent.yaml", "agent.yaml.new", "districts"])
def test_what_another_put_there_as_a_link_is_not_written_through(tmp_path: Path, link: str) -> None:
    """Root may give the command in a folder that another user may write in."""
    folder, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / link).symlink_to(elsewhere if link == "districts" else elsewhere / "made")
    device = ("--address", "/dev/ttyUSB0", "--device", "us-level-60:1", "--overwrite")
    code, said = init(folder, *SITE, *device)
    assert list(elsewhere.iterdir()) == []
    if link == "districts":
        assert code == 2 and "a link leads out of the folder" in said
    else:
        assert code == 0, said
        assert not (folder / "agent.yaml").is_symlink()
