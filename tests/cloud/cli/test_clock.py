"""`headwater-cloud clock` and what `check` says of the clock."""

from __future__ import annotations

from typer.testing import CliRunner

from cloud.cli import clock as clock_commands
from cloud.cli.main import app
from cloud.config import load_config
from cloud.log.clock_files import ClockFiles
from cloud.log.log_clock import Remembered
from tests.cloud.cloud_with_logins import write_config


def invoke(*words: str):
    return CliRunner().invoke(app, [*words])


def test_what_is_in_doubt_is_told_by_status_and_by_check(tmp_path):
    path = str(write_config(tmp_path))
    folder = load_config(tmp_path / "cloud.yaml").data_dir
    folder.mkdir()
    calm = invoke("clock", "status", "--config", path)
    assert (calm.exit_code, calm.output) == (0, "nothing is in doubt\n")
    ClockFiles(folder).keep(Remembered("boot", 0, 28_800_000), "it stepped by +8 h")
    doubt = invoke("clock", "status", "--config", path)
    assert (doubt.exit_code, doubt.output) == (1, "it stepped by +8 h\n")
    assert "it stepped by +8 h" in invoke("check", "--config", path).output


def test_confirm_leaves_word_for_the_next_start_when_no_cloud_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(clock_commands, "_TAKEN_S", 0.0)
    path = str(write_config(tmp_path))
    found = invoke("clock", "confirm", "--config", path)
    assert found.exit_code == 0, found.output
    assert "its next start takes" in found.output
    files = ClockFiles(load_config(tmp_path / "cloud.yaml").data_dir)
    asked = files.take()
    assert asked is not None and asked[0].startswith("shell:")


def test_confirm_says_so_when_the_cloud_has_taken_it(tmp_path, monkeypatch):
    path = str(write_config(tmp_path))
    files = ClockFiles(load_config(tmp_path / "cloud.yaml").data_dir)
    monkeypatch.setattr(clock_commands.time, "sleep", lambda _: files.take())
    found = invoke("clock", "confirm", "--config", path)
    assert "the cloud takes" in found.output
