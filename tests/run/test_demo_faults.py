"""A storm over a district whose instruments fail: each failure is named, once, and no flood is silenced."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from contract.clock import iso
from simulators.demo.troubles import WANTED, Trouble

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
# What hears the water all the time: neither failed nor behind the gateway that is switched off.
HEARD = (101, 431, 441, 461, 471, 481)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("faults") / "out"
    command = [sys.executable, "-m", "simulators.cli", "demo", "--headless", "--storm", "chicago:p=100,hours=1"]
    command += ["--speed", "150", "--hours", "2", "--seed", "7", "--faults", ",".join(Trouble), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert "failed" not in found, done.stdout[-2000:] + done.stderr[-2000:]
    return found


@pytest.mark.parametrize("trouble", Trouble)
def test_each_is_named(report: dict[str, Any], trouble: Trouble) -> None:
    named = [(n["kind"], n["place"]) for n in report["maintenance"]]
    for wanted in WANTED[trouble]:
        assert named.count((wanted.kind, wanted.place)) == 1


def test_the_pump_failure_before_the_water_is_on_the_road(report: dict[str, Any]) -> None:
    told = min(n["opened"] for n in report["maintenance"] if n["kind"] == "pump_trip")
    wet = min(r["truth_ms"] for r in report["levels"] if r["channel"] == 101)
    assert told < iso(wet)


def test_a_dead_gateway_is_one_message(report: dict[str, Any]) -> None:
    (dead,) = (n for n in report["maintenance"] if n["kind"] == "gateway_silent")
    later = [n for n in report["maintenance"] if n["opened"] >= dead["since"] and n["gateway"] == dead["gateway"]]
    assert [n["kind"] for n in later] == ["gateway_silent"]


def test_no_flood_is_silenced_and_no_reading_lost(report: dict[str, Any]) -> None:
    untold = [r for r in report["levels"] if r["channel"] in HEARD and r["told_ms"] is None and r["stood_s"] > 300]
    assert untold == []
    assert (report["lost"], report["doubled"], report["altered"]) == (0, 0, 0)
    # A device had just answered when its gateway was switched off: what it said then is nowhere.
    assert report["outside_deadband"] <= 3
