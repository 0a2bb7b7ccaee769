"""The cloud's clock over a real log and real files, on a machine whose clocks a test moves."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from cloud.log.base import START, Entry, EntryKind, NewEntry
from cloud.log.believed_clock import BelievedClock, ask_to_confirm
from cloud.log.clock_files import ClockFiles
from cloud.log.correction import decode_correction
from cloud.log.log_clock import Start
from cloud.log.sqlite import SqliteLog
from contract.wire.envelope import Lane
from tests.cloud.log.virtual_machine import HOUR_MS, NOW_MS, Machine


class Cloud:
    """As much of a cloud as has a clock: it looks every second, and ticks every thirty."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self.folder, self.machine, self._seq = folder, machine, 0
        self.start()

    def start(self) -> None:
        self.log = SqliteLog.in_folder(self.folder)
        self.clock = BelievedClock(self.machine, self.folder, self.log, self.machine.kernel)

    def restart(self) -> None:
        self.log.close()
        self.start()

    def run(self, seconds: int) -> None:
        for n in range(1, seconds + 1):
            self.machine.wait(1)
            self.clock.look()
            if n % 30 == 0:
                self.log.tick(self.clock.now_ms())

    def take(self, reading_ms: int, gateway: str = "gw-1", lane: Lane = Lane.LIVE) -> None:
        self._seq += 1
        batch = NewEntry(gateway, 1, self._seq, lane, reading_ms, reading_ms, b"")
        self.log.append([batch], self.clock.now_ms())

    def entries(self) -> list[Entry]:
        found = list(self.log.read(START, 10**6))
        assert [e.append_ms for e in found] == sorted(e.append_ms for e in found)
        return found

    def corrections(self) -> list[tuple[int, int, str]]:
        found = [decode_correction(e.payload) for e in self.log.notes(EntryKind.CLOCK)]
        return [(c.was_ms - NOW_MS, c.now_ms - NOW_MS, c.who) for c in found]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def cloud(tmp_path, machine, monkeypatch):
    monkeypatch.setattr("cloud.log.believed_clock.boot_of", lambda clock: f"boot {clock.mono_ms < 40_000}")
    cloud = Cloud(tmp_path, machine)
    yield cloud
    cloud.log.close()


def test_eight_hours_ahead_for_one_tick_do_not_reach_the_log(cloud, machine):
    cloud.run(60)
    machine.step(8 * 3600)
    cloud.run(30)
    assert "+8 h" in cloud.clock.state().trouble
    machine.step(-8 * 3600)
    cloud.run(60)
    assert cloud.clock.state().trouble == ""
    assert [e.now_ms - NOW_MS for e in cloud.entries()] == [n * 30_000 for n in (1, 2, 3, 4, 5)]
    assert cloud.corrections() == []
    assert cloud.clock.counters() == {"clock_steps": 1, "clock_steps_confirmed": 0}


def test_a_step_that_stays_is_believed_when_a_person_says_so(cloud, machine):
    machine.step(-3600)
    cloud.run(90)
    assert cloud.clock.now_ms() == NOW_MS + 90_000
    assert cloud.clock.confirm("person:ann")
    assert not cloud.clock.confirm("person:ann")
    assert cloud.clock.now_ms() == machine.wall_ms == NOW_MS + 90_000 - HOUR_MS
    assert cloud.corrections() == [(90_000, 90_000 - HOUR_MS, "person:ann")]
    cloud.run(30)
    assert cloud.entries()[-1].now_ms == machine.wall_ms
    cloud.restart()
    assert cloud.clock.now_ms() == machine.wall_ms
    assert len(cloud.corrections()) == 1


def test_a_person_says_so_at_the_shell(cloud, machine, tmp_path):
    machine.step(3600)
    cloud.run(5)
    ask_to_confirm(machine, tmp_path, "shell:bob")
    cloud.run(1)
    assert cloud.clock.now_ms() == machine.wall_ms
    assert cloud.corrections() == [(6000, HOUR_MS + 6000, "shell:bob")]
    assert not ClockFiles(tmp_path).asked()


def test_what_was_said_of_another_time_or_boot_confirms_nothing(cloud, machine, tmp_path):
    machine.step(3600)
    cloud.run(5)
    ask_to_confirm(machine, tmp_path, "shell:bob")
    machine.step(7200)  # it stepped again, before the cloud looked
    cloud.run(5)
    assert cloud.clock.now_ms() == NOW_MS + 10_000
    ClockFiles(tmp_path).ask("shell:bob", "another boot", machine.wall_ms - machine.mono_ms)
    cloud.run(5)
    assert cloud.clock.now_ms() == NOW_MS + 15_000
    (tmp_path / "clock-confirm.json").write_text("[1,")
    cloud.run(1)
    assert cloud.clock.state().step is not None
    assert not ClockFiles(tmp_path).asked()


def test_a_person_says_so_while_the_cloud_is_down(cloud, machine, tmp_path):
    machine.step(3600)
    cloud.run(5)
    cloud.log.close()
    ask_to_confirm(machine, tmp_path, "shell:bob")
    cloud.start()
    assert cloud.clock.start is Start.CONFIRMED
    assert cloud.clock.state().trouble == ""


def test_ntp_sets_the_clock_right_while_the_cloud_runs(cloud, machine):
    """A machine that took its clock, kept in local time, for UTC, until NTP was there."""
    machine.step(-8 * 3600)
    machine.synchronised = True
    cloud.run(9)
    assert cloud.corrections() == []
    cloud.run(60)
    assert cloud.corrections() == [(11_000, 11_000 - 8 * HOUR_MS, "headwater")]
    assert cloud.clock.now_ms() == machine.wall_ms == cloud.log.now_ms()


def test_a_kernel_that_shows_another_time_does_not_confirm(cloud, machine):
    """What a process is shown, and what the machine has, may differ."""
    machine.synchronised, machine.real_wall_ms = True, NOW_MS
    machine.step(8 * 3600)
    cloud.run(60)
    assert cloud.clock.now_ms() == NOW_MS + 60_000


def test_a_kernel_that_cannot_be_asked_confirms_nothing(cloud, machine):
    machine.synchronised = None
    machine.step(600)
    cloud.run(60)
    assert cloud.clock.state().step is not None


def test_a_log_that_is_pinned_ahead_is_freed_at_the_start(cloud, machine, caplog):
    caplog.set_level(logging.WARNING)
    for n in range(5):
        cloud.take(NOW_MS - 1000 * n, f"gw-{n}")
    cloud.log.tick(NOW_MS + 8 * HOUR_MS)  # as releases before did
    cloud.restart()
    cloud.run(30)
    assert cloud.corrections() == [(8 * HOUR_MS, 0, "headwater")]
    assert [e.now_ms - NOW_MS for e in cloud.entries()][-2:] == [0, 30_000]
    assert "8 h ahead of time" in caplog.text
    cloud.restart()
    cloud.run(30)
    assert len(cloud.corrections()) == 1


def test_an_old_folder_is_freed_without_any_memory_of_its_clock(cloud, machine, tmp_path):
    cloud.take(NOW_MS - 1000)
    cloud.log.tick(NOW_MS + 8 * HOUR_MS)
    (tmp_path / "clock.json").unlink()
    cloud.restart()
    assert cloud.clock.start is Start.WALL
    assert cloud.clock.told_ms() == cloud.log.now_ms() == NOW_MS
    (tmp_path / "clock.json").write_text('{"boot": 1}')
    cloud.restart()
    assert cloud.clock.now_ms() == NOW_MS


def test_time_that_is_only_guessed_is_told_to_nobody_and_gateways_put_it_right(cloud, machine, tmp_path):
    """Readings of hours ahead are in the log: either the clock is wrong now, or all were then."""
    for n in range(3):
        cloud.take(NOW_MS + 8 * HOUR_MS - 1000, f"gw-{n}")
    cloud.log.tick(NOW_MS + 8 * HOUR_MS)
    (tmp_path / "clock.json").unlink()
    cloud.restart()
    cloud.run(20)
    assert (cloud.clock.start, cloud.clock.told_ms()) == (Start.LOG, 0)
    assert cloud.clock.now_ms() == NOW_MS + 8 * HOUR_MS + 20_000
    assert not cloud.clock.state().known
    cloud.take(NOW_MS - 500_000, "gw-1", Lane.HISTORY)  # of another hour: says nothing of now
    cloud.run(1)
    assert not cloud.clock.state().known
    cloud.take(machine.wall_ms - 10_000)
    cloud.run(1)
    assert cloud.clock.told_ms() == machine.wall_ms
    assert cloud.corrections() == [(8 * HOUR_MS + 22_000, 22_000, "headwater")]


def test_a_battery_that_died_makes_time_run_on_from_the_log_until_ntp_is_there(cloud, machine):
    cloud.take(NOW_MS - 1000)
    cloud.run(30)
    cloud.log.close()
    machine.reboot(60)
    machine.step(-NOW_MS / 1000)
    cloud.start()
    cloud.run(20)
    assert cloud.clock.told_ms() == 0
    assert cloud.log.now_ms() == NOW_MS + 30_000
    assert cloud.clock.now_ms() == NOW_MS + 50_000
    machine.step(NOW_MS / 1000)
    machine.synchronised = True
    cloud.run(12)
    assert cloud.clock.told_ms() == machine.wall_ms


def test_a_restart_in_a_step_goes_on_in_doubt(cloud, machine):
    cloud.run(30)
    machine.step(8 * 3600)
    cloud.run(30)
    cloud.restart()
    cloud.run(30)
    assert [e.now_ms - NOW_MS for e in cloud.entries()] == [30_000, 60_000, 90_000]
    assert "+8 h" in cloud.clock.state().trouble
    recalled = ClockFiles(cloud.folder).recall()
    assert recalled is not None and "+8 h" in recalled[1]


def test_a_suspend_of_the_machine_is_no_step(cloud, machine):
    """Its monotonic clock counts it: see `contract.clock`."""
    machine.wait(7 * 3600)
    cloud.run(30)
    assert cloud.clock.counters()["clock_steps"] == 0
    assert cloud.entries()[-1].now_ms == machine.wall_ms


def test_a_scaled_clock_is_asked_of_no_kernel_and_held_up_threads_are_no_step(tmp_path):
    machine = Machine(speed=120)
    log = SqliteLog.in_folder(tmp_path)
    clock = BelievedClock(machine, tmp_path, log)
    machine.step(500)
    assert clock.now_ms() == machine.wall_ms
    assert clock.real_s(120) == 1
    log.close()


def test_two_clocks_that_are_read_apart_are_read_again(cloud, machine, monkeypatch):
    looks = iter([100, 20_000, 20_000, 20_001])
    monkeypatch.setattr(machine, "monotonic_ms", lambda: machine.mono_ms + next(looks, 20_001))
    machine.step(20.001)
    cloud.clock.now_ms()
    assert cloud.clock.state().step is None


def test_a_full_disk_delays_what_frees_the_log(cloud, machine, monkeypatch):
    cloud.log.tick(NOW_MS + 8 * HOUR_MS)
    cloud.log.close()
    put_right = SqliteLog.put_right

    def full(self, now_ms, payload):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(SqliteLog, "put_right", full)
    cloud.start()
    cloud.run(3)
    assert "make room" in cloud.clock.state().trouble
    monkeypatch.setattr(SqliteLog, "put_right", put_right)
    cloud.run(1)
    assert cloud.corrections() == [(8 * HOUR_MS, 4000, "headwater")]
    assert cloud.clock.state().trouble == ""


def test_any_thread_may_ask_while_one_looks(cloud, machine):
    done = threading.Event()
    said: list[int] = []

    def ask() -> None:
        while not done.is_set():
            said.append(cloud.clock.now_ms())
            cloud.clock.state()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for t in threads:
        t.start()
    until_s = time.monotonic() + 20
    while len(said) < 500 and time.monotonic() < until_s:
        cloud.run(1)
    done.set()
    for t in threads:
        t.join()
    assert len(said) >= 500
    assert cloud.clock.counters()["clock_steps"] == 0
