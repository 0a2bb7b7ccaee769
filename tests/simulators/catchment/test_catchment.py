"""The water rises with the storm, sinks with the pumps, and its process ends when told to, or says why it did."""

from __future__ import annotations

import multiprocessing as mp
import os
import re
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest

from contract.clock import ScaledClock
from contract.documents import validate
from host.yaml_config import read_yaml
from simulators.catchment.board import Board
from simulators.catchment.catchment import Catchment, CatchmentError
from simulators.catchment.signals import Simulation
from simulators.catchment.swmm import RAIN_FACTOR, run
from simulators.storms.storms import parse_storm
from tests.waiting import until

FOLDER = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"
HOUR_MS = 3_600_000


def simulation() -> Simulation:
    found = validate(read_yaml(FOLDER / "simulation.yaml"), Simulation)
    assert found is not None
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log" / "catchment.log"


def play(log: Path, hours: float, pumps_on: bool, storm: str = "zhengzhou-2021") -> dict[str, float]:
    """The deepest each underpass was, and how deep it ended, after so many hours at full speed."""
    water = parse_storm(storm)
    start_ms = water.heavy_ms - HOUR_MS
    clock = ScaledClock(start_ms, 1e6, time.time_ns() // 1_000_000)
    catchment = Catchment(FOLDER, simulation(), water, start_ms, clock, log)
    try:
        for i in "123":
            for k in "12":
                catchment.set_pump(f"K{i}{k}", float(pumps_on))
        deepest = dict.fromkeys(("U1", "U2", "U3"), 0.0)
        while catchment.time_ms() < start_ms + hours * HOUR_MS:
            catchment.check()
            for u in deepest:
                deepest[u] = max(deepest[u], catchment.value(f"depth:{u}"))
            time.sleep(0.001)
        return deepest | {f"end {u}": catchment.value(f"depth:{u}") for u in deepest}
    finally:
        catchment.close()


def dry(folder: Path, log: Path) -> Catchment:
    """A dry day from its start, at full speed."""
    storm = parse_storm("none")
    return Catchment(folder, simulation(), storm, storm.start_ms, ScaledClock(storm.start_ms, 1e6, 0), log)


def test_the_storm_of_2021_fills_every_underpass_and_pumps_drain_it(log: Path) -> None:
    depth = play(log, 10, pumps_on=True)
    assert all(depth[u] > 3.0 for u in ("U1", "U2", "U3")), depth
    assert all(depth[f"end {u}"] < 0.05 for u in ("U1", "U2", "U3")), depth


def test_without_pumps_the_water_stays(log: Path) -> None:
    depth = play(log, 10, pumps_on=False)
    assert all(depth[f"end {u}"] > 0.5 for u in ("U1", "U2", "U3")), depth


def test_on_a_dry_day_nothing_happens(log: Path) -> None:
    depth = play(log, 2, pumps_on=True, storm="none")
    assert max(depth.values()) < 0.01


def test_it_goes_on_when_the_three_days_of_its_network_are_over(log: Path) -> None:
    network = (FOLDER / "network.inp").read_text()
    assert re.findall(r"^(?:START|END)_DATE +(\S+)", network, re.MULTILINE) == ["07/20/2021", "07/23/2021"]
    play(log, 80, pumps_on=True, storm="none")


def test_when_its_longest_time_is_over_it_says_so(log: Path) -> None:
    storm = parse_storm("none")
    log.parent.mkdir()
    names = ["depth:U1", *(f"rain:{gauge}" for gauge in RAIN_FACTOR), "stage:OUT"]
    board = Board.create(names)
    clock = ScaledClock(storm.start_ms, 1e6, 0)
    arguments = (FOLDER / "network.inp", storm, storm.start_ms, clock, board.memory_name, names, [], log)
    process = mp.get_context("spawn").Process(target=run, args=(*arguments, timedelta(hours=1)))
    process.start()
    process.join(60)
    board.close(unlink=True)
    assert process.exitcode == 1
    assert log.read_text().strip().endswith("network.inp has been played for its longest time, 1:00:00")


def test_a_broken_network_is_said_at_once_in_swmms_own_words(tmp_path: Path, log: Path) -> None:
    (tmp_path / "network.inp").write_text("[JUNCTIONS]\nnonsense\n")
    with pytest.raises(CatchmentError, match="SWMM did not start") as caught:
        dry(tmp_path, log)
    assert f"its process ended with 1; {log}:" in str(caught.value)
    assert "ERROR 203: too few items at line 2 of [JUNC] section: nonsense" in str(caught.value)


def test_a_process_that_is_killed_is_told_with_its_last_words(log: Path) -> None:
    catchment = dry(FOLDER, log)
    try:
        catchment.check()
        with log.open("a") as file:
            file.write("what it said last\n")
        os.kill(catchment.pid, signal.SIGKILL)

        def ended() -> bool:
            try:
                catchment.check()
            except CatchmentError:
                return True
            return False

        until(ended)
        with pytest.raises(CatchmentError, match=r"the catchment's process was killed by SIGKILL") as caught:
            catchment.check()
        assert str(caught.value).endswith(f"{log}:\nwhat it said last")
    finally:
        catchment.close()


def test_an_unknown_signal_names_what_there_is(log: Path) -> None:
    catchment = dry(FOLDER, log)
    try:
        with pytest.raises(KeyError, match="depth:U1"):
            catchment.value("depth:U9")
    finally:
        catchment.close()
