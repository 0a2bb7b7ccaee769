"""A campaign of fault runs, told what each run found: what it prints, what it keeps, how it ends."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from simulators.cli import faults
from simulators.cli.main import DISTRICT
from simulators.faults.outcome import Outcome
from simulators.faults.run import Stage
from simulators.storms.storms import parse_storm

GOOD = Outcome(
    0,
    ["1.0 link_cut", "2.0 boot_1970 gw-1"],
    stored=100,
    quarantined=2,
    centre_failed=3,
    furthest_s=0.5,
    settled_s=3.04,
)
BAD = Outcome(0, ["1.0 link_slow"], lost=3, altered=1, stored=50, furthest_s=1.5, settled_s=7.0, broken=["lost 3"])


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(DISTRICT, tmp_path, parse_storm("none"))


def play(monkeypatch: pytest.MonkeyPatch, stage: Stage, *found: Outcome, keep: bool = False) -> int:
    """Runs from seed 5 on, that end so and leave a folder each."""

    async def one_run(_: Stage, seed: int) -> Outcome:
        (stage.out / f"run-{seed}").mkdir()
        return replace(found[seed - 5], seed=seed)

    monkeypatch.setattr(faults, "one_run", one_run)
    return faults.run(stage, 5, len(found), keep)


def test_a_line_a_run_and_the_sums_at_the_end(
    monkeypatch: pytest.MonkeyPatch, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(monkeypatch, stage, GOOD, BAD) == 1
    said = capsys.readouterr()
    assert [(r["seed"], r["broken"]) for r in map(json.loads, said.err.splitlines())] == [(5, []), (6, ["lost 3"])]
    assert json.loads(said.out) == {
        "runs": 2,
        "faults": 3,
        "of_clocks": 1,
        "stored": 150,
        "quarantined": 2,
        "centre_failed": 3,
        "furthest_s": 1.5,
        "lost": 3,
        "doubled": 0,
        "altered": 1,
        "bad_seeds": [6],
        "slowest_settling_s": 7.0,
    }


def test_the_folders_of_bad_runs_stay(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    play(monkeypatch, stage, GOOD, BAD)
    assert [p.name for p in stage.out.iterdir()] == ["run-6"]


def test_those_of_good_runs_stay_when_asked_for(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    assert play(monkeypatch, stage, GOOD, keep=True) == 0
    assert [p.name for p in stage.out.iterdir()] == ["run-5"]
