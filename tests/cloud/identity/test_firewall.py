"""The rules for nftables that stand before the broker, loaded into a network of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cloud.identity.broker_files import firewall

_ALONE = ("unshare", "--net", "sh", "-c")


def alone(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_ALONE, script], capture_output=True, text=True, check=False)


def test_rules_loaded_again_after_a_change_stand_once(tmp_path: Path) -> None:
    if shutil.which("nft") is None or alone("nft list ruleset").returncode:
        pytest.skip("needs nftables, and the right to make a network")
    before, after = tmp_path / "before.nft", tmp_path / "after.nft"
    before.write_text(firewall(8883, 2))
    after.write_text(firewall(8883, 3))
    ran = alone(f"nft -f {before} && nft -f {after} && nft list ruleset")
    assert ran.returncode == 0, ran.stderr
    for what in ("ct count over 56", "limit rate over 56/minute burst 56", "limit rate over 256 kbytes/second"):
        assert ran.stdout.count(what) == 2, what  # IPv4 and IPv6
    assert "54" not in ran.stdout
