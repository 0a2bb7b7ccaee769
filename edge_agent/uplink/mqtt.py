"""The gateway's voice: carries what the session decides, over MQTT 3.1.1.

A new client for every connection: paho keeps what it was handed over a reconnect and sends it again without asking.
Nothing here knows whether a broker exists; readings are committed to the spool all the same.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import Field

from contract.clock import Clock
from contract.wire.topics import TopicKind
from edge_agent.spool.store import SpoolStore
from edge_agent.timesync.gateway_clock import now_of
from edge_agent.uplink.link_meter import carried_bytes
from edge_agent.uplink.session import Publication, Session
from host.broker_settings import BrokerSettings

_TICK_S = 1.0  # while nothing is added or acknowledged


class GatewayBrokerSettings(BrokerSettings):
    """keepalive_s: after one and a half of it in silence either side gives the connection up.

    cert_file, key_file: of the gateway's bundle (see `headwater-cloud gateway add`).
    """

    keepalive_s: Annotated[float, Field(ge=1, le=65_535)] = 20  # seconds, in two bytes of MQTT


class MqttUplink:
    """`wake` from the loop's thread; `run` until cancelled. session: over `store`."""

    def __init__(
        self, gateway: str, session: Session, store: SpoolStore, broker: GatewayBrokerSettings, clock: Clock
    ) -> None:
        self._gateway, self._session, self._store, self._broker, self._clock = gateway, session, store, broker, clock
        self._wake = asyncio.Event()
        self._client: mqtt.Client | None = None
        self._trouble = "not connected yet"

    def wake(self) -> None:
        """Something was added to the store: look now."""
        self._wake.set()

    def status(self) -> dict[str, Any]:
        """For the status file."""
        trouble = self._store.disk_trouble or ("" if self._session.connected else self._trouble)
        said = {"trouble": trouble, "broker": f"{self._broker.host}:{self._broker.port}"}
        return {**said, **self._session.status(now_of(self._clock))}

    async def run(self) -> None:
        pause_s = 0.5
        try:
            while True:
                up_since = await self._one_connection()
                if up_since is not None and time.monotonic() - up_since > 30:
                    pause_s = 0.5
                # A thousand gateways must not come at once.
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
                pause_s = min(pause_s * 2, 15.0)
        finally:
            self._hang_up()

    async def drained(self, timeout_s: float) -> bool:
        """Until the cloud has everything, the link is gone, or the time is up."""
        deadline = time.monotonic() + timeout_s
        while self._session.connected and time.monotonic() < deadline:
            if self._session.empty:
                return True
            await asyncio.sleep(0.05)
        return False

    async def _one_connection(self) -> float | None:
        """Until it is lost. When it came up, or None if it never did."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        up_since: float | None = None

        def soon(function: Callable[..., None], *args: object) -> None:
            with suppress(RuntimeError):  # the loop is closed: so are we
                loop.call_soon_threadsafe(function, *args)

        def on_connect(_c: mqtt.Client, _u: object, _f: object, reason: ReasonCode, _p: object) -> None:
            soon(self._on_link if not reason.is_failure else self._on_loss, reason, ended)

        def on_disconnect(_c: mqtt.Client, _u: object, _f: object, reason: ReasonCode, _p: object) -> None:
            soon(self._on_loss, reason, ended)

        def on_message(_c: mqtt.Client, _u: object, message: mqtt.MQTTMessage) -> None:
            soon(self._on_ack, message.payload)

        tls = self._broker.tls()
        files = tls.stamp() if tls is not None else ()
        try:
            client = self._new_client()
        except OSError as error:  # ssl.SSLError is one
            self._trouble = f"keys or certificates cannot be used: {error}: see `headwater-edge check`"
            return None
        client.on_connect, client.on_disconnect, client.on_message = on_connect, on_disconnect, on_message
        self._client = client
        try:
            await asyncio.to_thread(client.connect, self._broker.host, self._broker.port, int(self._broker.keepalive_s))
        except (OSError, ValueError) as error:
            self._trouble = f"cannot reach the broker at {self._broker.host}:{self._broker.port}: {error}"
            return None
        client.loop_start()
        try:
            while not ended.is_set():
                if self._session.connected and up_since is None:
                    up_since = time.monotonic()
                self._pump()
                if tls is not None and tls.stamp() != files:
                    self._trouble = "connecting anew with the identity that was put in place"
                    break
                self._wake.clear()
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await self._wake.wait()
        finally:
            self._hang_up()
        return up_since

    def _pump(self) -> None:
        carried = carried_bytes(self._client.socket() if self._client is not None else None)
        if carried is not None and self._session.connected:
            self._session.metered(carried)
        for publication in self._session.due(now_of(self._clock)):
            if not self._publish(publication):
                break  # it will be due again

    def _publish(self, p: Publication) -> bool:
        if self._client is None:
            return False
        return self._client.publish(p.topic, p.payload, qos=1, retain=p.retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _on_link(self, _reason: ReasonCode, _ended: asyncio.Event) -> None:
        if self._client is None:
            return
        self._client.subscribe(self._session.topic(TopicKind.ACK), qos=1)
        for publication in self._session.link_up(now_of(self._clock)):
            self._publish(publication)
        self._wake.set()

    def _on_loss(self, reason: ReasonCode, ended: asyncio.Event) -> None:
        self._trouble = f"the broker at {self._broker.host}:{self._broker.port} hung up: {reason}"
        self._session.link_down(now_of(self._clock))
        ended.set()
        self._wake.set()

    def _on_ack(self, payload: bytes) -> None:
        self._session.take_ack(payload, now_of(self._clock))
        self._wake.set()

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        self._session.link_down(now_of(self._clock))
        if client is not None:
            client.on_connect = client.on_disconnect = client.on_message = None
            client.disconnect()
            client.loop_stop()

    def _new_client(self) -> mqtt.Client:
        b = self._broker
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"headwater-{self._gateway}", clean_session=True)
        client.will_set(self._session.topic(TopicKind.ONLINE), b"0", qos=1, retain=True)
        if (credentials := b.credentials()) is not None:
            client.username_pw_set(*credentials)
        tls = b.tls()
        if tls is not None:
            client.tls_set_context(tls.context())
        return client
