"""The promise by seeds: without a bug it holds; with one planted the campaign finds it; a seed replays exactly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.promise.bugs import BUGS
from simulators.promise.campaign import campaign, one

REGRESSIONS = [
    int(line.split()[0])
    for line in (Path(__file__).parent / "regressions.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_what_was_once_found_stays_mended(seed: int) -> None:
    assert one(seed).broken == ""


@pytest.mark.parametrize("first", [1, 11, 21])
def test_the_promise_holds(first: int) -> None:
    report = campaign(10, first, workers=1)
    assert report.seeds == 10
    assert report.readings > 1000
    assert report.faults
    assert report.broken == {}


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_a_planted_bug_is_found(bug: str) -> None:
    report = campaign(200, 1, bug, workers=1, stop_at=1)
    assert report.broken, f"{bug} was not found in {report.seeds} seeds"


def test_a_seed_replays_exactly_in_another_process() -> None:
    code = "from simulators.promise.campaign import one; print(one(7).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": h}, capture_output=True, text=True
        ).stdout.strip()
        for h in ("1", "2")
    }
    assert digests == {one(7).digest}
    assert one(8).digest not in digests


@pytest.mark.slow
@pytest.mark.unhurried
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(1, 1001, 125))
def test_a_thousand_seeds(first: int) -> None:
    report = campaign(125, first, workers=1)
    assert report.seeds == 125
    assert report.broken == {}
