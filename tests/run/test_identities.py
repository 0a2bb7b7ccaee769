"""The whole district over mutual TLS, a gateway revoked in the storm and let in again: the audit must not see it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from host.district_folder import load
from simulators.audit.run_folder import audit
from simulators.cli.main import DISTRICT
from simulators.demo.district import District, Scene
from simulators.storms.storms import parse_storm
from tests.run.settling import caught_up, played, settled, uplink
from tests.servers import tls_mosquitto
from tests.waiting import until_async

pytestmark = [pytest.mark.servers, pytest.mark.timeout(500)]


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
            await settled(district)
            authority = files.authority(catalogue)
            authority.revoke("gw-north")
            # It keeps what nobody takes.
            await until_async(lambda: sum(uplink(district, "gw-north").get("waiting", {}).values()) > 2)
            files.unpack("gw-north", authority.cert_pem, authority.add("gw-north"))
            await played(district, 50)
            await settled(district)
            district.check()
            await district.stop_edges()
            await caught_up(district)
            await asyncio.to_thread(district.cloud.stop)
            found = audit(scene.out)
        finally:
            await district.stop()
    assert found.good, found.as_json()
    assert (found.lost, found.doubled, found.altered) == (0, 0, 0)
    assert found.stored > 200
