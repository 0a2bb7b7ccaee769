"""A gateway that floods: alarms, live readings and history of 8,192 each about its own channels, each number with a gap
before it, new spools, states and births, as fast as the broker takes them.

Besides, it keeps some small batches as an honest gateway does: it sends each again until the cloud says that it is on
its disk.
"""

from __future__ import annotations

import itertools
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from contract.readings import ReadingBatch
from contract.wire.ack import decode_ack
from contract.wire.batch import MAX_READINGS, WireBatch, encode_batch
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane
from contract.wire.state import GatewayState, encode_state
from contract.wire.topics import Topic, TopicKind

_MOST_ON_THE_WAY = 200  # messages that the broker has not taken yet
_SPOOL = 7
KEPT_SPOOL = 8  # of what it sends until it is acknowledged
_HOUR_MS = 3_600_000
_AGAIN_S = 2.0  # what is kept is sent again when nothing was said of it for so long
_KEPT_MOST = 50
_KNOWN_S = 60.0
_LANES = (Lane.ALARM, Lane.LIVE, Lane.HISTORY)


@dataclass(frozen=True, slots=True)
class Flooder:
    """Who floods. channels: its own. simulated: what its batches say of themselves; None: nothing. births: what its
    births say, in turn; where it shares a zone with simulated gateways and says that it is real, those are refused."""

    district: str
    gateway: str
    channels: Sequence[int]
    now_ms: Callable[[], int]
    simulated: bool | None = None
    births: Sequence[bool] = (True, False)

    def topic(self, kind: TopicKind) -> str:
        return str(Topic(self.district, self.gateway, kind))

    def message(self, n: int) -> tuple[str, bytes]:
        """The n-th, from 1: topic and payload."""
        return (self._batch, self._batch, self._batch, self._one_reading, self._said)[n % 5](n)

    def small(self, seq: int) -> tuple[str, bytes]:
        """One live reading, as an honest gateway sends it, in a spool of its own."""
        readings = ReadingBatch.of([self.now_ms()], [self.channels[0]], [0.1], [1])
        batch = WireBatch(self.gateway, KEPT_SPOOL, seq, Lane.LIVE, readings, simulated=self.simulated)
        return self.topic(TopicKind.LIVE), encode_batch(batch)

    def _batch(self, n: int) -> tuple[str, bytes]:
        """High water by the millisecond, now, or an hour ago as history; each with a gap before it."""
        k = n % 3
        end_ms = self.now_ms() - (_HOUR_MS if _LANES[k] is Lane.HISTORY else 0)
        channel = np.resize(np.asarray(self.channels), MAX_READINGS)
        time_ms = end_ms - np.arange(MAX_READINGS)[::-1]
        readings = ReadingBatch.of(time_ms, channel, np.full(MAX_READINGS, 0.5 + n % 2))
        return self._up(_SPOOL, 2 * n, _LANES[k], readings)

    def _one_reading(self, n: int) -> tuple[str, bytes]:
        """In a spool of its own."""
        return self._up(1000 + n, 1, Lane.LIVE, ReadingBatch.of([self.now_ms()], [self.channels[0]], [0.1]))

    def _up(self, spool: int, seq: int, lane: Lane, readings: ReadingBatch) -> tuple[str, bytes]:
        kind = (TopicKind.ALARM, TopicKind.LIVE, TopicKind.HISTORY)[_LANES.index(lane)]
        batch = WireBatch(self.gateway, spool, seq, lane, readings, simulated=self.simulated)
        return self.topic(kind), encode_batch(batch)

    def _said(self, n: int) -> tuple[str, bytes]:
        if n % 2:
            return self.topic(TopicKind.STATE), encode_state(GatewayState(self.gateway, _SPOOL, floor=n))
        simulated = self.births[n // 2 % len(self.births)]
        birth = Birth(self.gateway, _SPOOL, 2 * n, "v", 1, floor=n, simulated=simulated)
        return self.topic(TopicKind.BIRTH), encode_birth(birth)


class Flood:
    """A client of its own that floods until `stop`, and hands in what it keeps until `close`.

    sent: messages of the flood that the broker took or may have; mb: of them. kept: small batches that it sends until
    they are acknowledged; again: how often one of those was sent once more.
    tls: ca, certificate and key; None for a broker without.
    """

    def __init__(self, flooder: Flooder, port: int, tls: tuple[Path, Path, Path] | None = None) -> None:
        self._flooder = flooder
        self.sent, self.mb, self.kept, self.again = 0, 0.0, 0, 0
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[bytes, float]] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"flood-{flooder.gateway}")
        if tls is not None:
            context = ssl.create_default_context(cafile=tls[0])
            context.load_cert_chain(tls[1], tls[2])
            self._client.tls_set_context(context)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(flooder.topic(TopicKind.ACK), 1)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._over, self._closing, self._known = threading.Event(), threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=x, daemon=True) for x in (self._flood, self._keep)]
        for thread in self._threads:
            thread.start()

    def known(self) -> None:
        """Waits until the flood begins: the cloud knows the spool of what is kept by then."""
        self._known.wait(_KNOWN_S)

    def waiting(self) -> int:
        """Kept batches of which nothing was said yet."""
        with self._lock:
            return len(self._waiting)

    def stop(self) -> None:
        """Floods no more; what it keeps it still sends."""
        self._over.set()
        self._threads[0].join()

    def close(self) -> None:
        self.stop()
        self._closing.set()
        self._threads[1].join()
        self._client.disconnect()
        self._client.loop_stop()

    def _flood(self) -> None:
        """Begins when the cloud knows the spool of what is kept: behind a flood of new ones it would not be let in."""
        self.known()
        way: list[mqtt.MQTTMessageInfo] = []
        for n in itertools.count(1):
            if self._over.is_set():
                return
            topic, payload = self._flooder.message(n)
            way.append(self._client.publish(topic, payload, qos=1))
            self.sent, self.mb = self.sent + 1, self.mb + len(payload) / 1e6
            while len(way) > _MOST_ON_THE_WAY and not self._over.is_set():
                way = [m for m in way if not m.is_published()]
                time.sleep(0.001)

    def _keep(self) -> None:
        topic = self._flooder.topic(TopicKind.LIVE)
        while not self._closing.wait(0.2):
            now_s = time.monotonic()
            with self._lock:
                late = [seq for seq, (_, at_s) in self._waiting.items() if now_s - at_s > _AGAIN_S]
                for seq in late:
                    self._waiting[seq] = (self._waiting[seq][0], now_s)
                    self._client.publish(topic, self._waiting[seq][0], qos=1)
                self.again += len(late)
                if not self._over.is_set() and self.kept < _KEPT_MOST:
                    self.kept += 1
                    payload = self._flooder.small(self.kept)[1]
                    self._waiting[self.kept] = (payload, now_s)
                    self._client.publish(topic, payload, qos=1)

    def _on_message(self, _c: mqtt.Client, _u: object, message: mqtt.MQTTMessage) -> None:
        ack = decode_ack(bytes(message.payload))
        if ack.spool == KEPT_SPOOL:
            self._known.set()
            with self._lock:
                for seq in [s for s in self._waiting if s <= ack.prefix or s in ack.seqs]:
                    del self._waiting[seq]
