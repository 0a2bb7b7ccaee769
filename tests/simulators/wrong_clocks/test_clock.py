"""A clock that is wrong in the ways it is told, and an audit that allows for it and for nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cloud.ingest.admission import Refusal
from cloud.ingest.quarantine import Quarantine
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane, RefusalReason
from simulators.audit.clocks import runs_of, strangers, undated, wrong_lives
from simulators.audit.compare import compare
from simulators.demo.machines import Machine
from simulators.wrong_clocks.clock import WrongClock

DAY_MS = 86_400_000


@dataclass
class HandClock:
    wall_ms: int = 1_626_000_000_000
    mono_ms: int = 70_000

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_ms(self) -> int:
        return self.mono_ms

    def real_s(self, scenario_s: float) -> float:
        return scenario_s / 60

    async def sleep(self, scenario_s: float) -> None:
        raise AssertionError

    def pass_(self, ms: int) -> None:
        self.wall_ms += ms
        self.mono_ms += ms


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is read at every look."""
    monkeypatch.setattr("simulators.wrong_clocks.clock._LOOK_S", -1.0)


@pytest.mark.usefixtures("looked")
def test_a_machine_boots_with_a_wrong_clock_and_somebody_sets_it(tmp_path: Path) -> None:
    true = HandClock()
    machine = Machine(tmp_path / "clock.json", true)
    clock = WrongClock(true, machine.path)
    machine.boot(None)
    assert clock.now_ms() == 0
    true.pass_(1000)
    assert clock.now_ms() == 1000
    machine.set_wall(DAY_MS)
    assert clock.now_ms() - true.now_ms() == DAY_MS
    assert clock.monotonic_ms() == true.mono_ms
    machine.killed()
    machine.boot(-DAY_MS)
    assert clock.now_ms() - true.now_ms() == -DAY_MS
    first, second = machine.lives
    assert first.boot != second.boot
    assert (first.started_ms, first.ended_ms, first.wall_ms) == (true.wall_ms - 1000, true.wall_ms, 1000 - true.wall_ms)
    assert (second.ended_ms, second.wall_ms) == (None, -DAY_MS)


@pytest.mark.usefixtures("looked")
def test_wall_and_monotonic_time_hang_on_one_fast_crystal(tmp_path: Path) -> None:
    true = HandClock()
    machine = Machine(tmp_path / "clock.json", true)
    machine.boot(ppm=200.0)
    clock = WrongClock(true, machine.path)
    true.pass_(3 * DAY_MS)
    assert clock.now_ms() - true.wall_ms == clock.monotonic_ms() - true.mono_ms == 51_840


def test_lives_are_runs_whose_ends_are_known() -> None:
    lives = [
        {"started_ms": 10, "ended_ms": 20, "wall_ms": 0},
        {"started_ms": 30, "ended_ms": 40, "wall_ms": -DAY_MS},
        {"started_ms": 50, "ended_ms": None, "wall_ms": 5},
    ]
    assert [(r.started_ms, r.last_commit_ms) for r in runs_of(lives)] == [(10, None), (30, 20), (50, 40)]
    assert wrong_lives(lives, 90) == [(30, 40), (50, 90)]


def test_what_is_quarantined_for_its_times_is_counted_once(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "quarantine.sqlite")
    for seq, reason in enumerate((RefusalReason.CLOCK_UNSYNCHRONISED, RefusalReason.FOREIGN_CHANNEL), 1):
        readings = ReadingBatch.of([1000, 1000, 2000], [7, 7, 8], [0.1, 0.1, 0.2], [2, 1, 1])  # one is a correction
        payload = encode_batch(WireBatch("gw", 1, seq, Lane.LIVE, readings, False))
        quarantine.keep([Refusal("t", "gw", 1, seq, reason, "", payload)], 0)
    quarantine.close()
    found = undated(tmp_path)
    assert {c: len(rows) for c, rows in found.items()} == {7: 1, 8: 1}


def test_a_value_in_quarantine_must_have_been_in_its_register_while_the_clock_was_wrong() -> None:
    truth = ReadingBatch.of([1000, 2000, 9000], [7, 7, 7], [0.1, 0.2, 0.3])
    own = ReadingBatch.of([5, 6, 7], [7, 7, 7], [0.1, np.nan, 0.3])
    assert strangers(own, truth, [(500, 2500)], 100) == 1
    assert strangers(own, truth, [(500, 2500), (8950, 8960)], 100) == 0


def test_the_audit_says_how_far_a_time_is_from_the_truth() -> None:
    truth = ReadingBatch.of([1000, 61_000, 121_000], [7, 7, 7], [0.1, 0.1, 0.2])
    stored = ReadingBatch.of([1000, 58_000, 121_000], [7, 7, 7], [0.1, 0.1, 0.2])
    assert compare(truth, stored, {7: 0.0}, {}, 91_000).furthest_ms == 3000
