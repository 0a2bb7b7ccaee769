"""What a gateway with a good certificate may still try at the broker: other names, wills, what is retained, shares."""

from __future__ import annotations

import socket
import ssl
import warnings

import paho.mqtt.client as mqtt
import pytest

from contract.catalogue.catalogue import Catalogue
from tests.cloud.identity.party import Party, party

__all__ = ["party"]  # the fixture
pytestmark = [pytest.mark.servers, pytest.mark.unhurried]

VERSIONS = (mqtt.MQTTv31, mqtt.MQTTv311, mqtt.MQTTv5)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["gw-2.1", "cloud:1", "observer", "", "gw-2"])
def test_another_clients_id_or_user_name_ends_nobody_and_opens_nothing(party: Party, name: str, version: int) -> None:
    neighbour = party.client("gw-2")
    assert neighbour.up
    party.observer.got.clear()
    thief = party.client("gw-1", client_id=name, username=name or None, version=version)
    for topic in (*party.topics("gw-1"), *party.topics("gw-2")):
        thief.publish(topic, b"by another name")
    assert thief.handed_over()
    neighbour.publish(party.topic("gw-2", "birth"), b"still there")
    assert party.observer.heard(b"still there"), (neighbour.said, party.observer.said, thief.said)
    party.settled()
    thief.close()
    for other in (neighbour, party.observer):
        assert not [s for s in other.said if s.startswith("gone")]
    neighbour.close()
    heard = {t for t, p in party.observer.got if p == b"by another name"}
    assert not heard & set(party.topics("gw-2"))


def test_a_will_is_heard_on_its_own_gateways_topics_alone(party: Party) -> None:
    wills = [
        *(party.topic("gw-2", kind) for kind in ("online", "up/alarm", "ack")),
        party.topic("gw-1", "ack"),
        "$SYS/broker/version",
        party.topic("gw-1", "online"),  # last: when it has come, the others would have
    ]
    party.observer.got.clear()
    for topic in wills:
        client = party.client("gw-1", will=topic)
        assert client.up, client.said
        client.break_off()
    assert party.observer.heard(b"will")
    party.settled()
    assert {t for t, p in party.observer.got if p == b"will"} == {party.topic("gw-1", "online")}


def test_the_will_of_a_revoked_gateway_is_not_heard(party: Party, small_district: Catalogue) -> None:
    assert party.broker.identities is not None
    authority = party.broker.identities.authority(small_district)
    party.put("next", authority.renew("gw-1"))
    party.let_observers_in()
    gone = party.client("next", will=party.topic("gw-1", "online"))
    assert gone.up, gone.said
    gone.publish(party.topic("gw-1", "birth"), b"good until now")
    assert party.observer.heard(b"good until now")
    generation = max(i.generation for i in authority.registry().identities if i.gateway == "gw-1")
    authority.revoke("gw-1", generation)
    party.let_observers_in()
    party.observer.got.clear()
    gone.publish(party.topic("gw-1", "up/live"), b"too late")
    assert gone.handed_over()
    gone.break_off()  # unless the broker has done so before
    party.settled()
    assert not [p for t, p in party.observer.got if t != "mark"]


def test_nothing_is_retained_or_taken_from_a_neighbours_topics(party: Party) -> None:
    neighbour, other = party.client("gw-2"), party.client("gw-1")
    neighbour.publish(party.topic("gw-2", "online"), b"1", retain=True)
    assert party.observer.heard(b"1")
    for topic in (*party.topics("gw-2"), party.topic("gw-1", "ack"), "$SYS/broker/uptime", "anything"):
        other.publish(topic, b"planted", retain=True)
        other.publish(topic, b"", retain=True)  # takes away what is retained
        other.publish(topic, b"planted", retain=True)
    other.publish(party.topic("gw-1", "birth"), b"planted all")
    assert party.observer.heard(b"planted all")
    kept = party.retained()
    assert kept[party.topic("gw-2", "online")] == b"1"
    assert b"planted" not in kept.values()
    neighbour.close()
    other.close()


@pytest.mark.parametrize(
    "subscription",
    ["$share/thief/#", "$share/thief/headwater/1/+/+/up/live", "$SYS/#", "$CONTROL/#", "+/+/+/+/#", "/#"],
)
def test_no_subscription_hears_another_gateway(party: Party, subscription: str) -> None:
    listener = party.client("gw-1", version=mqtt.MQTTv5)
    listener.subscribe(subscription)
    for topic in party.topics("gw-2"):
        party.observer.publish(topic, b"not yours")
    listener.subscribe(party.topic("gw-1", "ack"))
    party.observer.publish(party.topic("gw-1", "ack"), b"yours")
    assert listener.heard(b"yours")
    listener.close()
    assert {p for _, p in listener.got} == {b"yours"}


@pytest.mark.parametrize(
    ("version", "taken"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
def test_tls_is_1_2_or_newer(party: Party, version: ssl.TLSVersion, taken: bool) -> None:
    assert party.broker.identities is not None
    own = party.broker.identities.folder / "gateways" / "gw-1"
    context = ssl.create_default_context(cafile=str(party.folder / "ca.crt"))
    context.set_ciphers("ALL:@SECLEVEL=0")  # so that this side would speak 1.1
    context.load_cert_chain(own / "gateway.crt", own / "gateway.key")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", party.broker.port), 60) as raw:
        if taken:
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
                assert tls.version() == version.name.replace("_", ".")
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(raw, server_hostname="127.0.0.1")
