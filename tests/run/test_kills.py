"""kill -9 of everything in turn, with mosquitto between: the audit must not see it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from edge_agent.status import read_status
from simulators.audit.run_folder import audit
from simulators.cli.main import DISTRICT
from simulators.demo.district import District, Scene, views_behind
from simulators.faults.run import given_and_replayed
from simulators.storms.storms import parse_storm
from tests.servers import mosquitto

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]


async def caught_up(district: District) -> None:
    async with httpx.AsyncClient(base_url=district.http) as client:
        for _ in range(80):
            if await views_behind(client) == 0:
                return
            await asyncio.sleep(0.25)
    raise AssertionError("the views do not catch up")


async def test_agent_broker_and_cloud_killed_in_a_storm(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        scene = Scene(DISTRICT, tmp_path / "out", parse_storm("zhengzhou-2021"), 60.0, 3, 0, ("127.0.0.1", broker.port))
        district = District(scene)
        try:
            await district.start()
            await asyncio.sleep(15)
            for gateway in ("gw-north", "gw-radio"):
                district.gateways[gateway].kill()
            await asyncio.sleep(3)
            for gateway in ("gw-north", "gw-radio"):
                district.gateways[gateway].start()
            await asyncio.sleep(10)
            broker.kill()
            await asyncio.sleep(8)
            broker.start()
            await asyncio.sleep(12)
            district.cloud.kill()
            await asyncio.sleep(5)
            district.cloud.start()
            await asyncio.to_thread(district.cloud.first_line)
            await asyncio.sleep(20)
            district.check()
            await district.stop_edges()
            await caught_up(district)
            await asyncio.to_thread(district.cloud.stop)
            found = audit(scene.out)
            live, replayed = given_and_replayed(scene.out)
        finally:
            await district.stop()
    assert live == replayed
    assert len(live) > 3
    assert found.good, found.as_json()
    assert (found.lost, found.doubled, found.altered) == (0, 0, 0)
    assert found.stored > 300


async def test_an_agent_reads_and_spools_before_any_broker_is_there(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        broker.kill()
        scene = Scene(DISTRICT, tmp_path / "out", parse_storm("zhengzhou-2021"), 60.0, 3, 0, ("127.0.0.1", broker.port))
        district = District(scene)
        try:
            await district.start()
            await asyncio.sleep(12)
            from edge_agent.spool.file import read_totals

            counts = read_totals(scene.out / "edge" / "gw-north" / "spool.sqlite")
            assert sum(c["reported"] for c in counts.values()) > 20
            broker.start()
            await all_linked(scene.out)
            await asyncio.sleep(5)
            await district.stop_edges()
            await caught_up(district)
            await asyncio.to_thread(district.cloud.stop)
            found = audit(scene.out)
        finally:
            await district.stop()
    assert found.good, found.as_json()


async def all_linked(out: Path) -> None:
    """Until every gateway is at the broker: after twelve seconds without one, each rests a while between two tries."""
    async with asyncio.timeout(90):
        while not all(read_status(p)["uplink"]["connected"] for p in out.glob("edge/*/status.json")):
            await asyncio.sleep(0.5)
