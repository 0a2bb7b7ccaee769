"""MQTT: each message is published to a topic of a broker, once the broker acknowledges it delivered."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import Field, StringConstraints

from cloud.delivery import connecting, outgoing
from cloud.delivery.base import NotDelivered, Sink, SinkSettings, body_of
from cloud.delivery.egress import Egress, TargetRefused
from cloud.delivery.notice import Notice
from cloud.delivery.signing import Keys, key_trouble
from cloud.warnings.model import Message
from contract.settings_model import Seconds
from host.broker_settings import BrokerSettings
from host.tls import TlsFiles

Topic = Annotated[str, StringConstraints(pattern=r"^[^#+\x00-\x1f]{1,200}$")]
Signed = Mapping[bytes | str, bytes | str]
_TURN_S = 0.2


class MqttSinkSettings(SinkSettings):
    """broker: where, and how we show ourselves; without ca_file nothing is encrypted, which goes only to hosts in
    egress.allow_http. topic: what is published goes to `<topic>/warning`, `<topic>/heartbeat` and so on, by `type`.
    secret_files: keys to sign with, as a webhook's; then MQTT 5 is spoken and the signature stands in user properties.
    retain: the broker gives the newest of each topic to who comes later. timeout_s: of a whole attempt.
    """

    kind: Literal["mqtt"]
    broker: BrokerSettings
    topic: Topic = "headwater"
    secret_files: tuple[Path, ...] = ()
    retain: bool = False
    timeout_s: Seconds = 10.0
    parallel: Annotated[int, Field(ge=1, le=1)] = 1  # a second connection of the same name would end the first

    def make(self, base: Path, egress: Egress) -> Sink:
        """See `SinkSettings`."""
        keys = Keys.read([base / path for path in self.secret_files]) if self.secret_files else None
        return MqttSink(self, self.broker.under(base), keys, egress)

    def mistakes(self, base: Path, egress: Egress) -> list[tuple[str, str]]:
        """See `SinkSettings`."""
        broker = self.broker.under(base)
        tls = broker.tls()
        said = [connecting.target_trouble(broker.host, tls is not None, egress), broker.password_trouble()]
        said += list((tls.absent("put it there") if tls is not None else {}).values())
        out = [("broker", f"sink {self.name!r}: {what}") for what in said if what is not None]
        return out + [("secret_files", bad) for f in self.secret_files if (bad := key_trouble(base / f)) is not None]

    def unreachable(self, egress: Egress, resolver: outgoing.Resolver) -> str | None:
        """See `SinkSettings`."""
        said = connecting.unreachable(self.broker.host, self.broker.port, egress, resolver)
        return None if said is None else f"sink {self.name!r}: {said}"


class MqttSink:
    """MQTT 3.1.1, or 5 where it signs; QoS 1; one connection a message, so that where it goes is judged each time.

    A broker's acknowledgement is not durability: who must not miss a message has a session that lasts, a broker that
    keeps its queues on disk, and looks at the references of each message.
    """

    def __init__(
        self,
        settings: MqttSinkSettings,
        broker: BrokerSettings,
        keys: Keys | None,
        rules: Egress,
        resolver: outgoing.Resolver = outgoing.resolve,
    ) -> None:
        self.name = settings.name
        self._settings, self._broker, self._keys = settings, broker, keys
        self._rules, self._resolver = rules, resolver
        self._credentials = broker.credentials()
        tls = broker.tls()
        self._context = None if tls is None else _context(tls, broker.host)

    def deliver(self, message: Message) -> str:
        """See `Sink`."""
        return self._publish(message.id, body_of(message, self._settings.languages))

    def notify(self, notice: Notice) -> str:
        """See `TakesNotices`."""
        return self._publish(notice.id, notice.body())

    def close(self) -> None:
        """Nothing is open between messages."""

    def _publish(self, name: str, said: dict[str, Any]) -> str:
        body = json.dumps(said, ensure_ascii=False)
        signed = None if self._keys is None else self._keys.sign(name, body)
        attempt = _Attempt(self._settings, self._credentials, self._context, signed is not None)
        broker = self._broker
        try:
            found = connecting.addresses(
                broker.host, broker.port, self._context is not None, self._rules, self._resolver
            )
            attempt.publish(str(found[0]), broker.port, f"{self._settings.topic}/{said['type']}", body, signed)
        except TargetRefused as error:
            raise NotDelivered(str(error)) from error
        except (OSError, ValueError) as error:  # paho raises ValueError for what it cannot send
            raise NotDelivered(f"{type(error).__name__}: {error}", perhaps=attempt.sent) from error
        return "the broker has it"


class _Attempt:
    """One connection, driven by hand: no thread of paho's. sent: the message may have reached the broker."""

    def __init__(
        self,
        settings: MqttSinkSettings,
        credentials: tuple[str, str] | None,
        context: ssl.SSLContext | None,
        five: bool,
    ) -> None:
        self.sent = False
        self._settings, self._deadline_s = settings, time.monotonic() + settings.timeout_s
        self._connected = self._published = False
        self._refusal = ""
        kind = {"protocol": mqtt.MQTTv5} if five else {"protocol": mqtt.MQTTv311, "clean_session": True}
        name = f"headwater-{settings.name}"
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, **kind)
        if credentials is not None:
            self._client.username_pw_set(*credentials)
        if context is not None:
            self._client.tls_set_context(context)
        self._client.connect_timeout = settings.timeout_s
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish

    def publish(
        self, address: str, port: int, topic: str, body: str, signed: Mapping[bytes | str, bytes | str] | None
    ) -> None:
        """Until the broker has acknowledged it. Raises OSError, NotDelivered."""
        client = self._client
        try:
            client.connect(address, port, keepalive=60)
            self._turn_until(lambda: self._connected)
            properties = None
            if signed is not None:
                properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
                properties.UserProperty = list(signed.items())
            self.sent = True
            client.publish(topic, body.encode(), qos=1, retain=self._settings.retain, properties=properties)
            self._turn_until(lambda: self._published)
        finally:
            with suppress(OSError, ValueError):
                client.disconnect()
                client.loop(0.0)

    def _turn_until(self, done: Any) -> None:
        while not done():
            if self._refusal:
                raise NotDelivered(f"the broker refuses us: {self._refusal}")
            if time.monotonic() >= self._deadline_s:
                raise NotDelivered(f"no answer within {self._settings.timeout_s:g} s", perhaps=self.sent)
            if self._client.loop(_TURN_S) != mqtt.MQTT_ERR_SUCCESS and not self._refusal and not done():
                raise NotDelivered("the broker closed the connection", perhaps=self.sent)

    def _on_connect(self, _c: mqtt.Client, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
        self._connected = not reason.is_failure

    def _on_publish(self, _c: mqtt.Client, _u: Any, _mid: int, reason: Any, _p: Any) -> None:
        if reason.is_failure:  # MQTT 5 tells why; 3.1.1 cannot
            self._refusal = str(reason)
        self._published = not reason.is_failure


def _context(tls: TlsFiles, host: str) -> ssl.SSLContext:
    """Asks for the certificate of the broker's name, though paho is given the address that was judged."""
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.host = host
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(tls.ca)
    if tls.cert is not None:
        context.load_cert_chain(tls.cert, tls.key)
    return context


class _Named(ssl.SSLContext):
    host = ""

    def wrap_socket(self, *args: Any, **more: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*args, **{**more, "server_hostname": self.host})
