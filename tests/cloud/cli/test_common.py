"""What all commands share: mistakes are told with code 2, damaged files in one line, and who typed it is kept."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from cloud.cli.common import Group, load_or_exit, note, operator
from cloud.ledger import audit
from cloud.ledger.open import open_ledger
from host.sqlite import StoreDamaged
from tests.conftest import SMALL_DISTRICT


def config(folder: Path, **more: object) -> Path:
    path = folder / "cloud.yaml"
    settings = {"catalogue": str(SMALL_DISTRICT), "data_dir": "data", "broker": {"host": "127.0.0.1"}, **more}
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture(autouse=True)
def as_within_a_command() -> Iterator[None]:
    """`Group` puts the umask back when a command ends; here nothing of it runs."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


def test_a_good_file_is_loaded(tmp_path: Path) -> None:
    assert load_or_exit(config(tmp_path)).data_dir == tmp_path / "data"


def test_a_mistake_is_told_with_file_and_line_and_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path)
    line = len(path.read_text().splitlines()) + 1
    path.write_text(f"{path.read_text()}colour: blue\n")
    with pytest.raises(typer.Exit) as ended:
        load_or_exit(path)
    assert ended.value.exit_code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{path}:{line}: colour: ")
    assert said.err.splitlines()[-1] == "1 to mend; nothing was started"


def test_what_is_noted_stands_in_the_audit_record(tmp_path: Path) -> None:
    found = load_or_exit(config(tmp_path))
    note(found, "gateway.add", "gw-1.1", generation=1)
    ledger = open_ledger(found.ledger_url)
    (row,) = audit.newest(ledger, 10)
    ledger.dispose()
    assert (row.who, row.what, row.target, row.source) == (operator(), "gateway.add", "gw-1.1", "shell")
    assert row.detail == {"generation": 1}


def test_the_operator_is_whom_the_kernel_knows_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "mallory")
    monkeypatch.setenv("LOGNAME", "mallory")
    name = pwd.getpwuid(os.getuid()).pw_name
    assert operator().split(" logged in as ")[0] == f"shell:{name}"


def test_a_user_without_a_name_is_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_123)
    assert operator().startswith("shell:uid-4000123")


def test_a_damaged_file_is_one_line_and_code_2() -> None:
    app = typer.Typer(cls=Group)

    @app.callback()
    def all_commands() -> None:
        """So that there is a group."""

    @app.command()
    def broken() -> None:
        raise StoreDamaged("log.sqlite is damaged:\n   take the copy")

    found = CliRunner().invoke(app, ["broken"])
    assert found.exit_code == 2
    assert found.stderr == "log.sqlite is damaged: take the copy\n"
