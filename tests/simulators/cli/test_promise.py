"""`headwater-sim promise`: either campaign says what came of it in one JSON line, last."""

from __future__ import annotations

import json

import pytest

from simulators.cli.promise import run


@pytest.mark.parametrize("of", ["readings", "warnings"])
def test_one_json_line_last(of: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(of, 2, 5, None, 1, False) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["seeds"] == 2
    assert said["broken"] == 0
    assert said["failing_seeds"] == {}


@pytest.mark.parametrize("of", ["readings", "warnings"])
def test_one_seed_traced(of: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(of, 1000, 5, None, 1, True) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 100
    assert json.loads(lines[-1])["seed"] == 5


@pytest.mark.parametrize("of", ["readings", "warnings"])
def test_a_bug_that_nobody_has_thought_of(of: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(of, 1, 1, "gremlins", 1, False) == 2
    assert "no bug is called gremlins" in capsys.readouterr().err
