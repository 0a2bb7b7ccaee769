"""kill -9 of everything in turn, with mosquitto between: the audit must not see it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from edge_agent.spool.file import read_totals
from simulators.audit.run_folder import audit
from simulators.cli.main import DISTRICT
from simulators.demo.district import District, Scene
from simulators.faults.outcome import given_and_replayed
from simulators.storms.storms import parse_storm
from tests.run.settling import caught_up, played, settled
from tests.servers import mosquitto
from tests.waiting import until_async

pytestmark = [pytest.mark.servers, pytest.mark.timeout(500)]


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
            await played(district, 80)
            await settled(district)
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
            await asyncio.sleep(12)  # long enough for each to rest a while between two tries
            spool = scene.out / "edge" / "gw-north" / "spool.sqlite"
            await until_async(lambda: reported(spool) > 20)
            broker.start()
            await settled(district)
            await district.stop_edges()
            await caught_up(district)
            await asyncio.to_thread(district.cloud.stop)
            found = audit(scene.out)
        finally:
            await district.stop()
    assert found.good, found.as_json()


def reported(spool: Path) -> int:
    """Readings that the gateway of this spool has reported to it; 0 while there is none."""
    with suppress(sqlite3.Error):
        return sum(c["reported"] for c in read_totals(spool).values())
    return 0
