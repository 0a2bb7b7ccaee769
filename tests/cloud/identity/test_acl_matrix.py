"""Every topic, own and another gateway's, tried with every kind of certificate at a real broker."""

from __future__ import annotations

import pytest

from cloud.identity.broker_files import GATEWAY_WRITES
from contract.wire.topics import ROOT
from simulators.processes.mqtt_client import Client
from tests.cloud.identity.party import MAY_WRITE, Party, party

__all__ = ["party"]  # the fixture
pytestmark = [pytest.mark.servers, pytest.mark.unhurried]

OTHER_DISTRICT = "elsewhere"
BAD = ("expired", "revoked", "foreign authority", "the broker's own", "none", "no TLS")


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
    assert set(GATEWAY_WRITES) == MAY_WRITE


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
