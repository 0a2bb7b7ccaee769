"""`make bench` where a program is not installed: the others run, and the end says what to install."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import benchmarks.__main__ as bench
from simulators.processes import mosquitto

NEED_A_BROKER = ["receive", "identity", "load", "flood"]


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def without_mosquitto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mosquitto, "SYSTEM_FOLDERS", ())


def plant(monkeypatch: pytest.MonkeyPatch, run: object) -> None:
    """A benchmark called `planted`."""
    real = bench.importlib.import_module
    found = SimpleNamespace(run=run)
    monkeypatch.setattr(bench.importlib, "import_module", lambda n: found if n == "benchmarks.planted" else real(n))
    monkeypatch.setattr(bench, "NAMES", (*bench.NAMES, "planted"))


def test_without_mosquitto_the_others_run_and_the_end_says_what_did_not(
    without_mosquitto: None, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["receive", "quality", "identity", "load", "flood"]) == 0
    why = "mosquitto is not installed: install your system's package of that name"
    end = capsys.readouterr().out.splitlines()[-5:]
    assert end == ["1 of 5 benchmarks ran", *(f"  {name} did not: {why}" for name in NEED_A_BROKER)]
    assert [f.name for f in results.iterdir()] == ["quality.json"]
    assert json.loads((results / "quality.json").read_text())["figures"]


def test_when_nothing_ran_the_exit_code_says_so(without_mosquitto: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(NEED_A_BROKER) == 3
    assert "0 of 4 benchmarks ran" in capsys.readouterr().out


def test_a_failure_hides_no_other_and_is_told_with_its_place(
    without_mosquitto: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, lambda: 1 / 0)
    assert bench.main(["planted", "receive", "quality"]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[-3:] == [
        "1 of 3 benchmarks ran",
        "  receive did not: mosquitto is not installed: install your system's package of that name",
        "  planted did not: failed: ZeroDivisionError: division by zero",
    ]
    assert "test_main.py" in said.err


def test_all_ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    plant(monkeypatch, lambda: {"aim": 1.0})
    assert bench.main(["planted"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 of 1 benchmarks ran"


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["qualty"]) == 2
    assert "there are quality, conditions, detectors" in capsys.readouterr().err


@pytest.mark.parametrize("file", sorted(Path(bench.__file__).parent.glob("*.py")), ids=lambda f: f.stem)
def test_no_benchmark_leans_on_the_tests(file: Path) -> None:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
    assert not names & {"tests", "pytest", "hypothesis"}
