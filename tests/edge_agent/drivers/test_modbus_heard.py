"""What came in place of an answer, in words of its own for each."""

from __future__ import annotations

import asyncio
import random

import pytest

from edge_agent.acquisition.bus import BusTask
from edge_agent.drivers.base import LOOK_AT, DeviceFault, Fault
from edge_agent.drivers.modbus_heard import Heard
from firmware_bridge.modbus_frames import Question, RtuFraming
from tests.edge_agent.drivers import rude
from tests.edge_agent.drivers.rtu import device
from tests.edge_agent.drivers.rude import Rude, RudePort
from tests.played import play

RTU = RtuFraming()
ALL = ("modbus_rtu", "modbus_ascii", "modbus_rtu_over_tcp", "modbus_tcp")


def test_every_fault_says_what_to_look_at() -> None:
    assert set(LOOK_AT) == set(Fault)
    assert str(DeviceFault(Fault.ECHO, "unit 1")).endswith(LOOK_AT[Fault.ECHO])


def test_nothing_heard_nothing_counted() -> None:
    heard = Heard(RTU, numbered=False)
    assert (heard.faults(), heard.shared(0.0), heard.slow(1, 0.5, 0.0)) == ({}, False, "")


FAULTS = {
    Fault.TIMEOUT: (b"", "did not answer within 0.2 s"),
    Fault.NOISE: (b"\x55\x12\x99", "3 bytes came, and no frame among them"),
    Fault.OTHER_UNIT: (RTU.encode(9, b"\x03\x02\0\1"), "unit 1 was asked, unit 9 answered"),
    Fault.WRONG_FUNCTION: (RTU.encode(1, b"\x04\x02\0\1"), "with function 3, it answered with 4"),
    Fault.BAD_REPLY: (RTU.encode(1, b"\x03\x04\0\1\0\1"), "was asked for 2 bytes, it answered with 4"),
    Fault.OTHER_MASTER: (RTU.encode(9, Question(9, 3, 0, 1).pdu), "somebody else asked"),
    Fault.BAD_CRC: (RTU.encode(1, b"\x03\x02\0\1")[:-1] + b"\0", "was damaged on the line"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_a_line_are_told_apart(fault: Fault) -> None:
    data, words = FAULTS[fault]
    line = Rude(bend=lambda _u, _s, _r: [(0.0, data)])
    played = play(rude.run(line, [device(1, [0], timeout_s=0.2)], 1.0))
    assert set(played.device(1)["faults"]) == {fault.value}
    assert words in played.device(1)["last_fault"]


@pytest.mark.parametrize("kind", ALL)
def test_one_that_is_too_slow_is_told_by_how_much(kind: str) -> None:
    line = Rude(kind, delay_s=lambda _u: 0.7)
    played = play(rude.run(line, [device(1, [0], timeout_s=0.5, period_s=5.0)], 60.5))
    assert any("unit 1 answered after 0.7" in n and "0.2" in n for n in played.device(1)["notes"])
    never = Rude(kind, delay_s=lambda _u: 3.0)
    played = play(rude.run(never, [device(1, [0], timeout_s=0.5, period_s=5.0)], 120.5))
    assert "too_slow" in played.device(1)["faults"]


class InTurn:
    """A unit that answers one question after another; by chance slowly."""

    def __init__(self, slow_s: float, chance: float, seed: int = 0) -> None:
        self._slow_s, self._chance, self._random = slow_s, chance, random.Random(seed)
        self._free_s = 0.0

    def delay_s(self, unit: int) -> float:
        if unit != 1:
            return 0.01
        now_s = asyncio.get_running_loop().time()
        self._free_s = max(self._free_s, now_s) + (self._slow_s if self._random.random() < self._chance else 0.05)
        return self._free_s - now_s


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("slow_s", [0.6, 1.5])
def test_replies_that_wait_for_one_another_do_not_make_a_unit_look_slower(kind: str, slow_s: float) -> None:
    unit = InTurn(slow_s, 1.0)
    found = play(rude.run(Rude(kind, delay_s=unit.delay_s), [device(1, [0], timeout_s=0.25, period_s=8.0)], 240.5))
    said = " ".join([*found.device(1)["notes"], found.device(1)["last_fault"]])
    assert f"unit 1 answered after {slow_s:.2f} s, {slow_s - 0.25:.2f} s later than timeout_s 0.25" in said
    assert set(found.status["line_faults"]) <= {"late_replies", "reconnects"}  # no other master


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("seed", range(3))
def test_a_unit_that_is_late_half_the_time_is_not_taken_for_a_dead_one(kind: str, seed: int) -> None:
    unit = InTurn(0.7, 0.5, seed)
    devices = [device(u, [0], timeout_s=0.3, period_s=2.0 if u == 1 else 1.0) for u in (1, 2)]
    found = play(rude.run(Rude(kind, delay_s=unit.delay_s), devices, 600.5))
    assert found.worst_gap(1, 0, 600.5) <= 4.5
    assert len(found.good(1)) >= 290
    assert found.worst_gap(2, 0, 600.5) <= 2.0


@pytest.mark.parametrize("kind", ALL)
def test_one_that_was_late_and_died_is_backed_off_as_any_other(kind: str) -> None:
    dead = [False]

    async def dies(_port: RudePort, _task: BusTask) -> None:
        await asyncio.sleep(60.0)
        dead[0] = True

    line = Rude(kind, delay_s=lambda u: 0.4 if u == 1 else 0.01, hears=lambda u, _p: u != 1 or not dead[0])
    devices = [device(u, [0], timeout_s=0.3) for u in (1, 2)]
    found = play(rude.run(line, devices, 600.5, meanwhile=dies))
    assert found.device(1)["back_off_s"] == 45.0
    assert "timeout: unit 1 did not answer within 0.3 s" in found.device(1)["last_fault"]
    assert sum(u == 1 for at, u, _ in line.asked if at > 1100.0) <= 60
    assert found.worst_gap(2, 0, 600.5) <= 2.0
