"""Devices that say nothing where others refuse, in played time: found by splitting, remembered, told; and a device that
is simply dead is asked no more often for it, and costs its bus no more."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from contract.catalogue.quantities import Quantity
from edge_agent.drivers.modbus_reads import Reads
from edge_agent.drivers.read_plan import plan
from firmware_bridge.modbus_frames import Question
from firmware_bridge.register_types import Table
from tests.edge_agent.drivers import rude
from tests.edge_agent.drivers.registers import info_with
from tests.edge_agent.drivers.rtu import device, says
from tests.edge_agent.drivers.rude import Answers, Rude, has, plain
from tests.played import play

ALL = ("modbus_rtu", "modbus_ascii", "modbus_rtu_over_tcp", "modbus_tcp")


def mute(registers: set[int], code: int | None = None) -> Answers:
    """A unit with these holding registers that says nothing to what it has not, or so says the gateway before it."""
    asked = has(registers)

    def answers(unit: int, pdu: bytes) -> bytes | None:
        reply = asked(unit, pdu)
        if reply is not None and reply[0] & 0x80:
            return None if code is None else bytes((pdu[0] | 0x80, code))
        return reply

    return answers


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ({0, 1, 5}, [0, 1, 5]),  # a hole in the gap of the only read
        ({0, 1, 2, 4, 5}, [0, 1, 2, 3, 4, 5]),  # within a run
        ({1, 2, 3}, [0, 1, 2, 3]),  # its first
        ({0, 1, 20, 300}, [0, 1, 20, 100, 300]),  # a whole read, before others
        ({20, 300}, [0, 20, 300]),  # the first read of all
        ({0, 3, 200, 203}, [0, 3, 200, 203]),  # two holes
    ],
)
def test_a_hole_that_is_answered_with_silence(kind: str, there: set[int], asked: list[int]) -> None:
    found = play(rude.run(Rude(kind, answers=mute(there)), [device(1, asked, timeout_s=0.2)], 240.5))
    for register in asked:
        if register in there:
            assert found.good(1, register)[0] <= 110.0, register
            assert len([at for at in found.good(1, register) if at > 120.0]) >= 115, register
        else:
            assert found.good(1, register) == []
    said = found.device(1)
    for register in set(asked) - there:
        assert f"unit 1 answers other questions, and never holding {register}+1 (r{register};" in said["last_fault"]
    assert said["state"] == "good"


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("tables", [{1}, {1, 2}, {4}])
def test_tables_that_are_never_answered_cost_the_others_little(
    kind: str, tables: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {1: (Table.COIL, 3), 2: (Table.DISCRETE, 5), 3: (Table.HOLDING, 7), 4: (Table.INPUT, 9)}
    monkeypatch.setattr(rude, "says", lambda u, r: 1 if r in (3, 5) else says(u, r))  # bits are those of the address
    info = info_with(
        ["bit", "bit", "uint16", "uint16"],
        at=[at for _, at in places.values()],
        tables=[table for table, _ in places.values()],
        timeout_s=0.2,
    )
    server = Rude(kind, answers=lambda u, pdu: None if pdu[0] in tables else plain(u, pdu))
    found = play(rude.run(server, [info], 180.5))
    for function, (_, register) in places.items():
        good = [at for at in found.good(1, register) if at > 110.0]
        assert good == [] if function in tables else len(good) >= 65
    assert len(server.opened) <= 5


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("timeout_s", "period_s"), [(0.2, 1.0), (0.5, 1.0), (0.5, 10.0), (1.0, 5.0)])
def test_what_is_never_answered_at_the_front_does_not_hide_the_rest_for_long(
    kind: str, timeout_s: float, period_s: float
) -> None:
    server = Rude(kind, answers=mute({200, 300}))
    info = device(1, [0, 100, 200, 300], timeout_s=timeout_s, period_s=period_s)
    found = play(rude.run(server, [info], 120.5))
    for register in (200, 300):
        assert found.good(1, register)[0] <= (20.0 if kind in ("modbus_rtu", "modbus_ascii") else 42.0), register


@pytest.mark.parametrize(
    ("code", "within_s"), [(4, 61.5), (7, 61.5), (8, 61.5), (9, 11.5), (12, 11.5), (200, 11.5), (2, 61.5)]
)
def test_after_an_exception_the_register_is_asked_again_in_time(code: int, within_s: float) -> None:
    refuses = [True]

    async def mended(_port: rude.RudePort, _task: object) -> None:
        await asyncio.sleep(400)
        refuses[0] = False

    def answers(unit: int, pdu: bytes) -> bytes | None:
        return bytes((0x83, code)) if refuses[0] and pdu[1:3] == b"\0\x64" else plain(unit, pdu)

    server = Rude("modbus_tcp", answers=answers)
    found = play(rude.run(server, [device(1, [0, 100], timeout_s=0.2)], 500.5, meanwhile=mended))
    assert found.good(1, 100)[0] - 400.0 <= within_s
    assert len(found.good(1, 0)) >= 495


def test_the_hole_is_told_and_the_whole_is_not_asked_again() -> None:
    server = Rude("modbus_rtu", answers=mute({0, 1, 5}))
    found = play(rude.run(server, [device(1, [0, 1, 5], timeout_s=0.2)], 240.5))
    assert found.device(1)["notes"] == [
        "holding 0+6 (r0, r1, r5) is read in pieces: as a whole it was not answered 3 times (timeout)"
    ]
    whole = [at - 1000 for at, _, pdu in server.asked if pdu == Question(1, 3, 0, 6).pdu]
    assert max(whole) < 60.0


@pytest.mark.parametrize("code", [4, 10, 11])
def test_a_gateway_that_says_so_in_the_devices_place(code: int) -> None:
    server = Rude("modbus_tcp", answers=mute({0, 5, 20}, code))
    found = play(rude.run(server, [device(1, [0, 5, 20, 300], timeout_s=0.2)], 240.5))
    for register in (0, 5, 20):
        assert len([at for at in found.good(1, register) if at > 120.0]) >= 115


def test_a_server_that_hangs_up_where_it_has_no_register_costs_its_neighbour_little() -> None:
    answers = mute({0, 5, 20})
    ends: list[bool] = []

    def hears(unit: int, pdu: bytes) -> bool:
        if unit == 1 and answers(unit, pdu) is None:
            ends.append(True)
        return True

    server = Rude("modbus_tcp", answers=lambda u, pdu: answers(u, pdu) if u == 1 else plain(u, pdu), hears=hears)

    async def hangs_up(port: rude.RudePort, _task: object) -> None:
        while True:
            await asyncio.sleep(0.01)
            if ends:
                ends.clear()
                port.end()

    devices = [device(1, [0, 5, 20, 300], timeout_s=0.2), device(2, [0], timeout_s=0.2)]
    found = play(rude.run(server, devices, 600.5, meanwhile=hangs_up))
    for register in (0, 5, 20):
        assert len([at for at in found.good(1, register) if at > 120.0]) >= 470
    assert len(found.good(2)) >= 580


def cost(registers: list[int], kind: str, alive: Callable[[], bool] = lambda: False) -> tuple[int, float]:
    """Requests to a dead unit in an hour, and the worst gap of the one beside it."""
    line = Rude(kind, hears=lambda u, _p: u != 2 or alive())
    devices = [device(1, [0], timeout_s=0.3), device(2, registers, timeout_s=0.3)]
    found = play(rude.run(line, devices, 3600.5))
    return sum(u == 2 for _, u, _ in line.asked), found.worst_gap(1, 0, 3600.0)


@pytest.mark.parametrize("kind", ["modbus_rtu", "modbus_tcp"])
def test_a_dead_device_is_asked_no_more_often_for_it(kind: str) -> None:
    one, gap_s = cost([0], kind)
    many, wide_s = cost([0, 1, 5, 100, 200], kind)
    assert many == one
    assert wide_s == pytest.approx(gap_s, abs=0.01)


def test_one_that_comes_to_life_is_read_as_planned() -> None:
    alive = [False]

    async def revive(_port: rude.RudePort, _task: object) -> None:
        await asyncio.sleep(600)
        alive[0] = True

    line = Rude(hears=lambda _u, _p: alive[0])
    found = play(rude.run(line, [device(1, [0, 1, 5], timeout_s=0.3)], 900.5, meanwhile=revive))
    assert found.good(1, 5)[0] <= 660
    assert found.device(1)["notes"] == []
    assert {pdu for at, _, pdu in line.asked if at > 1000 + 700} == {Question(1, 3, 0, 6).pdu}


@pytest.mark.parametrize("kind", ALL)
def test_a_line_that_loses_a_fifth_both_ways_from_the_start_keeps_all_reads(kind: str) -> None:
    for seed in range(1, 11):
        chance = random.Random(seed)
        line = Rude(
            kind,
            hears=lambda _u, _p, c=chance: c.random() >= 0.2,
            bend=lambda _u, _s, reply, c=chance: [(0.0, reply if c.random() >= 0.2 else b"")],
        )
        devices = [device(1, [0, 100, 200, 300], timeout_s=0.2, period_s=2.0)]
        found = play(rude.run(line, devices, 180.0))
        assert min(len(found.good(1, r)) for r in (0, 100, 200, 300)) >= 20, seed
        assert found.device(1)["last_fault"].count("unanswered") == 0, seed


@pytest.mark.parametrize("seed", range(5))
def test_a_line_that_loses_a_third_both_ways_has_no_holes(seed: int) -> None:
    chance = random.Random(seed)
    line = Rude(
        hears=lambda _u, _p: chance.random() >= 1 / 3,
        bend=lambda _u, _s, reply: [(0.0, reply if chance.random() >= 1 / 3 else b"")],
    )
    found = play(rude.run(line, [device(1, [0, 5, 100, 200], timeout_s=0.1, period_s=2.0)], 1800.0))
    assert found.device(1)["notes"] == []
    assert "unanswered" not in found.device(1)["faults"]


def test_a_register_that_forgets_what_it_told_is_not_asked_alone() -> None:
    info = info_with(["uint16"] * 3, at=[0, 1, 2])
    first, forgets, last = info.channels
    register = forgets.register.model_copy(update={"quantity": Quantity.RAIN_EVENT})
    reads = Reads(plan(info.model, [first, replace(forgets, register=register), last]))  # type: ignore[arg-type]
    (part,) = reads.parts
    tried = set()
    for _ in range(20):
        reads.unanswered(part)
        if (instead := reads.instead(part, [])) is not None:
            tried.add((instead.read.address, instead.read.count))
    assert tried == {(0, 1), (2, 1)}
