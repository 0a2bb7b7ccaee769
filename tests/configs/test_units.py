"""The units for systemd: what a service may do, judged by systemd itself, and what it keeps from others."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "configs" / "systemd"
SERVICES = ["headwater-cloud", "headwater-edge", "headwater-trim"]
EXPOSED_AT_MOST = {**dict.fromkeys(SERVICES, 25), "headwater-broker-files": 30}  # tenths; the last one is root's


def service(name: str) -> dict[str, str]:
    read = configparser.ConfigParser(interpolation=None, strict=False)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(UNITS / f"{name}.service")
    return dict(read["Service"])


@pytest.mark.parametrize("name", EXPOSED_AT_MOST)
def test_systemd_calls_the_service_ok(name):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    command = [
        "systemd-analyze",
        "security",
        "--offline=true",
        f"--threshold={EXPOSED_AT_MOST[name]}",
        str(UNITS / f"{name}.service"),
    ]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_files_are_the_services_own_and_memory_is_bounded(name):
    unit = service(name)
    assert unit["UMask"] == "0077"
    assert unit["StateDirectoryMode"] == ("0750" if name == "headwater-edge" else "0700")
    assert unit["User"] not in ("", "root")
    assert unit["CapabilityBoundingSet"] == ""
    assert unit["MemoryMax"][-1] in "MG"


def test_the_clouds_door_for_the_proxy_has_files_enough():
    assert int(service("headwater-cloud")["LimitNOFILE"]) >= 8192
