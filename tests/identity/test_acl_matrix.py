"""Every topic, own and another gateway's, tried with every kind of certificate at a real broker."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud.identity import ca
from cloud.identity.broker_files import GATEWAY_WRITES
from contract.catalogue import Catalogue
from contract.topics import ROOT
from tests.identity.mqtt import Client
from tests.servers import Mosquitto, tls_mosquitto

pytestmark = pytest.mark.servers

OTHER_DISTRICT = "elsewhere"
KINDS = ("up/alarm", "up/live", "up/history", "up/other", "birth", "online", "state", "ack", "command", "anything")
MAY_WRITE = {"up/alarm", "up/live", "up/history", "up/other", "birth", "online", "state"}
BAD = ("expired", "revoked", "foreign authority", "the broker's own", "none", "no TLS")


@dataclass
class Party:
    """A broker, somebody who hears and may say everything, and a folder of certificates."""

    broker: Mosquitto
    observer: Client
    folder: Path
    district: str

    def client(self, name: str) -> Client:
        files = self.broker.identities
        if name == "no TLS":
            return Client(self.broker.port, None)
        authority = self.folder / "ca.crt"
        if name == "none":
            return Client(self.broker.port, authority)
        if name == "valid":
            g = files.folder / "gateways" / "gw-1"
            return Client(self.broker.port, authority, g / "gateway.crt", g / "gateway.key")
        if name == "the broker's own":
            g = files.folder / "authority"
            return Client(self.broker.port, authority, g / "broker.crt", g / "broker.key")
        return Client(self.broker.port, authority, self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def topics(self, gateway: str) -> list[str]:
        return [f"{ROOT}/{self.district}/{gateway}/{kind}" for kind in KINDS]


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory, small_district: Catalogue) -> Iterator[Party]:
    folder = tmp_path_factory.mktemp("party")
    now_ms = time.time_ns() // 1_000_000
    with tls_mosquitto(folder / "broker", small_district) as broker:
        assert broker.identities is not None and broker.process is not None
        authority = broker.identities.authority(small_district)
        kept = broker.identities.folder / "authority"
        own = ca.Pair((kept / "ca.crt").read_bytes(), (kept / "ca.key").read_bytes())
        (folder / "ca.crt").write_bytes(own.cert_pem)
        stranger = ca.make_authority(small_district.district.id, now_ms, 10)
        client = ca.Purpose.CLIENT
        put(folder, "revoked", authority.renew("gw-1"))
        authority.revoke("gw-1", 2)
        put(folder, "expired", ca.issue(own, "gw-1.1", now_ms - 10 * 86_400_000, 9, client))
        put(folder, "foreign authority", ca.issue(stranger, "gw-1.1", now_ms, 9, client))
        put(folder, "observer", ca.issue(own, "observer", now_ms, 9, client))
        acl = broker.identities.folder / "broker" / "acl"
        acl.write_text(acl.read_text() + "\nuser observer\ntopic readwrite #\ntopic readwrite $SYS/#\n")
        os.kill(broker.process.pid, signal.SIGHUP)
        observer = Client(broker.port, folder / "ca.crt", folder / "observer.crt", folder / "observer.key")
        assert observer.up, observer.said
        observer.subscribe("#")
        yield Party(broker, observer, folder, small_district.district.id)
        observer.close()


def put(folder: Path, name: str, pair: ca.Pair) -> None:
    (folder / f"{name}.crt").write_bytes(pair.cert_pem)
    (folder / f"{name}.key").write_bytes(pair.key_pem)


def test_a_valid_certificate_writes_its_own_gateways_topics_and_no_other(party: Party) -> None:
    party.observer.got.clear()
    client = party.client("valid")
    assert client.up, client.said
    for topic in (*party.topics("gw-1"), *party.topics("gw-2"), *party.topics("gw-unknown")):
        client.publish(topic)
    client.publish(f"{ROOT}/{OTHER_DISTRICT}/gw-1/up/live")
    client.publish("elsewhere/gw-1")
    client.publish(f"{ROOT}/{party.district}/gw-1/up/live/deeper")
    client.publish(f"{ROOT}/{party.district}/gw-1/up/live", b"the last")
    assert party.observer.heard(b"the last")
    client.close()
    arrived = sorted(t for t, p in party.observer.got if p == b"x")
    assert arrived == sorted(f"{ROOT}/{party.district}/gw-1/{kind}" for kind in MAY_WRITE)
    assert len(GATEWAY_WRITES) == 4


def test_a_valid_certificate_hears_its_own_acknowledgements_and_nothing_else(party: Party) -> None:
    client = party.client("valid")
    client.subscribe("#", "$SYS/#", f"{ROOT}/+/+/ack", f"{ROOT}/{party.district}/gw-2/#")
    for topic in (*party.topics("gw-1"), *party.topics("gw-2"), f"{ROOT}/{OTHER_DISTRICT}/gw-1/ack", "elsewhere"):
        party.observer.publish(topic, b"to all")
    own = f"{ROOT}/{party.district}/gw-1/ack"
    party.observer.publish(own, b"the last")
    assert client.heard(b"the last")
    client.close()
    assert {t for t, _ in client.got} == {own}
    assert (own, b"to all") in client.got


@pytest.mark.parametrize("name", BAD)
def test_without_a_good_certificate_nothing_is_said_and_nothing_heard(party: Party, name: str) -> None:
    party.observer.got.clear()
    client = party.client(name)
    client.subscribe("#") if client.up else None
    for topic in (*party.topics("gw-1"), *party.topics("gw-2")):
        client.publish(topic, b"forged")
        party.observer.publish(topic, b"overheard")
    party.observer.publish("end", b"the end")
    assert party.observer.heard(b"the end")
    assert not client.up, f"the broker took {name}"
    client.close()
    assert not client.got
    assert b"forged" not in {p for _, p in party.observer.got}


def test_naming_the_clouds_client_id_takes_nothing_from_the_cloud(party: Party) -> None:
    """Every client here says it is `headwater-cloud-small`: the broker goes by the certificate."""
    other = party.client("valid")
    assert other.up
    party.observer.got.clear()
    party.observer.publish("still", b"still here")
    assert party.observer.heard(b"still here")
    assert not [s for s in party.observer.said if s.startswith("gone")]
    other.close()


def test_the_clouds_certificate_reads_gateways_and_writes_acknowledgements_only(party: Party) -> None:
    party.observer.got.clear()
    own = party.broker.identities.folder / "authority"
    client = Client(party.broker.port, party.folder / "ca.crt", own / "cloud.crt", own / "cloud.key")
    client.subscribe("#")
    for topic in (*party.topics("gw-1"), *party.topics("gw-2")):
        client.publish(topic, b"from the cloud")
        party.observer.publish(topic, b"from below")
    party.observer.publish(f"{ROOT}/{party.district}/gw-2/birth", b"the last")
    client.publish(f"{ROOT}/{party.district}/gw-2/ack", b"the last of the cloud")
    assert client.heard(b"the last")
    assert party.observer.heard(b"the last of the cloud")
    client.close()
    written = {t for t, p in party.observer.got if p == b"from the cloud"}
    read = {t for t, p in client.got if p == b"from below"}
    assert written == {f"{ROOT}/{party.district}/{g}/ack" for g in ("gw-1", "gw-2")}
    assert read == {f"{ROOT}/{party.district}/{g}/{k}" for g in ("gw-1", "gw-2") for k in MAY_WRITE}
