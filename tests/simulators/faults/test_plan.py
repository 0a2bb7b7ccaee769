"""The hand that breaks things: its plan is a seed's, and its link fails as it says."""

from __future__ import annotations

import asyncio

import pytest

from simulators.faults.plan import CENTRE, CLOCKS, CLOUD_STEPS, PROCESSES, FaultKind, plan
from simulators.faults.proxy import Link

GATEWAYS = ["gw-a", "gw-b"]


def test_a_seed_gives_one_plan():
    assert plan(7, GATEWAYS, 10.0) == plan(7, list(reversed(GATEWAYS)), 10.0)
    assert plan(7, GATEWAYS, 10.0) != plan(8, GATEWAYS, 10.0)


OF_CLOCKS = {*PROCESSES, *CLOCKS, *CLOUD_STEPS}
OF_THE_CENTRE = {*PROCESSES, *CENTRE, FaultKind.RULES_RAISED}


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [({}, set(PROCESSES)), ({"clocks": True}, OF_CLOCKS), ({"centre": True}, OF_THE_CENTRE)],
)
def test_every_kind_of_fault_comes_up_and_none_outlives_the_span(asked, kinds):
    blows = [b for seed in range(100) for b in plan(seed, GATEWAYS, 10.0, **asked)]
    assert {b.kind for b in blows} == kinds
    assert all(0 <= b.at_s <= (14 if b.kind is FaultKind.RULES_RAISED else 10) for b in blows)
    assert all((b.gateway in GATEWAYS) == (b.kind in (FaultKind.AGENT_KILLED, *CLOCKS)) for b in blows)


def test_the_rules_are_changed_while_nothing_else_befalls_the_cloud():
    for seed in range(100):
        blows = plan(seed, GATEWAYS, 10.0, centre=True)
        (change,) = [b for b in blows if b.kind is FaultKind.RULES_RAISED]
        assert all(b.at_s + b.for_s < change.at_s for b in blows if b.kind is FaultKind.CLOUD_KILLED)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


@pytest.fixture
async def link():
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    found = Link(("127.0.0.1", server.sockets[0].getsockname()[1]))
    await found.start()
    yield found
    await found.stop()
    server.close()


async def _said(link: Link) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    writer.write(b"water")
    assert await reader.readexactly(5) == b"water"
    return reader, writer


async def test_a_cut_link_takes_nobody_until_it_is_mended(link):
    reader, _ = await _said(link)
    link.cut()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await _said(link)
    link.mend()
    await _said(link)


async def test_a_half_open_link_swallows_and_tells_nobody(link):
    reader, writer = await _said(link)
    link.half_open()
    writer.write(b"lost")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.3)
    await _said(link)
