"""The water rises with the storm, sinks with the pumps, and its process dies when told to."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from contract.clock import ScaledClock
from contract.documents import validate
from host.yaml_config import read_yaml
from simulators.catchment.catchment import Catchment, CatchmentError
from simulators.catchment.signals import Simulation
from simulators.storms.storms import parse_storm

FOLDER = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"
HOUR_MS = 3_600_000


def simulation() -> Simulation:
    found = validate(read_yaml(FOLDER / "simulation.yaml"), Simulation)
    assert found is not None
    return found


def play(hours: float, pumps_on: bool, storm: str = "zhengzhou-2021") -> dict[str, float]:
    """The deepest each underpass was, and how deep it ended, after so many hours at full speed."""
    water = parse_storm(storm)
    start_ms = water.heavy_ms - HOUR_MS
    clock = ScaledClock(start_ms, 1e6, time.time_ns() // 1_000_000)
    catchment = Catchment(FOLDER, simulation(), water, start_ms, clock)
    try:
        for i in "123":
            for k in "12":
                catchment.set_pump(f"K{i}{k}", float(pumps_on))
        deepest = dict.fromkeys(("U1", "U2", "U3"), 0.0)
        while catchment.alive() and catchment.time_ms() < start_ms + hours * HOUR_MS:
            for u in deepest:
                deepest[u] = max(deepest[u], catchment.value(f"depth:{u}"))
            time.sleep(0.001)
        return deepest | {f"end {u}": catchment.value(f"depth:{u}") for u in deepest}
    finally:
        catchment.close()


def test_the_storm_of_2021_fills_every_underpass_and_pumps_drain_it() -> None:
    depth = play(10, pumps_on=True)
    assert all(depth[u] > 3.0 for u in ("U1", "U2", "U3")), depth
    assert all(depth[f"end {u}"] < 0.05 for u in ("U1", "U2", "U3")), depth


def test_without_pumps_the_water_stays() -> None:
    depth = play(10, pumps_on=False)
    assert all(depth[f"end {u}"] > 0.5 for u in ("U1", "U2", "U3")), depth


def test_on_a_dry_day_nothing_happens() -> None:
    depth = play(2, pumps_on=True, storm="none")
    assert max(depth.values()) < 0.01


def test_a_broken_network_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "network.inp").write_text("[JUNCTIONS]\nnonsense\n")
    storm = parse_storm("none")
    with pytest.raises(CatchmentError, match="SWMM did not start"):
        Catchment(tmp_path, simulation(), storm, storm.start_ms, ScaledClock(storm.start_ms, 60, 0))


def test_an_unknown_signal_names_what_there_is() -> None:
    storm = parse_storm("none")
    catchment = Catchment(FOLDER, simulation(), storm, storm.start_ms, ScaledClock(storm.start_ms, 1e6, 0))
    try:
        with pytest.raises(KeyError, match="depth:U1"):
            catchment.value("depth:U9")
    finally:
        catchment.close()
