"""The whole district over mutual TLS, a gateway revoked in the storm and let in again: the audit must not see it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from host.district_folder import load
from simulators.audit.run_folder import audit
from simulators.cli.main import DISTRICT
from simulators.demo.district import District, Scene, views_behind
from simulators.storms.storms import parse_storm
from tests.servers import tls_mosquitto

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]


async def test_a_gateway_is_revoked_and_let_in_again(tmp_path: Path) -> None:
    catalogue = load(DISTRICT)
    with tls_mosquitto(tmp_path / "broker", catalogue) as broker:
        files = broker.identities
        assert files is not None
        address = ("127.0.0.1", broker.port)
        scene = Scene(
            DISTRICT, tmp_path / "out", parse_storm("zhengzhou-2021"), 60.0, 3, 0, address, identities=files.folder
        )
        district = District(scene)
        try:
            await district.start()
            await asyncio.sleep(12)
            authority = files.authority(catalogue)
            authority.revoke("gw-north")
            await asyncio.sleep(8)
            status = json.loads((scene.out / "edge" / "gw-north" / "status.json").read_text())
            files.unpack("gw-north", authority.cert_pem, authority.add("gw-north"))
            await asyncio.sleep(20)
            district.check()
            await district.stop_edges()
            async with httpx.AsyncClient(base_url=district.http) as client:
                for _ in range(80):
                    if await views_behind(client) == 0:
                        break
                    await asyncio.sleep(0.25)
            await asyncio.to_thread(district.cloud.stop)
            found = audit(scene.out)
        finally:
            await district.stop()
    assert sum(status["uplink"]["waiting"].values()) > 0  # it kept what nobody would take
    assert found.good, found.as_json()
    assert (found.lost, found.doubled, found.altered) == (0, 0, 0)
    assert found.stored > 200
