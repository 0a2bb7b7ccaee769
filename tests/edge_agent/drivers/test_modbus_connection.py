"""What is learnt of a server's connections; and servers, in played time, that it is learnt of."""

from __future__ import annotations

import asyncio

import pytest

from edge_agent.acquisition.bus import BusTask
from edge_agent.drivers.modbus_connection import ConnectionWays
from tests.edge_agent.drivers import rude
from tests.edge_agent.drivers.rtu import device
from tests.edge_agent.drivers.rude import Rude, RudePort
from tests.played import play


def test_a_server_that_hangs_up_after_as_many_replies_twice_is_not_asked_once_more() -> None:
    ways = ConnectionWays(None)
    for time in (1.0, 2.0):
        ways.opened()
        ways.reply(0.0, 1.0)
        ways.reply(0.0, 1.0)
        assert not ways.is_spent(time)
        ways.hung_up(time)
    ways.opened()
    ways.reply(0.0, 1.0)
    assert not ways.is_spent(3.0)
    ways.reply(0.0, 1.0)
    assert ways.is_spent(3.0)
    assert not ways.is_spent(603.0)


def test_a_pause_is_learnt_unless_it_is_set_or_the_connection_ends_in_it() -> None:
    learns, told = ConnectionWays(None), ConnectionWays(0.5)
    for ways in (learns, told):
        ways.opened()
        ways.reply(1.25, 0.2)
    assert (learns.pause_s, told.pause_s) == (1.25, 0.5)
    assert (learns.ended_in_the_pause(), told.ended_in_the_pause()) == (True, False)
    learns.opened()
    learns.reply(1.25, 0.2)
    assert (learns.pause_s, told.pause_s) == (0.0, 0.5)


@pytest.mark.parametrize("kind", ["modbus_tcp", "modbus_rtu_over_tcp"])
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
