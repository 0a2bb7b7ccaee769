"""Sensors that lie as they are told to."""

from __future__ import annotations

import itertools
import math
import random

from contract.readings import Flag
from simulators.promise.warnings.sensors import NOISE_M, Fault, Row, Sensor, Spell, some_spells
from simulators.promise.warnings.water import Water

FLAT = Water(((0, 0.5), (1, 0.5)))
HOUR_MS = 3_600_000


def rows(fault: Fault | None, size: float = 0.0, marked: bool = False, by_exception: bool = False) -> list[Row]:
    """An hour of readings every minute, the fault from the tenth minute to the fiftieth."""
    spells = [Spell(fault, 600_000, 3_000_000, size, Flag.SUSPECT, marked)] if fault is not None else []
    sensor = Sensor(random.Random(1), 7, FLAT, by_exception, spells)
    return [row for ms in range(0, HOUR_MS, 60_000) for row in sensor.measure(ms)]


def test_a_sound_one_shows_the_water() -> None:
    found = rows(None)
    assert len(found) == 60
    assert all(abs(r.value - 0.5) <= 0.004 and r.flag == Flag.PASS for r in found)


def test_by_exception_it_says_that_it_lives_every_five_minutes() -> None:
    assert [r.time_ms for r in rows(None, by_exception=True)] == list(range(0, HOUR_MS, 300_000))


def test_a_spike_stands_alone_and_is_corrected_one_sample_later() -> None:
    found = rows(Fault.SPIKE, 1.4, marked=True)
    high = [r for r in found if r.value > 1]
    corrections = [r for r in high if r.flag == Flag.FAIL]
    assert corrections
    assert {r.time_ms for r in corrections} == {r.time_ms for r in high if r.flag == Flag.SUSPECT}
    times = sorted({r.time_ms for r in high})
    assert all(b - a > 60_000 for a, b in itertools.pairwise(times))


def test_what_other_faults_do() -> None:
    assert sum(r.value == 0 for r in rows(Fault.BLINK, 0.3)) in range(4, 24)
    assert len(rows(Fault.DEAD)) == 19
    assert len({r.value for r in rows(Fault.STICK)[10:50]}) == 1
    assert {round(r.value, 1) for r in rows(Fault.PARK, 1.4)[10:50]} == {1.9}
    assert rows(Fault.DRIFT, 0.3)[50].value > 0.65
    assert all(math.isnan(r.value) and r.flag == Flag.MISSING for r in rows(Fault.DROWN)[10:50])
    assert {r.flag for r in rows(Fault.DROWN, marked=True)[10:50]} == {Flag.FAIL}
    assert {r.flag for r in rows(Fault.SUSPECT)[10:50]} == {Flag.SUSPECT}


def test_soundness_is_of_the_time_asked_for() -> None:
    sensor = Sensor(random.Random(1), 7, FLAT, False, [Spell(Fault.BLINK, 100, 200, 0.2, Flag.PASS, False)])
    assert sensor.sound(0, 99)
    assert not sensor.sound(50, 150)
    assert sensor.sound(50, 150, {Fault.BLINK})


def test_faults_end_before_it_is_dry() -> None:
    for seed in range(100):
        assert all(s.to_ms <= 72 * 60_000 for s in some_spells(random.Random(seed), 0, 75))


def test_one_that_chatters_says_the_same_two_dozen_times_for_ten_minutes() -> None:
    sensor = Sensor(random.Random(1), 7, FLAT, False, [], chatters_ms=600_000)
    said = [sensor.measure(ms) for ms in range(0, HOUR_MS, 60_000)]
    assert [len(rows) for rows in said] == [1] * 10 + [25] * 11 + [1] * 39
    times = [row.time_ms for rows in said for row in rows]
    assert times == sorted(set(times))
    assert all(abs(row.value - 0.5) <= 2 * NOISE_M + 0.001 for rows in said for row in rows)
