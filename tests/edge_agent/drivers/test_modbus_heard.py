"""What came in place of an answer, in words of its own for each."""

from __future__ import annotations

import pytest

from edge_agent.drivers.base import LOOK_AT, DeviceFault, Fault
from edge_agent.drivers.modbus_heard import Heard
from firmware_bridge.modbus_frames import Question, RtuFraming
from tests.edge_agent.drivers import rude
from tests.edge_agent.drivers.rtu import device
from tests.edge_agent.drivers.rude import Rude
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
