"""A real uplink to a real receiver through mosquitto, everybody with a certificate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud.identity.watch import IdentityWatch
from cloud.ingest.admission import Admission
from cloud.ingest.ingest import Ingest
from cloud.ingest.mqtt import MqttReceiver
from cloud.ingest.quarantine import Quarantine
from cloud.log.open import open_log
from contract.catalogue.catalogue import Catalogue
from contract.clock import SystemClock
from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from edge_agent.spool.store import open_store
from edge_agent.timesync.gateway_clock import now_of
from edge_agent.uplink.mqtt import GatewayBrokerSettings, MqttUplink
from edge_agent.uplink.session import Session
from host.tls import TlsFiles
from tests.servers import Mosquitto, tls_mosquitto
from tests.waiting import until_async

pytestmark = pytest.mark.servers


@dataclass
class Cloud:
    ingest: Ingest
    receive: MqttReceiver
    watch: IdentityWatch

    def counted(self, name: str) -> int:
        return self.ingest.counters().get(name, 0)


@asynccontextmanager
async def cloud(folder: Path, district: Catalogue, broker: Mosquitto, host: str = "127.0.0.1") -> AsyncIterator[Cloud]:
    assert broker.identities is not None
    files = broker.identities.cloud_tls()
    tls = TlsFiles(Path(files["ca_file"]), Path(files["cert_file"]), Path(files["key_file"]))
    log, kept = open_log(folder), Quarantine(folder / "quarantine.sqlite")
    receiver = Admission(district)
    ingest = Ingest(receiver, log, kept, district.district.id, list(district.gateways))
    receive = MqttReceiver(host, broker.port, ingest, SystemClock(), district.district.id, tls=tls)
    registry = broker.identities.folder / "authority"
    watch = IdentityWatch(registry, 0.5, SystemClock().now_ms, receiver.allow, tls, receive.reconnect)
    watch.start()
    receive.start()
    try:
        yield Cloud(ingest, receive, watch)
    finally:
        watch.stop()
        await asyncio.to_thread(receive.stop)
        kept.close()
        log.close()


class Gateway:
    """The agent's voice without its buses."""

    def __init__(self, folder: Path, district: Catalogue, broker: Mosquitto, gateway: str, identity: str) -> None:
        assert broker.identities is not None
        self._district, self.gateway = district, gateway
        now = now_of(SystemClock())
        self.store = open_store(folder / gateway / "spool.sqlite", gateway, now)
        self.session = Session(district.district.id, gateway, self.store, now)
        files = {n: Path(p) for n, p in broker.identities.gateway_tls(identity).items()}
        settings = GatewayBrokerSettings(host="127.0.0.1", port=broker.port).model_copy(update=files)
        self.uplink = MqttUplink(gateway, self.session, self.store, settings, SystemClock())

    def say(self, owner: str | None = None) -> None:
        channel = self._district.channels_by_gateway[owner or self.gateway][0].id
        now = now_of(SystemClock())
        self.store.add(ReadingBatch.of([now.utc_ms], [channel], [0.25], [1]), Lane.LIVE, {}, now)
        self.uplink.wake()


@asynccontextmanager
async def speaking(*gateways: Gateway) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(g.uplink.run()) for g in gateways]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_batches_are_delivered_and_acknowledged(tmp_path: Path, small_district: Catalogue) -> None:
    with tls_mosquitto(tmp_path / "broker", small_district) as broker:
        gateways = [Gateway(tmp_path, small_district, broker, g, g) for g in small_district.gateways]
        async with cloud(tmp_path / "cloud", small_district, broker) as c, speaking(*gateways):
            for g in gateways:
                for _ in range(20):
                    g.say()
            await until_async(lambda: all(g.session.empty for g in gateways))
            assert c.counted("readings_stored") == 40
            assert not c.ingest.counters().get("refused_no_identity")
            await until_async(lambda: all(link.online for link in c.ingest.links()))


async def test_another_gateways_channel_is_refused_by_the_receiver_too(
    tmp_path: Path, small_district: Catalogue
) -> None:
    with tls_mosquitto(tmp_path / "broker", small_district) as broker:
        g = Gateway(tmp_path, small_district, broker, "gw-1", "gw-1")
        async with cloud(tmp_path / "cloud", small_district, broker) as c, speaking(g):
            g.say(owner="gw-2")
            g.say()
            await until_async(lambda: g.session.empty)
            assert c.counted("refused_foreign_channel") == 1
            assert c.counted("readings_stored") == 1


async def test_an_agent_with_another_gateways_certificate_is_not_heard(
    tmp_path: Path, small_district: Catalogue
) -> None:
    with tls_mosquitto(tmp_path / "broker", small_district) as broker:
        thief = Gateway(tmp_path, small_district, broker, "gw-1", identity="gw-2")
        honest = Gateway(tmp_path, small_district, broker, "gw-2", "gw-2")
        async with cloud(tmp_path / "cloud", small_district, broker) as c:
            async with speaking(thief):
                thief.say()
                # On its way, so the broker gets it before the farewell.
                await until_async(lambda: thief.uplink.status()["in_flight"] > 0)
            async with speaking(honest):
                honest.say()
                await until_async(lambda: honest.session.empty)
            assert c.counted("readings_stored") == 1
            assert not thief.session.empty  # kept in its spool, where it belongs
            assert [link.online for link in c.ingest.links()] == [False, True]


async def test_revocation_ends_a_connection_that_stands(tmp_path: Path, small_district: Catalogue) -> None:
    with tls_mosquitto(tmp_path / "broker", small_district) as broker:
        files = broker.identities
        assert files is not None
        gone = Gateway(tmp_path, small_district, broker, "gw-1", "gw-1")
        kept = Gateway(tmp_path, small_district, broker, "gw-2", "gw-2")
        async with cloud(tmp_path / "cloud", small_district, broker) as c, speaking(gone, kept):
            gone.say()
            kept.say()
            await until_async(lambda: gone.session.empty and kept.session.empty and c.ingest.links()[0].online)
            authority = files.authority(small_district)
            authority.revoke("gw-1")
            assert not authority.notes
            # The promise is a minute. From then on the receiver refuses what the broker may still let through, and what
            # is said stays in the spool.
            await until_async(lambda: not c.ingest.links()[0].online)
            stored = c.counted("readings_stored")
            for _ in range(5):
                gone.say()
                kept.say()
                await until_async(lambda: kept.session.empty)
                await asyncio.sleep(0.2)
            assert not gone.session.empty
            assert c.counted("readings_stored") == stored + 5
            # An engineer brings a new bundle: what was kept in the spool arrives, and the agent was not restarted.
            files.unpack("gw-1", authority.cert_pem, authority.add("gw-1"))
            await until_async(lambda: gone.session.empty)
            # But for what the broker let through before it had read its files again: that is kept aside.
            assert c.counted("readings_stored") + c.counted("refused_no_identity") == stored + 10


async def test_the_receiver_refuses_a_revoked_gateway_when_the_broker_was_not_told(
    tmp_path: Path, small_district: Catalogue
) -> None:
    with tls_mosquitto(tmp_path / "broker", small_district) as broker:
        files = broker.identities
        assert files is not None
        files.pid_file.unlink()
        g = Gateway(tmp_path, small_district, broker, "gw-1", "gw-1")
        async with cloud(tmp_path / "cloud", small_district, broker) as c, speaking(g):
            g.say()
            await until_async(lambda: g.session.empty and c.ingest.links()[0].online)
            authority = files.authority(small_district)
            authority.revoke("gw-1")
            assert "reload it" in authority.notes[0]
            await until_async(lambda: not c.ingest.links()[0].online)  # it has looked and refuses
            g.say()
            await until_async(lambda: c.counted("refused_no_identity") == 1)
            assert c.counted("readings_stored") == 1


async def test_new_keys_of_the_cloud_are_taken_up_without_a_restart(tmp_path: Path, small_district: Catalogue) -> None:
    with tls_mosquitto(tmp_path / "broker", small_district) as broker:
        files = broker.identities
        assert files is not None

        def came() -> int:
            """How often the cloud has connected, by the broker's log."""
            return (broker.folder / "mosquitto.log").read_text().count(" as cloud:")

        g = Gateway(tmp_path, small_district, broker, "gw-1", "gw-1")
        async with cloud(tmp_path / "cloud", small_district, broker) as c, speaking(g):
            g.say()
            await until_async(lambda: g.session.empty)
            assert came() == 1
            files.authority(small_district).write_broker_files(files.conf.parent, fresh=True)
            await until_async(lambda: came() > 1)
            g.say()
            await until_async(lambda: g.session.empty)
            assert c.counted("readings_stored") == 2


@pytest.mark.parametrize("side", ["cloud", "agent"])
async def test_a_broker_that_shows_another_authoritys_certificate_is_not_talked_to(
    tmp_path: Path, small_district: Catalogue, side: str
) -> None:
    with (
        tls_mosquitto(tmp_path / "true", small_district) as true,
        tls_mosquitto(tmp_path / "false", small_district) as false,
    ):
        false.identities = true.identities  # what cloud and agent carry; the process keeps its own
        if side == "cloud":
            async with cloud(tmp_path / "cloud", small_district, false) as c:
                await until_async(lambda: "certificate verify failed" in c.receive.trouble())
        else:
            g = Gateway(tmp_path, small_district, false, "gw-1", "gw-1")
            async with speaking(g):
                await until_async(lambda: "certificate verify failed" in g.uplink.status()["trouble"])
                assert not g.session.connected


async def test_a_broker_with_a_certificate_for_another_name_is_not_talked_to(
    tmp_path: Path, small_district: Catalogue
) -> None:
    with tls_mosquitto(tmp_path / "broker", small_district) as broker:
        async with cloud(tmp_path / "cloud", small_district, broker, host="127.1") as c:
            await until_async(lambda: "Hostname mismatch" in c.receive.trouble())
