"""Ten storms over real processes that are killed and cut off at random: nothing lost, doubled or altered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import require

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


def test_ten_runs_lose_nothing(tmp_path: Path) -> None:
    require("mosquitto")
    command = [sys.executable, "-m", "simulators.cli", "faults", "--seed", "1", "--runs", "10", "--out", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True)
    total = json.loads(ran.stdout)
    assert ran.returncode == 0, ran.stderr
    assert total["runs"] == 10
    assert total["faults"] > 30
    assert total["stored"] > 1000
    assert (total["lost"], total["doubled"], total["altered"], total["bad_seeds"]) == (0, 0, 0, [])
