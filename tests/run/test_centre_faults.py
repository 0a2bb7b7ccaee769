"""Real processes in a storm, killed and cut off, whose warning centre fails and whose rules are changed on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import require

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]


def test_two_runs_tell_the_centre_all_that_is_in_force_once(tmp_path: Path) -> None:
    """Seed 2: it answers 410, and is tried again by a test message; 3: one message that it never takes."""
    require("mosquitto")
    options = ["--centre", "--seed", "2", "--runs", "2", "--span", "6", "--speed", "120", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "simulators.cli", "faults", *options]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    total = json.loads(ran.stdout)
    for kind in ("centre_gone", "centre_poisoned", "rules_raised", "cloud_killed", "broker_forgets", "link_cut"):
        assert f" {kind} " in ran.stderr
    assert (total["lost"], total["doubled"], total["altered"], total["bad_seeds"]) == (0, 0, 0, [])
    assert total["centre_failed"] >= 2
    assert total["stored"] > 200
