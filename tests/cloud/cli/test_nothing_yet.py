"""Every command that needs only a configuration, where no cloud has run yet: it says so, and fails in no other way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from typer.testing import CliRunner

from cloud.cli.main import app
from tests.conftest import SMALL_DISTRICT

_RUNS = {"serve"}  # goes on and on
_KEPT = {"log_days": 60, "raw_days": 500, "hourly_days": 4000, "quarantine_days": 180}


def commands(of: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Of a group and those below it: such as are given with `--config` and nothing else."""
    for name, command in of.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        elif name not in _RUNS and {p.name for p in command.params if p.required} == {"config"}:
            yield (*before, name)


@pytest.mark.parametrize("words", sorted(commands(typer.main.get_command(app))), ids=" ".join)
def test_a_command_says_what_there_is_not(words: tuple[str, ...], tmp_path: Path) -> None:
    config = tmp_path / "cloud.yaml"
    settings = {"catalogue": str(SMALL_DISTRICT), "data_dir": "data", "broker": {"embedded": True}, "retention": _KEPT}
    config.write_text(yaml.safe_dump(settings))
    done = CliRunner().invoke(app, [*words, "--config", str(config)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert done.exit_code == 0 or done.output.strip(), "it fails without a word"
    assert "start its server" not in done.output, "there is no server of a file"
