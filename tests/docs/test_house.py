"""docs/house.md says of every folder of ours what it is for, and names none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("contract", "firmware_bridge", "host", "edge_agent", "cloud", "simulators")


def test_every_folder_has_its_line():
    named = re.findall(r"^\| `([\w/]+)/` \| .+ \|$", (ROOT / "docs" / "house.md").read_text(), re.M)
    folders = {
        str(init.parent.relative_to(ROOT)) for package in PACKAGES for init in (ROOT / package).rglob("__init__.py")
    }
    folders = {f for f in folders if not f.startswith("cloud/ledger/migrations")} | {"cloud/ledger/migrations"}
    assert len(named) == len(set(named))
    assert set(named) == folders | {"configs", "tests", "benchmarks"}
