"""Messages published to a broker: amqtt here, mosquitto where there is one."""

from __future__ import annotations

import base64
import json
import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from standardwebhooks.webhooks import Webhook

from cloud.delivery.base import NotDelivered, body_of
from cloud.delivery.heartbeat import heartbeat
from cloud.delivery.notice import beat_of
from cloud.delivery.settings import EgressSettings
from cloud.delivery.sinks.mqtt import MqttSinkSettings
from cloud.ingest.embedded_broker import EmbeddedBroker
from tests.cloud.delivery.peers import peer, self_signed
from tests.cloud.delivery.people_texts import MESSAGE
from tests.servers import mosquitto

RULES = EgressSettings(allow_networks=("127.0.0.1/32",), allow_http=("127.0.0.1",)).rules()
KEY = "whsec_" + base64.b64encode(bytes(range(24))).decode()


@pytest.fixture(scope="module")
def broker() -> Iterator[int]:
    found = EmbeddedBroker()
    found.start()
    yield found.port
    found.stop()


@contextmanager
def subscribed(port: int, topic: str, protocol: int = mqtt.MQTTv311) -> Iterator[queue.Queue]:
    """What comes in: messages of paho's."""
    found: queue.Queue = queue.Queue()
    ready = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=protocol)
    client.on_message = lambda _c, _u, m: found.put(m)
    client.on_connect = lambda c, *_: c.subscribe(topic, 1)
    client.on_subscribe = lambda *_: ready.put(True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    ready.get(timeout=30)
    try:
        yield found
    finally:
        client.disconnect()
        client.loop_stop()


def settings(port: int, **more: object) -> MqttSinkSettings:
    broker = {"host": "127.0.0.1", "port": port, **more.pop("broker", {})}
    return MqttSinkSettings.model_validate({"kind": "mqtt", "name": "bus", "broker": broker, **more})


def test_a_message_and_a_heartbeat_go_to_topics_of_their_own(broker: int, tmp_path: Path) -> None:
    found = settings(broker, topic="city/floods")
    assert found.mistakes(tmp_path, RULES) == []
    sink = found.make(tmp_path, RULES)
    with subscribed(broker, "city/floods/#") as came:
        assert sink.deliver(MESSAGE) == "the broker has it"
        assert sink.notify(beat_of("bus", heartbeat(120_000, 119_000)))
        first, second = came.get(timeout=30), came.get(timeout=30)
    assert (first.topic, json.loads(first.payload)) == ("city/floods/warning", body_of(MESSAGE))
    beat = json.loads(second.payload)
    assert (second.topic, beat["number"], beat["warnings_as_of"]) == (
        "city/floods/heartbeat",
        2,
        "1970-01-01T00:01:59Z",
    )


@pytest.mark.servers
def test_mosquitto_gets_what_is_signed_and_keeps_the_newest(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    with mosquitto(tmp_path) as server:
        sink = settings(server.port, secret_files=["key"], retain=True, languages=["en"]).make(tmp_path, RULES)
        assert sink.deliver(MESSAGE)
        with subscribed(server.port, "headwater/#", mqtt.MQTTv5) as came:
            got = came.get(timeout=30)
    headers = dict(got.properties.UserProperty)
    said = Webhook(KEY).verify(got.payload, headers)
    assert (got.retain, headers["webhook-id"], said["id"]) == (True, "m1", "m1")
    assert "水深" not in said["cap"]


@pytest.mark.servers
def test_over_tls_the_certificate_must_be_good_for_the_brokers_name(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, "localhost")
    extra = f"cafile {cert}\ncertfile {cert}\nkeyfile {key}\n"
    with mosquitto(tmp_path, extra) as server:
        good = settings(server.port, broker={"host": "localhost", "ca_file": "cert.pem"})
        assert good.mistakes(tmp_path, RULES) == []
        assert good.make(tmp_path, RULES).deliver(MESSAGE) == "the broker has it"
        with pytest.raises(NotDelivered, match="certificate"):
            settings(server.port, broker={"ca_file": "cert.pem"}).make(tmp_path, RULES).deliver(MESSAGE)


def test_a_broker_that_says_nothing_holds_up_nobody(tmp_path: Path) -> None:
    def wait(connection: socket.socket) -> None:
        while connection.recv(1024):
            pass

    with peer(wait) as port, pytest.raises(NotDelivered, match=r"no answer within 0.5 s") as caught:
        settings(port, timeout_s=0.5).make(tmp_path, RULES).deliver(MESSAGE)
    assert not caught.value.perhaps


def test_a_broker_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotDelivered, match="refused"):
        settings(1).make(tmp_path, RULES).deliver(MESSAGE)


def test_what_is_not_open_is_not_called(tmp_path: Path) -> None:
    closed = EgressSettings().rules()
    said = dict(settings(1883).mistakes(tmp_path, closed))
    assert "without TLS is refused" in said["broker"]
    with pytest.raises(NotDelivered, match="without TLS is refused"):
        settings(1883).make(tmp_path, closed).deliver(MESSAGE)
