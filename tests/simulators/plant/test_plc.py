"""A two-pump station by its levels: 2.0 m duty, 2.8 m assist, 0.9 m stop."""

from __future__ import annotations

import pytest

from simulators.plant.plc import Levels, Pump, Station


def station() -> Station:
    return Station(Levels(2.0, 2.8, 0.9), (Pump(), Pump()))


def running(found: Station, *levels_m: float, elapsed_s: float = 60.0) -> list[tuple[bool, bool]]:
    out = []
    for level_m in levels_m:
        found.step(level_m, elapsed_s)
        out.append((found.pumps[0].running, found.pumps[1].running))
    return out


def test_duty_starts_at_its_level_assist_at_its_own_and_both_run_until_the_stop() -> None:
    levels = (1.99, 2.0, 2.79, 2.8, 2.5, 1.0, 0.9)
    on, off = True, False
    expected = [(off, off), (on, off), (on, off), (on, on), (on, on), (on, on), (off, off)]
    assert running(station(), *levels) == expected


def test_pumps_take_turns() -> None:
    found = station()
    assert running(found, 2.0, 0.9, 2.0, 0.9, 2.0) == [
        (True, False),
        (False, False),
        (False, True),
        (False, False),
        (True, False),
    ]
    assert [p.starts for p in found.pumps] == [2, 1]


def test_an_empty_well_without_a_pump_running_changes_no_turn() -> None:
    found = station()
    assert running(found, 0.5, 0.5, 2.0)[-1] == (True, False)


def test_a_pump_in_fault_stops_and_the_other_takes_over() -> None:
    found = station()
    running(found, 2.0)
    found.pumps[0].fault = True
    assert running(found, 2.0) == [(False, True)]
    assert running(found, 2.8) == [(False, True)]


def test_without_mains_nothing_runs_and_with_it_again_all_goes_on() -> None:
    found = station()
    running(found, 2.8)
    found.mains = False
    assert running(found, 2.8) == [(False, False)]
    found.mains = True
    assert running(found, 2.8) == [(True, True)]
    assert [p.starts for p in found.pumps] == [2, 2]


def test_hours_are_those_in_which_a_pump_ran() -> None:
    found = station()
    running(found, 2.0, 2.0, 0.9, 0.5, elapsed_s=1800)
    assert found.pumps[0].hours == pytest.approx(1.0)  # the two half hours after its start
    assert found.pumps[1].hours == 0.0


def test_registers() -> None:
    found = Station(pumps=(Pump(True, False, 12.5, 3), Pump(False, True, 7.0, 9)), wet_well_m=1.25)
    assert found.registers() == {
        "wet_well": 1.25,
        "mains": 1.0,
        "p1_running": 1.0,
        "p1_fault": 0.0,
        "p1_hours": 12.5,
        "p1_starts": 3.0,
        "p2_running": 0.0,
        "p2_fault": 1.0,
        "p2_hours": 7.0,
        "p2_starts": 9.0,
    }
