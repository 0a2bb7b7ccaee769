"""Lines and devices that are not polite, in played time: the bus as the agent runs it, on a port whose other end is
rude as told. Whatever value is stored is the register's own: `rude.run` looks at each."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from itertools import count, pairwise
from typing import Any

import pytest

from edge_agent.acquisition.bus import BusTask
from firmware_bridge.modbus_frames import Question, RtuFraming
from tests.edge_agent.drivers import rude
from tests.edge_agent.drivers.rtu import device
from tests.edge_agent.drivers.rude import Played, Rude, RudePort, has, plain
from tests.played import play

RTU = RtuFraming()
LINES = ("modbus_rtu", "modbus_ascii", "modbus_rtu_over_tcp")
ALL = (*LINES, "modbus_tcp")


def now_s() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("kind", ALL)
def test_a_polite_line_gives_every_value_in_its_period(kind: str) -> None:
    devices = [device(u, [0, 1, 40], timeout_s=0.2) for u in (1, 2, 3)]
    played = play(rude.run(Rude(kind), devices, 20.5))
    for unit in (1, 2, 3):
        assert len(played.good(unit, 40)) in (20, 21)
    assert (played.status["trouble"], played.status["line_faults"]) == ("", {})
    assert played.status["retries"] == 0
    assert 0 < played.status["utilisation"] < 0.2


@pytest.mark.parametrize("unit", [1, 4])
@pytest.mark.parametrize("noise", [b"\0", b"\xff"])
def test_a_noise_byte_before_each_reply_is_skipped_and_counted(noise: bytes, unit: int) -> None:
    loud = Rude(bend=lambda _unit, _sent, reply: [(0.0, noise + reply)])
    played = play(rude.run(loud, [device(unit, [0], timeout_s=0.2)], 10.5))
    assert len(played.good(unit)) in (10, 11)
    assert played.status["line_faults"] == {"noise_bytes": len(played.good(unit))}


def lossy(kind: str, seed: int, reads: int, loss: float) -> int:
    """How many of 45 periods gave all values, of a line that loses so much of requests and of replies."""
    chance = random.Random(seed)
    line = Rude(
        kind,
        hears=lambda _u, _p: chance.random() >= loss,
        bend=lambda _u, _s, reply: [(0.0, reply if chance.random() >= loss else b"")],
    )
    registers = [0, 100, 200, 300][:reads]
    played = play(rude.run(line, [device(1, registers, timeout_s=0.2, period_s=2.0)], 90.0))
    periods = Counter((int(at // 2), r) for r in registers for at in set(played.good(1, r)))
    return sum(all(periods[n, r] for r in registers) for n in range(45))


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize(("reads", "loss", "least"), [(1, 0.1, 44), (4, 0.1, 43), (1, 0.2, 43), (4, 0.2, 28)])
def test_a_line_that_loses_a_tenth_both_ways_gives_nearly_all(kind: str, reads: int, loss: float, least: int) -> None:
    found = [lossy(kind, seed, reads, loss) for seed in range(1, 6)]
    assert sum(found) / len(found) >= least, found


def test_the_silence_of_the_lines_speed_is_always_kept() -> None:
    line = Rude()
    play(rude.run(line, [device(u, [0], timeout_s=0.2) for u in (1, 2)], 10.5, baud_rate=1200))
    times = [at for at, _, _ in line.asked]
    assert min(b - a for a, b in pairwise(times)) >= 0.01 + 3.5 * 11 / 1200


class Sleeping:
    """Units that hear only what follows so many requests without a pause of 3 s."""

    def __init__(self, requests: int, units: set[int]) -> None:
        self._requests, self._units = requests, units
        self._last_s: dict[int, float] = {}
        self._heard: Counter[int] = Counter()

    def hears(self, unit: int, _pdu: bytes) -> bool:
        if now_s() - self._last_s.get(unit, 0.0) >= 3.0:
            self._heard[unit] = 0
        self._last_s[unit] = now_s()
        self._heard[unit] += 1
        return unit not in self._units or self._heard[unit] > self._requests


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("requests", [1, 2, 3])
def test_a_unit_that_the_first_requests_only_wake(kind: str, requests: int) -> None:
    asleep = Sleeping(requests, {1})
    devices = [device(1, [0, 100], timeout_s=0.5, period_s=5.0)]
    played = play(rude.run(Rude(kind, hears=asleep.hears), devices, 60.0))
    for register in (0, 100):
        assert {int(at // 5) for at in played.good(1, register)} == set(range(12))


@pytest.mark.parametrize("requests", [2, 3])
def test_units_that_sleep_are_woken_beside_others_that_are_read_each_second(requests: int) -> None:
    asleep = Sleeping(requests, {1, 2})
    devices = [device(u, [0], timeout_s=0.3, period_s=5.0) for u in (1, 2)]
    devices += [device(u, [0], timeout_s=0.3) for u in (11, 12, 13)]
    played = play(rude.run(Rude(hears=asleep.hears), devices, 60.0))
    for unit in (1, 2):
        assert {int(at // 5) for at in played.good(unit)} == set(range(12))
    assert max(played.worst_gap(u, 0, 60.0) for u in (11, 12, 13)) <= 2.0


def test_one_of_20_silent_units_is_back_within_a_minute_and_their_neighbour_keeps_its_cadence() -> None:
    dead = [True]

    async def revive(_port: RudePort, _task: BusTask) -> None:
        await asyncio.sleep(1000)
        dead[0] = False

    line = Rude(hears=lambda u, _p: u == 1 or (u == 2 and not dead[0]))
    devices = [device(u, [0], timeout_s=0.5, period_s=1.0 if u == 1 else 30.0) for u in range(1, 22)]
    played = play(rude.run(line, devices, 1100.0, meanwhile=revive))
    assert played.good(2)[0] - 1000 <= 60
    assert played.worst_gap(1, 0, 1100.0) <= 2.0


def test_a_connection_that_swallows_its_first_second_and_is_closed_when_idle() -> None:
    state = {"heard": 0.0}
    server = Rude("modbus_tcp", hears=lambda _u, _p: now_s() - server.opened[-1] >= 1.0)

    async def closes_when_idle(port: RudePort, _task: BusTask) -> None:
        while True:
            await asyncio.sleep(0.1)
            last_s = max([at for at, _, _ in server.asked] + server.opened, default=0.0)
            if port.is_open and now_s() - last_s >= 2.5:
                state["heard"] += 1
                port.end()

    for timeout_s in (0.2, 0.5, 2.0):
        server.asked.clear()
        server.opened.clear()
        devices = [device(1, [0], timeout_s=timeout_s, period_s=4.0)]
        played = play(rude.run(server, devices, 60.5, meanwhile=closes_when_idle))
        assert {int(at // 4) for at in played.good(1)} >= set(range(1, 15))
    assert state["heard"] > 30


@pytest.mark.parametrize("kind", ["modbus_tcp", "modbus_rtu_over_tcp"])
def test_a_connection_that_goes_silent_is_made_again(kind: str) -> None:
    left = {"n": 3}

    def opens() -> bool:
        left["n"] = 3
        return True

    def hears(_unit: int, _pdu: bytes) -> bool:
        left["n"] -= 1
        return left["n"] >= 0

    played = play(rude.run(Rude(kind, opens=opens, hears=hears), [device(1, [0], timeout_s=0.5)], 120.0))
    assert played.worst_gap(1, 0, 120.0) <= 4.0


def test_a_dead_unit_costs_its_neighbours_neither_the_connection_nor_their_cadence() -> None:
    server = Rude("modbus_tcp", answers=lambda u, pdu: None if u == 2 else plain(u, pdu))
    devices = [device(u, [0], timeout_s=0.5) for u in (1, 2, 3)]
    played = play(rude.run(server, devices, 120.5))
    assert len(server.opened) == 1
    for unit in (1, 3):
        assert played.worst_gap(unit, 0, 120.0) <= 2.0
        assert len(played.good(unit)) >= 119


@pytest.mark.parametrize("kind", ["modbus_tcp", "modbus_rtu_over_tcp"])
@pytest.mark.parametrize("ends_s", [0.0, 0.001, 0.02])
def test_a_server_that_hangs_up_after_every_reply(kind: str, ends_s: float) -> None:
    server = Rude(kind, hangs_up=lambda: ends_s)
    played = play(rude.run(server, [device(1, [0, 100], timeout_s=0.5), device(2, [0], timeout_s=0.5)], 20.5))
    assert [len(played.good(u, r)) in (20, 21) for u, r in ((1, 0), (1, 100), (2, 0))] == [True] * 3
    assert played.status["trouble"] == ""


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("code", [5, 6])
def test_busy_and_then_the_value_in_the_same_period(kind: str, code: int) -> None:
    turn = count()
    server = Rude(kind, answers=lambda u, pdu: bytes((pdu[0] | 0x80, code)) if next(turn) % 2 == 0 else plain(u, pdu))
    played = play(rude.run(server, [device(1, [0], timeout_s=0.2)], 20.5))
    assert len(played.good(1)) >= 20


@pytest.mark.parametrize("kind", ALL)
def test_a_hole_is_found_by_splitting_and_each_bad_register_is_named_at_once(kind: str) -> None:
    server = Rude(kind, answers=has({0, 1, 5, 20}))
    played = play(rude.run(server, [device(1, [0, 1, 5, 20, 300], timeout_s=0.2)], 10.5))
    for register in (0, 1, 5, 20):
        assert len(played.good(1, register)) in (10, 11)
    assert played.good(1, 300) == []
    said = played.device(1)
    assert "unit 1 refuses holding 300+1 (r300): illegal data address (exception 2)" in said["last_fault"]
    assert said["notes"] == ["holding 0+6 (r0, r1, r5) is read in pieces: illegal data address (exception 2)"]
    spans = Counter(pdu for at, _, pdu in server.asked if at > server.asked[0][0] + 1)
    assert Question(1, 3, 0, 6).pdu not in spans  # remembered
    assert spans[Question(1, 3, 300, 1).pdu] <= 1


def test_a_unit_that_was_dead_for_17_minutes_is_heard_within_a_minute() -> None:
    dead = [True]

    async def revive(_port: RudePort, _task: BusTask) -> None:
        await asyncio.sleep(1020)
        dead[0] = False

    line = Rude(hears=lambda u, _p: u != 2 or not dead[0])
    devices = [device(1, [0], timeout_s=0.5, period_s=1.0), device(2, [0], timeout_s=0.5, period_s=30.0)]
    played = play(rude.run(line, devices, 1100.0, meanwhile=revive))
    assert played.good(2)[0] - 1020 <= 60
    assert played.worst_gap(1, 0, 1100.0) <= 2.0


def test_a_port_that_is_back_is_tried_at_once() -> None:
    there = [False]

    async def revive(_port: RudePort, _task: BusTask) -> None:
        await asyncio.sleep(40)
        there[0] = True

    server = Rude("modbus_tcp", opens=lambda: there[0])
    devices = [device(1, [0], timeout_s=0.5), device(2, [0], timeout_s=0.5, period_s=30.0)]
    played = play(rude.run(server, devices, 60.0, meanwhile=revive))
    assert played.good(1)[0] - 40 <= 2
    assert played.good(2)[0] - 40 <= 2
    missing = [at for at, _, v in played.heard[1] if v != v]
    assert len(missing) >= 38  # each of its periods was missed, and says so


@pytest.mark.parametrize("kind", ["modbus_rtu", "modbus_ascii", "modbus_rtu_over_tcp"])
@pytest.mark.parametrize("apart_s", [0.0, 0.005])
@pytest.mark.parametrize("address", [0, 0x3FF, 0x400, 0x1234])
@pytest.mark.parametrize("told", ["auto", "yes"])
def test_an_adapter_that_hears_itself(kind: str, apart_s: float, address: int, told: str) -> None:
    line = Rude(
        kind, bend=lambda _u, sent, reply: [(-0.009, sent), (apart_s, reply)] if apart_s else [(0, sent + reply)]
    )
    played = play(rude.run(line, [device(1, [address], timeout_s=0.2)], 10.5, echo=told))
    assert len(played.good(1, address)) in (10, 11)
    dead = Rude(kind, answers=lambda _u, _p: None, bend=lambda _u, sent, _r: [(-0.009, sent)])
    played = play(rude.run(dead, [device(1, [address], timeout_s=0.2)], 10.5, echo=told))
    assert played.good(1, address) == []
    assert set(played.device(1)["faults"]) == {"echo"}


@pytest.mark.parametrize("number", ["sent + 1", "sent - 1", "sent + 2", "sent - 2", "sent - 4", "0", "1"])
def test_a_reply_with_another_transaction_number_has_its_own_words_and_a_setting(number: str) -> None:
    def one_more(_unit: int, _sent: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        first, _, by = number.partition(" ")
        told = int.from_bytes(reply[:2], "big") + int(by.replace(" ", "")) if first == "sent" else int(first)
        return [(0.0, (told & 0xFFFF).to_bytes(2, "big") + reply[2:])]

    devices = [device(1, [0, 100], timeout_s=0.2)]
    played = play(rude.run(Rude("modbus_tcp", bend=one_more), devices, 20.5))
    assert played.device(1)["notes"] == []  # it is not slow
    assert set(played.device(1)["faults"]) == {"wrong_transaction"}
    assert "set transaction_ids: ignore" in played.device(1)["last_fault"]
    played = play(rude.run(Rude("modbus_tcp", bend=one_more), devices, 5.5, transaction_ids="ignore"))
    assert len(played.good(1)) in (5, 6)


@pytest.mark.parametrize("kind", ALL)
def test_another_unit_that_answers_has_its_own_words_and_a_setting(kind: str) -> None:
    framing = rude.FRAMINGS[kind]

    def as_one(_unit: int, sent: bytes, _reply: bytes) -> list[tuple[float, bytes]]:
        (frame,) = framing.explain(sent).frames
        return [(0.0, framing.encode(1, plain(3, frame.pdu), frame.number or 0))]

    info = device(3, [0], timeout_s=0.2)
    played = play(rude.run(Rude(kind, bend=as_one), [info], 5.5))
    assert set(played.device(3)["faults"]) == {"other_unit"}
    assert "unit 3 was asked, unit 1 answered" in played.device(3)["last_fault"]
    told = rude.with_device(info, reply_unit=1)
    assert len(play(rude.run(Rude(kind, bend=as_one), [told], 5.5)).good(3)) in (5, 6)


def test_255_and_0_are_one_device() -> None:
    framing = rude.FRAMINGS["modbus_tcp"]

    def as_zero(_unit: int, sent: bytes, _reply: bytes) -> list[tuple[float, bytes]]:
        (frame,) = framing.explain(sent).frames
        return [(0.0, framing.encode(0, plain(255, frame.pdu), frame.number or 0))]

    info = rude.tcp_device(255, [0], timeout_s=0.2)
    assert len(play(rude.run(Rude("modbus_tcp", bend=as_zero), [info], 5.5)).good(255)) in (5, 6)


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_what_another_master_hears_is_never_stored_and_he_is_told_of(asks: bool, seed: int) -> None:
    """His questions may be heard or not; what is answered to him has the form of ours. Some fall into our window."""
    chance = random.Random(seed)

    async def other(port: RudePort, _task: BusTask) -> None:
        while True:
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            if asks:
                port.say_later(0.0, RTU.encode(1, Question(1, 3, 77, 1).pdu))
            port.say_later(chance.uniform(0.01, 0.06), RTU.encode(1, b"\x03\x02\x27\x0f"))

    line = Rude(delay_s=lambda _u: 0.05)
    played = play(rude.run(line, [device(1, [0], timeout_s=0.3, period_s=1.0)], 120.5, meanwhile=other))
    assert len(played.good(1)) >= 110
    told = played.status["line_faults"]
    assert told.get("foreign_questions" if asks else "unasked_replies", 0) > 50


def test_an_overloaded_bus_is_told_by_how_much() -> None:
    devices = [device(u, [0], timeout_s=0.5) for u in range(1, 21)]
    played = play(rude.run(Rude(delay_s=lambda _u: 0.1), devices, 30.0, baud_rate=115_200))
    assert played.status["utilisation"] == pytest.approx(2.05, abs=0.1)
    assert "overloaded: what is asked of its devices takes 2." in played.status["trouble"]
    assert {d["state"] for d in played.status["devices"]} == {"good"}


def cadence(for_s: float, runs: Callable[[Coroutine[Any, Any, Played]], Played]) -> None:
    """Eight units: one dead, one noisy, one slow, one behind a hole; and the others."""
    chance = random.Random(8)

    def bend(unit: int, _sent: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        if unit != 3:
            return [(0.0, reply)]
        noise = chance.randbytes(chance.randint(1, 3))
        return [(0.0, noise + (reply if chance.random() < 0.7 else reply[:4]))]

    line = Rude(
        answers=lambda u, pdu: None if u == 2 else has({0, 5})(u, pdu) if u == 5 else plain(u, pdu),
        delay_s=lambda u: 0.2 if u == 4 else 0.02,
        bend=bend,
    )
    devices = [device(u, [0, 5], timeout_s=0.3) for u in range(1, 9)]
    played = runs(rude.run(line, devices, for_s))
    for unit in (1, 4, 5, 6, 7, 8):
        for register in (0, 5):
            assert played.worst_gap(unit, register, for_s) <= 2.0, (unit, register)
    assert played.good(2) == []
    assert len(played.good(3)) > for_s / 2


def test_cadence_for_ten_minutes() -> None:
    cadence(600.0, play)


@pytest.mark.slow
@pytest.mark.undisturbed
@pytest.mark.timeout(200)
def test_cadence_for_90_s_of_real_time() -> None:
    cadence(90.0, asyncio.run)
