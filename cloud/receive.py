"""The receiver's shell: MQTT -> groups -> quarantine and log, both committed -> acknowledgements.

The broker's own acknowledgement means nothing to anybody here; a gateway forgets only what this module says is durable.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cloud.log.base import BatchLog
from cloud.quarantine import Quarantine
from cloud.receiver import Message, Receiver
from cloud.services import GatewayLink
from contract.clock import Clock
from contract.topics import Kind, Topic, cloud_filters, parse_topic
from contract.wire import encode_ack

log = logging.getLogger(__name__)

GROUP_MESSAGES = 1000
GROUP_WAIT_S = 0.02
_QUEUE_MESSAGES = 20_000  # beyond this the network thread waits, and the broker holds what comes


@dataclass(slots=True)
class _Link:
    online: bool = False
    last_batch_ms: int | None = None
    batches: int = 0
    readings: int = 0
    refused: int = 0


class ReceiveService:
    """`start`, then it works until `stop`. Two threads: paho's, which only queues, and the one that commits."""

    def __init__(
        self,
        host: str,
        port: int,
        receiver: Receiver,
        batch_log: BatchLog,
        quarantine: Quarantine,
        clock: Clock,
        district: str,
        gateways: Sequence[str],
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self._address = (host, port)
        self._receiver, self._log, self._quarantine, self._clock = receiver, batch_log, quarantine, clock
        self._district = district
        self._queue: queue.Queue[Message] = queue.Queue(_QUEUE_MESSAGES)
        self._stop = threading.Event()
        self._links: dict[str, _Link] = {g: _Link() for g in gateways}
        self._counts: Counter[str] = Counter()
        self._trouble = "not connected to the broker yet"
        self._connected = False
        self._committer = threading.Thread(target=self._commit_forever, name="receive", daemon=True)
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"headwater-cloud-{district}", clean_session=False
        )
        if credentials is not None:
            self._client.username_pw_set(*credentials)
        self._client.max_queued_messages_set(100_000)
        self._client.reconnect_delay_set(1, 10)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    def start(self) -> None:
        self._committer.start()
        self._client.connect_async(*self._address, keepalive=20)
        self._client.loop_start()

    def stop(self) -> None:
        """What was received and not yet committed is not acknowledged, and will come again."""
        self._stop.set()
        self._client.disconnect()
        self._client.loop_stop()
        self._committer.join(10)

    def trouble(self) -> str:
        """Empty while batches are taken; else what an operator should know."""
        return self._trouble

    def counters(self) -> Mapping[str, int]:
        return dict(self._counts)

    def links(self) -> list[GatewayLink]:
        return [
            GatewayLink(g, link.online, link.last_batch_ms, link.batches, link.readings, link.refused)
            for g, link in sorted(self._links.items())
        ]

    # --- paho's thread ---

    def _on_connect(self, client: mqtt.Client, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self._trouble = f"the broker refuses the receiver: {reason}"
            return
        self._connected = True
        self._trouble = ""
        client.subscribe([(topic, 1) for topic in cloud_filters(self._district)])

    def _on_disconnect(self, _c: mqtt.Client, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        self._connected = False
        self._trouble = f"lost the broker at {self._address[0]}:{self._address[1]}: {reason}"

    def _on_message(self, _c: mqtt.Client, _u: Any, message: mqtt.MQTTMessage) -> None:
        topic = message.topic
        if topic.endswith((Kind.ONLINE.value, Kind.BIRTH.value)):
            self._heard_of(topic, bytes(message.payload))
            return
        self._queue.put(Message(topic, bytes(message.payload)))

    def _heard_of(self, topic_text: str, payload: bytes) -> None:
        topic = parse_topic(topic_text)
        if topic is None or topic.gateway not in self._links:
            self._counts["unknown_gateway_heard"] += 1
            return
        if topic.kind is Kind.ONLINE:
            self._links[topic.gateway].online = payload == b"1"
        else:
            self._counts["births"] += 1

    # --- the committing thread ---

    def _commit_forever(self) -> None:
        while not self._stop.is_set():
            group = self._gather()
            while group and not self._stop.is_set():
                try:
                    self._commit(group)
                    if self._connected:
                        self._trouble = ""
                    break
                except (sqlite3.Error, OSError) as error:
                    # Not durable, so not acknowledged: the gateways keep it. The same group is tried again.
                    self._trouble = f"cannot store what comes: {error}: make room on the disk of the log"
                    self._counts["commit_failures"] += 1
                    log.error(self._trouble)
                    self._stop.wait(1.0)
                except Exception:
                    self._trouble = "a defect in the receiver; see the log"
                    self._counts["receiver_defects"] += 1
                    log.exception("a group of %d messages could not be taken; it is not acknowledged", len(group))
                    break

    def _gather(self) -> list[Message]:
        group: list[Message] = []
        with suppress(queue.Empty):
            group.append(self._queue.get(timeout=0.2))
            deadline = time.monotonic() + GROUP_WAIT_S
            while len(group) < GROUP_MESSAGES:
                try:
                    group.append(self._queue.get_nowait())
                except queue.Empty:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        break
                    group.append(self._queue.get(timeout=left))
        return group

    def _commit(self, group: Sequence[Message]) -> None:
        now_ms = self._clock.now_ms()
        found = self._receiver.sort_out(group, now_ms)
        if found.refusals:
            self._quarantine.keep(found.refusals, now_ms)
        known = [r for r in found.refusals if r.seq and r.gateway in self._links]
        fresh = self._log.append(found.entries, now_ms, [(r.gateway, r.spool, r.seq) for r in known])
        spools = {(e.gateway, e.spool) for e in found.entries} | {(r.gateway, r.spool) for r in known}
        durable = {key: self._log.acknowledged(*key)[0] for key in spools}
        for gateway, ack in self._receiver.acks(found.entries, known, durable):
            self._client.publish(str(Topic(self._district, gateway, Kind.ACK)), encode_ack(ack), qos=1)
        self._count(found.entries, found.counts, fresh, now_ms)
        for r in found.refusals:
            self._counts[f"refused_{r.reason.value}"] += 1
            if r.gateway in self._links:
                self._links[r.gateway].refused += 1
            log.warning("refused a batch on %s: %s", r.topic, r.detail)

    def _count(self, entries: Sequence[Any], counts: Sequence[int], fresh: Sequence[bool], now_ms: int) -> None:
        totals = self._counts
        for entry, n, new in zip(entries, counts, fresh, strict=True):
            if not new:
                totals["batches_repeated"] += 1
                continue
            totals["batches_stored"] += 1
            totals["readings_stored"] += n
            link = self._links[entry.gateway]
            link.batches += 1
            link.readings += n
            link.last_batch_ms = now_ms
