"""Real agents whose clocks boot in 1970, a day off, or are stepped, in a storm with everything else that goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.faults.plan import CLOCKS
from tests.servers import require

pytestmark = [pytest.mark.servers, pytest.mark.undisturbed, pytest.mark.timeout(400)]


def test_two_runs_store_nothing_at_a_wrong_time(tmp_path: Path) -> None:
    """Seed 13: boots a day behind and in 1970, a step, two power cuts; 14: two power cuts in 1970, steps both ways."""
    require("mosquitto")
    options = ["--clocks", "--seed", "13", "--runs", "2", "--span", "6", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "simulators.cli", "faults", *options]
    ran = subprocess.run(command, capture_output=True, text=True)
    total = json.loads(ran.stdout)
    assert ran.returncode == 0, ran.stderr
    assert total["of_clocks"] == 9  # two of them of the cloud, which is killed in a step of eight hours
    assert {k.value for k in CLOCKS if f" {k.value} " in ran.stderr} == {
        "boot_1970",
        "boot_day_behind",
        "step_behind",
        "step_ahead",
        "alone_1970",
        "alone_day_behind",
    }
    assert (total["lost"], total["doubled"], total["altered"], total["bad_seeds"]) == (0, 0, 0, [])
    assert total["quarantined"] > 0
    assert total["stored"] > 200
    assert 0 < total["furthest_s"] < 91
