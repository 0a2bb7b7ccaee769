"""A client that shows what certificate it is told to, and remembers what arrives."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion


class Client:
    """With files for TLS, or without. `up`: the broker took it."""

    def __init__(
        self,
        port: int,
        ca: Path | None,
        cert: Path | None = None,
        key: Path | None = None,
        *,
        client_id: str = "headwater-cloud-small",
        username: str | None = None,
        will: str | None = None,
        version: int = MQTTProtocolVersion.MQTTv311,
    ) -> None:
        """username: of MQTT, beside the certificate. will: topic of a retained last will, with the payload `will`."""
        self.got: list[tuple[str, bytes]] = []
        self.said: list[str] = []
        self._published = self._acknowledged = 0
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion(version),
            reconnect_on_failure=will is None,
        )
        if username is not None:
            self._client.username_pw_set(username, "guess")
        if will is not None:
            self._client.will_set(will, b"will", qos=1, retain=True)
        if ca is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(ca)
            if cert is not None:
                context.load_cert_chain(cert, key)
            self._client.tls_set_context(context)
        self._client.on_message = lambda _c, _u, m: self.got.append((m.topic, bytes(m.payload)))
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda _c, _u, _f, reason, _p: self.said.append(f"gone: {reason}")
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = lambda *_: self.said.append("subscribed")
        if not port:
            return
        try:
            self._client.connect("127.0.0.1", port, 20)
        except OSError as error:
            self.said.append(str(error))
            return
        self._client.loop_start()
        self.until(lambda: bool(self.said))

    def _on_connect(self, _c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        self.said.append("refused" if reason.is_failure else "up")

    def _on_publish(self, *_: Any) -> None:
        self._acknowledged += 1

    @property
    def up(self) -> bool:
        return "up" in self.said

    @property
    def gone(self) -> bool:
        """A connection that stood has ended, whoever ended it."""
        return any(s.startswith("gone") for s in self.said)

    def publish(self, topic: str, payload: bytes = b"x", retain: bool = False) -> None:
        """Returns at once; see `handed_over`."""
        self._published += 1
        self._client.publish(topic, payload, qos=1, retain=retain)

    def handed_over(self) -> bool:
        """True when the broker has acknowledged all that was published, or has ended the connection."""
        return self.until(lambda: self._acknowledged >= self._published or not self._client.is_connected())

    def break_off(self) -> None:
        """As a cut line does: the broker hears no farewell, so it sends the will. Of a connection that the broker has
        ended before, nothing is left to break."""
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            with suppress(OSError):  # it ends just now
                connection.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    def subscribe(self, *filters: str) -> None:
        before = self.said.count("subscribed")
        self._client.subscribe([(f, 1) for f in filters])
        self.until(lambda: self.said.count("subscribed") > before)

    def heard(self, payload: bytes, timeout_s: float = 60.0) -> bool:
        """True when a message with this payload has come by then."""
        return self.until(lambda: any(p == payload for _, p in self.got), timeout_s)

    def until(self, done: Any, timeout_s: float = 60.0) -> bool:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if done():
                return True
            time.sleep(0.01)
        return bool(done())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
