"""Real processes in a storm, killed and cut off while one gateway floods."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import require

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]


def test_who_floods_costs_the_others_nothing(tmp_path: Path) -> None:
    """Seed 1: cloud and an agent are killed, the broker's queue is lost, the link slow and half-open. What the flood is
    judged by: `simulators.faults.flooded`."""
    require("mosquitto")
    options = ["--flood", "--seed", "1", "--span", "10", "--speed", "120", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "simulators.cli", "faults", *options]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    total = json.loads(ran.stdout)
    assert (total["lost"], total["doubled"], total["altered"], total["bad_seeds"]) == (0, 0, 0, [])
    assert total["stored"] > 200
    assert total["flood_mb"] > 10
    flood = json.loads(ran.stderr.splitlines()[-1])["flood"]
    assert all(flood["let_go"][lane] for lane in ("alarm", "live", "history", "sayings"))
    assert flood["kept"] == flood["kept_in_log"] > 10
