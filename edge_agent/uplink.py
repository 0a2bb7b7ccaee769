"""The gateway's voice: carries out what the outbox decides, over MQTT 3.1.1.

A new client for every connection: paho keeps what it was handed over a reconnect and sends it again without asking.
Nothing here knows whether a broker exists; readings are committed to the spool all the same.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from contract.clock import Clock
from contract.models import Positive, Shape
from contract.readings import ReadingBatch
from contract.topics import UP_KINDS, Kind, Topic
from contract.wire import Birth, Lane, WireError, decode_ack, encode_birth
from edge_agent.outbox import Outbox, OutboxSettings, Waiting
from edge_agent.spool import Counters, Spool, SpoolFull

_LANE_KIND = {Lane.ALARM: UP_KINDS[0], Lane.LIVE: UP_KINDS[1], Lane.HISTORY: UP_KINDS[2]}
_TICK_S = 0.25
_HELD_MAX = 2000  # commits kept in memory while the disk is full


class BrokerSettings(Shape):
    """keepalive_s: after one and a half of it in silence either side gives the connection up."""

    host: str
    port: int = 1883
    keepalive_s: Positive = 20
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class Uplink:
    """`submit` from the loop's thread; `run` until cancelled."""

    def __init__(
        self,
        district: str,
        gateway: str,
        spool: Spool,
        broker: BrokerSettings,
        clock: Clock,
        settings: OutboxSettings | None = None,
        version: str = "",
    ) -> None:
        self._district, self._gateway, self._version = district, gateway, version
        self._spool, self._broker, self._clock = spool, broker, clock
        self._started_ms = clock.now_ms()
        self._outbox = Outbox(spool.id, settings or OutboxSettings())
        now_s = time.monotonic()
        self._outbox.restored(Waiting(b.seq, b.lane, b.created_ms, now_s) for b in spool.waiting())
        self._wake = asyncio.Event()
        self._client: mqtt.Client | None = None
        self._last_ack_ms: int | None = None
        self._connects = 0
        self._trouble = "not connected yet"
        self._bad_acks = 0
        self._held: deque[tuple[ReadingBatch, Lane, Counters]] = deque()
        self._lost_to_full_disk = 0

    # --- in ---

    def submit(self, batch: ReadingBatch, lane: Lane, counters: Counters) -> None:
        """Durable on return, unless the disk is full: then held in memory, counted, and tried again at each submit."""
        self._held.append((batch, lane, counters))
        while self._held:
            try:
                spooled, thrown = self._spool.commit(*self._held[0], self._clock.now_ms())
            except SpoolFull as error:
                self._trouble = str(error)
                if len(self._held) > _HELD_MAX:
                    self._lost_to_full_disk += len(self._held.popleft()[0])
                break
            self._held.popleft()
            now_s = time.monotonic()
            for b in spooled:
                self._outbox.spooled(Waiting(b.seq, b.lane, b.created_ms, now_s))
            self._outbox.dropped(thrown)
        self._wake.set()

    def status(self) -> dict[str, Any]:
        oldest = self._spool.oldest_ms()
        now_ms = self._clock.now_ms()
        waiting = self._outbox.waiting()
        return {
            "connected": self._outbox.connected,
            "trouble": "" if self._outbox.connected and not self._held else self._trouble,
            "broker": f"{self._broker.host}:{self._broker.port}",
            "connects": self._connects,
            "last_ack_ms": self._last_ack_ms,
            "waiting": {lane.name.lower(): n for lane, n in waiting.items()},
            "oldest_age_s": {lane.name.lower(): (now_ms - ms) / 1000 for lane, ms in oldest.items()},
            "in_flight": self._outbox.in_flight(),
            "resent": self._outbox.resent,
            "refused": dict(self._outbox.refused),
            "bad_acks": self._bad_acks,
            "spool_bytes": self._spool.bytes_waiting,
            "spool_set_aside": str(self._spool.set_aside) if self._spool.set_aside else None,
            "dropped": dict(self._spool.dropped),
            "held_in_memory": sum(len(b) for b, _, _ in self._held),
            "lost_to_full_disk": self._lost_to_full_disk,
        }

    # --- out ---

    async def run(self) -> None:
        pause_s = 0.5
        try:
            while True:
                up_since = await self._one_connection()
                if up_since is not None and time.monotonic() - up_since > 30:
                    pause_s = 0.5
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # a thousand gateways must not come at once
                pause_s = min(pause_s * 2, 15.0)
        finally:
            self._hang_up()

    async def drained(self, timeout_s: float) -> bool:
        """Until the cloud has everything, the link is gone, or the time is up."""
        deadline = time.monotonic() + timeout_s
        while self._outbox.connected and time.monotonic() < deadline:
            if not sum(self._outbox.waiting().values()):
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
            soon(self._linked if not reason.is_failure else self._failed, reason, ended)

        def on_disconnect(_c: mqtt.Client, _u: object, _f: object, reason: ReasonCode, _p: object) -> None:
            soon(self._failed, reason, ended)

        def on_message(_c: mqtt.Client, _u: object, message: mqtt.MQTTMessage) -> None:
            soon(self._heard, message.payload)

        client = self._new_client()
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
                if self._outbox.connected and up_since is None:
                    up_since = time.monotonic()
                self._pump()
                self._wake.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _TICK_S)
        finally:
            self._hang_up()
        return up_since

    def _pump(self) -> None:
        if self._client is None:
            return
        for seq, lane in self._outbox.due(time.monotonic()):
            payload = self._spool.payload(seq)
            if payload is None:
                self._outbox.dropped([seq])
                continue
            topic = str(Topic(self._district, self._gateway, _LANE_KIND[lane]))
            if self._client.publish(topic, payload, qos=1).rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break  # it will be due again

    def _linked(self, _reason: ReasonCode, _ended: asyncio.Event) -> None:
        if self._client is None:
            return
        self._connects += 1
        self._client.subscribe(str(Topic(self._district, self._gateway, Kind.ACK)), qos=1)
        birth = Birth(self._gateway, self._spool.id, self._spool.next_seq, self._version, self._started_ms)
        self._client.publish(str(Topic(self._district, self._gateway, Kind.BIRTH)), encode_birth(birth), qos=1)
        self._client.publish(str(Topic(self._district, self._gateway, Kind.ONLINE)), b"1", qos=1, retain=True)
        self._outbox.link_up(time.monotonic())
        self._wake.set()

    def _failed(self, reason: ReasonCode, ended: asyncio.Event) -> None:
        self._trouble = f"the broker at {self._broker.host}:{self._broker.port} hung up: {reason}"
        self._outbox.link_down()
        ended.set()
        self._wake.set()

    def _heard(self, payload: bytes) -> None:
        try:
            ack = decode_ack(payload)
        except WireError:
            self._bad_acks += 1
            return
        gone = self._outbox.acked(ack)
        if gone:
            self._spool.forget(gone)
            self._last_ack_ms = self._clock.now_ms()
            self._wake.set()

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        self._outbox.link_down()
        if client is not None:
            client.on_connect = client.on_disconnect = client.on_message = None
            client.disconnect()
            client.loop_stop()

    def _new_client(self) -> mqtt.Client:
        b = self._broker
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"headwater-{self._gateway}", clean_session=True)
        client.will_set(str(Topic(self._district, self._gateway, Kind.ONLINE)), b"0", qos=1, retain=True)
        if b.username is not None:
            client.username_pw_set(b.username, b.password_file.read_text().strip() if b.password_file else None)
        if b.ca_file is not None:
            client.tls_set(
                ca_certs=str(b.ca_file),
                certfile=str(b.cert_file) if b.cert_file else None,
                keyfile=str(b.key_file) if b.key_file else None,
                tls_version=ssl.PROTOCOL_TLS_CLIENT,
            )
        return client
