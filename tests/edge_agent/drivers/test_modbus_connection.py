"""What is learnt of a server's connections; and servers, in played time, that it is learnt of."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from edge_agent.acquisition.bus import BusTask
from edge_agent.drivers.modbus_connection import ConnectionWays
from firmware_bridge.modbus_frames import Question
from tests.edge_agent.drivers import rude
from tests.edge_agent.drivers.rtu import device
from tests.edge_agent.drivers.rude import Rude, RudePort
from tests.played import play

ASKED, DEAD = Question(1, 3, 0, 1), Question(9, 3, 0, 1)
TCP = ("modbus_tcp", "modbus_rtu_over_tcp")


def connected(ways: ConnectionWays, at_s: float, replies: int) -> None:
    """A new connection on which unit 1 answered so often."""
    ways.opened(at_s)
    for _ in range(replies):
        ways.reply(ASKED, 0.0, 1.0)


def test_a_server_that_hangs_up_after_as_many_replies_twice_is_not_asked_once_more() -> None:
    ways = ConnectionWays(None)
    for time in (1.0, 2.0):
        connected(ways, time, 2)
        assert not ways.is_spent(time)
        ways.hung_up(time)
    connected(ways, 3.0, 1)
    assert not ways.is_spent(3.0)
    ways.reply(ASKED, 0.0, 1.0)
    assert ways.is_spent(3.0)
    assert not ways.is_spent(603.0)


def test_a_pause_is_learnt_unless_it_is_set_or_the_connection_ends_in_it() -> None:
    learns, told = ConnectionWays(None), ConnectionWays(0.5)
    for ways in (learns, told):
        ways.opened(0.0)
        ways.missed(ASKED, None, 1.0)
        ways.reply(ASKED, 1.25, 0.2)
    assert (learns.pause_s, told.pause_s) == (1.25, 0.5)
    assert (learns.ended_in_the_pause(), told.ended_in_the_pause()) == (True, False)
    learns.opened(2.0)
    learns.missed(ASKED, None, 3.0)
    learns.reply(ASKED, 1.25, 0.2)
    assert (learns.pause_s, told.pause_s) == (0.0, 0.5)


def test_a_connection_that_nobody_asked_sooner_swallowed_nothing() -> None:
    ways = ConnectionWays(None)
    ways.opened(0.0)
    ways.missed(DEAD, None, 1.0)  # a dead unit
    ways.reply(ASKED, 1.25, 0.2)
    assert ways.pause_s == 0.0


def test_a_pause_that_does_not_help_is_none() -> None:
    ways = ConnectionWays(None)
    found = []
    for n in range(3):
        ways.opened(10.0 * n)
        ways.missed(ASKED, None, 10.0 * n + 0.5)
        ways.reply(ASKED, ways.pause_s + 0.5, 0.5)
        found.append(ways.pause_s)
    assert found == [0.5, 1.0, 0.0]  # the unit sleeps


def test_silence_ends_a_connection_sooner_where_a_new_one_was_served() -> None:
    ways = ConnectionWays(None)
    connected(ways, 0.0, 7)
    assert [fell_silent(ways, 1.0), fell_silent(ways, 2.0)] == [False, True]
    ways.given_up()
    connected(ways, 2.0, 4)
    assert fell_silent(ways, 3.0)
    ways.given_up()
    connected(ways, 3.0, 4)
    assert ways.is_spent(3.0) is False  # after seven, and after four
    fell_silent(ways, 4.0)
    ways.given_up()
    connected(ways, 4.0, 4)
    assert ways.is_spent(4.0)


def fell_silent(ways: ConnectionWays, at_s: float, slow_s: float | None = None) -> bool:
    ways.missed(ASKED, slow_s, at_s)
    return ways.has_died(at_s)


def test_a_new_connection_that_is_no_better_is_not_made_again_so_soon() -> None:
    ways = ConnectionWays(None)
    connected(ways, 0.0, 1)
    needed = []
    for n in range(3):
        before = [fell_silent(ways, 10.0 * n + i) for i in range(9)]
        needed.append(before.index(True) + 1)
        ways.given_up()
        ways.opened(10.0 * n + 9)
        ways.missed(ASKED, None, 10.0 * n + 9)  # it sleeps: two more questions wake it
        ways.reply(ASKED, 0.5, 5.0)
    assert needed == [2, 4, 8]


def test_a_unit_that_is_slow_is_waited_for_and_a_late_reply_shows_that_the_connection_lives() -> None:
    ways = ConnectionWays(None)
    connected(ways, 0.0, 3)
    assert not any(fell_silent(ways, at_s, 1.5) for at_s in (1.0, 1.3, 1.6, 1.9))
    assert ways.has_died(4.2)
    ways.late()
    assert not ways.has_died(4.2)


def test_a_question_that_is_never_answered_tells_nothing_of_connections() -> None:
    ways, never = ConnectionWays(None), Question(1, 1, 3, 1)
    for n in range(4):
        ways.opened(10.0 * n)
        ways.missed(never, None, 10.0 * n + 0.5)
        ways.reply(ASKED, 0.5, 0.2)
        ways.missed(never, None, 10.0 * n + 5)
        ways.missed(never, None, 10.0 * n + 6)
        ways.given_up()
    ways.opened(50.0)
    ways.reply(ASKED, 0.0, 0.2)
    assert (ways.pause_s, ways.is_spent(50.0)) == (0.0, False)
    ways.missed(ASKED, None, 51.0)
    assert not ways.has_died(51.0)


@pytest.mark.parametrize("kind", TCP)
@pytest.mark.parametrize("dead", [(), (3,)])
@pytest.mark.parametrize("replies", [2, 3, 5, 7, 12])
def test_a_connection_that_goes_silent_is_made_again_in_time(kind: str, dead: tuple[int, ...], replies: int) -> None:
    left = [0]

    def opens() -> bool:
        left[0] = replies
        return True

    def hears(unit: int, _pdu: bytes) -> bool:
        left[0] -= unit not in dead
        return unit not in dead and left[0] >= 0

    devices = [device(u, [0], timeout_s=0.5) for u in (1, 2, *dead)]
    found = play(rude.run(Rude(kind, opens=opens, hears=hears), devices, 120.5))
    for unit in (1, 2):
        assert found.worst_gap(unit, 0, 120.5) <= 3.1  # the first time
        assert len(found.good(unit)) >= 118
        assert len([at for at in found.good(unit) if at > 30.0]) >= 90  # then it is known


@pytest.mark.parametrize("kind", TCP)
@pytest.mark.parametrize("units", [(1,), (1, 2, 3, 4)])
def test_a_first_connection_that_never_says_a_word_is_made_again_in_seconds(kind: str, units: tuple[int, ...]) -> None:
    opened = [0]

    def opens() -> bool:
        opened[0] += 1
        return True

    server = Rude(kind, opens=opens, hears=lambda _u, _p: opened[0] > 1)
    found = play(rude.run(server, [device(u, [0], timeout_s=0.5) for u in units], 20.5))
    assert max(found.good(u)[0] for u in units) <= 5.0
    assert opened == [2]


@pytest.mark.parametrize("kind", TCP)
@pytest.mark.parametrize("seed", range(3))
def test_a_connection_that_goes_silent_after_any_number_of_replies(kind: str, seed: int) -> None:
    chance, left = random.Random(seed), [0]

    def opens() -> bool:
        left[0] = chance.randint(1, 12)
        return True

    def hears(_unit: int, _pdu: bytes) -> bool:
        left[0] -= 1
        return left[0] >= 0

    devices = [device(u, [0], timeout_s=0.3) for u in (1, 2)]
    found = play(rude.run(Rude(kind, opens=opens, hears=hears), devices, 120.5))
    for unit in (1, 2):
        assert len(found.good(unit)) >= 110
        known = [at for at in found.good(unit) if at > 30.0]  # it had ended in silence before
        assert max(b - a for a, b in pairwise(known)) <= 2.0


@pytest.mark.parametrize("kind", TCP)
@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_server_that_hangs_up_while_the_next_question_is_on_its_way(kind: str, most: int) -> None:
    replies = [0]

    def opens() -> bool:
        replies[0] = 0
        return True

    def hangs_up() -> float | None:
        replies[0] += 1
        return 0.02 if replies[0] == most else None

    server = Rude(kind, opens=opens, hangs_up=hangs_up, hears=lambda _u, _p: replies[0] < most)
    devices = [device(1, [0, 100, 200], timeout_s=0.5), device(2, [0], timeout_s=0.5)]
    found = play(rude.run(server, devices, 120.5))
    for unit, register in ((1, 0), (1, 100), (1, 200), (2, 0)):
        assert found.worst_gap(unit, register, 120.0) <= 5.0
        assert len([at for at in found.good(unit, register) if at > 30.0]) >= 89
    assert "unanswered" not in found.device(1)["faults"]


def test_a_connection_that_swallows_for_longer_than_it_stays_open_unasked() -> None:
    server = Rude("modbus_tcp", hears=lambda _u, _p: asyncio.get_running_loop().time() - server.opened[-1] >= 1.5)

    async def closes_when_idle(port: RudePort, _task: BusTask) -> None:
        while True:
            await asyncio.sleep(0.1)
            last_s = max([at for at, _, _ in server.asked] + server.opened, default=0.0)
            if port.is_open and asyncio.get_running_loop().time() - last_s >= 1.0:
                port.end()

    devices = [device(1, [0], timeout_s=0.5, period_s=4.0)]
    found = play(rude.run(server, devices, 60.5, meanwhile=closes_when_idle))
    assert {int(at // 4) for at in found.good(1)} >= set(range(1, 15))
