"""`make sbom` names every package of an environment with version and licence, and no place of the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_environment_is_described_whole(tmp_path: Path) -> None:
    out = tmp_path / "sbom" / "this.cdx.json"
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run([REPO / ".ci" / "sbom", sys.executable, out], check=True, env=environment, stdout=subprocess.PIPE)
    text = out.read_text()
    found = json.loads(text)
    assert (found["bomFormat"], found["metadata"]["component"]["name"]) == ("CycloneDX", "headwater")
    there = {d.metadata["Name"].lower(): d.version for d in distributions()}
    assert {c["name"].lower(): c["version"] for c in found["components"]} == {
        name: version for name, version in there.items() if name != "headwater"
    }
    assert found["metadata"]["component"]["licenses"][0]["license"]["id"] == "Apache-2.0"
    for place in ("file://", str(REPO), str(tmp_path)):
        assert place not in text
