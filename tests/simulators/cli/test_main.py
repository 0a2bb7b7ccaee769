"""What `headwater-sim` cannot do with an argument, it says in a line or two, and starts nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulators.cli.main import app

COLUMNS = {"COLUMNS": "200"}  # so that no message is folded


def refused(*arguments: str) -> str:
    """What a user reads; it is no traceback."""
    found = CliRunner().invoke(app, list(arguments), env=COLUMNS)
    assert found.exit_code == 2, found.output
    assert isinstance(found.exception, SystemExit)
    assert "Traceback" not in found.output
    return found.output


@pytest.mark.parametrize("hours", ["0", "-1", "0.05", "nan", "inf", "8761", "1e300", "long"])
def test_hours_that_cannot_be_played(hours: str) -> None:
    assert "Invalid value for '--hours'" in refused("demo", "--hours", hours)


@pytest.mark.parametrize("command", ["demo", "faults", "plant"])
@pytest.mark.parametrize("speed", ["0", "-60", "601", "1e9", "nan", "inf", "fast"])
def test_speeds_that_no_process_follows(command: str, speed: str) -> None:
    assert "Invalid value for '--speed'" in refused(command, "--speed", speed)


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("demo", "--seed", "x"),
        ("demo", "--seed", "1.5"),
        ("demo", "--port", "-1"),
        ("demo", "--port", "65536"),
        ("demo", "--port", "http"),
        ("faults", "--seed", ""),
        ("faults", "--runs", "0"),
        ("faults", "--span", "0"),
        ("faults", "--span", "nan"),
        ("faults", "--span", "inf"),
        ("plant", "--seed", "x"),
        ("promise", "--seeds", "0"),
        ("promise", "--first", "x"),
        ("promise", "--workers", "0"),
        ("promise", "--workers", "257"),
    ],
)
def test_numbers_out_of_range(command: str, option: str, value: str) -> None:
    assert f"Invalid value for '{option}'" in refused(command, option, value)


@pytest.mark.parametrize("command", ["demo", "faults", "plant"])
@pytest.mark.parametrize(
    ("storm", "says"),
    [
        ("typhoon", "storm 'typhoon': use zhengzhou-2021, chicago:p=20,hours=2, csv:PATH or none"),
        ("chicago:p", "storm 'chicago:p': could not convert string to float: ''; write e.g. chicago:p=20,hours=2"),
        ("chicago:p=nan", "storm 'chicago:p=nan': a return period of 0.1 to 10,000 years, and 1/12 to 24 hours"),
        ("chicago:p=20,hours=inf", "a return period of 0.1 to 10,000 years, and 1/12 to 24 hours"),
        ("chicago:p=20;hours=2", "could not convert string to float: '20;hours=2'"),
        ("csv:/nowhere.csv", "/nowhere.csv cannot be read: "),
        ("csv:/", "/ cannot be read: "),
    ],
)
def test_storms_that_there_are_not(command: str, storm: str, says: str) -> None:
    assert says in refused(command, "--storm", storm)


def test_a_storm_to_print_that_there_is_not() -> None:
    assert "storm 'typhoon': use zhengzhou-2021" in refused("storm", "typhoon")


@pytest.mark.parametrize("command", ["demo", "faults", "plant"])
def test_a_district_that_there_is_not(command: str, tmp_path: Path) -> None:
    assert f"{tmp_path}/district.yaml:1: cannot be read" in refused(command, "--district", str(tmp_path))


@pytest.mark.parametrize("command", ["demo", "faults"])
def test_a_folder_for_files_that_is_a_file(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "Not a directory" in refused(command, "--out", str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert f"{tmp_path} holds something else: name an empty folder with --out" in refused(
        "demo", "--out", str(tmp_path)
    )
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("run", [None, "", "not json", "{}", "[]"])
def test_a_folder_that_no_demo_wrote_is_not_audited(tmp_path: Path, run: str | None) -> None:
    if run is not None:
        (tmp_path / "run.json").write_text(run)
    said = refused("audit", str(tmp_path))
    assert said.startswith(f"{tmp_path} cannot be audited: ")
    assert said.strip().endswith("give the --out folder of a demo that ended")
