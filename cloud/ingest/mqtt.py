"""The receiver's shell: MQTT -> groups -> quarantine and log, both committed -> acknowledgements.

The broker's own acknowledgement means nothing to anybody here; a gateway forgets only what this module says is durable.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cloud.ingest.admission import InboundMessage
from cloud.ingest.allowance import Allowance
from cloud.ingest.ingest import Ingest
from cloud.ingest.listening import Listening, packets
from cloud.ingest.parting import gateway_of
from cloud.ingest.queue import HISTORY_AT_ONCE, HISTORY_TRICKLE, READINGS_PER_S, LaneQueues
from contract.clock import Clock
from contract.wire.topics import TopicKind
from host.tls import TlsFiles

log = logging.getLogger(__name__)

GROUP_MESSAGES = 1000
GROUP_WAIT_S = 0.02
BEHIND_ENTRIES = 300  # of the log, which the warnings have yet to see: some tenths of a second
_DEAR = tuple(f"/{kind.value}" for kind in (TopicKind.BIRTH, TopicKind.STATE))  # each may write to the log
SAYINGS_PER_S, SAYINGS_AT_ONCE = 2.0, 30  # of a gateway: it says how it is every half minute, and as it connects
DEFECTS_PER_S, DEFECTS_AT_ONCE = 1 / 60, 5  # that are written down: whoever finds one could repeat it
_SAYINGS = tuple(f"/{kind.value}" for kind in (TopicKind.ONLINE, TopicKind.BIRTH, TopicKind.STATE))


class MqttReceiver:
    """`start`, then it works until `stop`. Two threads: paho's, which only queues, and the one that commits.

    behind: entries of the log that the warnings have yet to see; while they are many, history only trickles in.
    told_ms: what gateways are told of the time, 0 for nothing; None: what the clock says.
    readings_per_s: of one gateway, by lane. listening: to whom; None: to all, whatever they send.
    """

    def __init__(
        self,
        host: str,
        port: int,
        ingest: Ingest,
        clock: Clock,
        district: str,
        credentials: tuple[str, str] | None = None,
        tls: TlsFiles | None = None,
        behind: Callable[[], int] = lambda: 0,
        told_ms: Callable[[], int] | None = None,
        readings_per_s: Mapping[TopicKind, float] = READINGS_PER_S,
        listening: Listening | None = None,
    ) -> None:
        self._address = (host, port)
        self._ingest, self._clock = ingest, clock
        self._behind = behind
        self._told_ms = told_ms or clock.now_ms
        self._district = district
        self._lanes = LaneQueues(readings_per_s=readings_per_s)
        self._sayings, self._unheard = Allowance(SAYINGS_PER_S, SAYINGS_AT_ONCE), 0
        self._silenced, self._defects = 0, Allowance(DEFECTS_PER_S, DEFECTS_AT_ONCE)
        self._listening = listening or Listening(district, None)
        self._subscribed, self._listened = frozenset[str](), 0
        self._subscribing, self._reconnecting = threading.Lock(), threading.Lock()
        self._stop = threading.Event()
        self._trouble = "not connected to the broker yet"
        self._connected = False
        self._turned_s = time.monotonic()
        self._committer = threading.Thread(target=self._commit_forever, name="receive", daemon=True)
        self._credentials, self._tls = credentials, tls
        self._client = self._new_client()

    def start(self) -> None:
        """Raises OSError when the files for TLS cannot be used."""
        self._committer.start()
        self._dial()

    def reconnect(self) -> None:
        """A new connection, with what the files for TLS hold now. From a thread of its own, not from paho's."""
        with self._reconnecting:
            old = self._client
            old.disconnect()
            old.loop_stop()
            if self._stop.is_set():
                return
            self._client = self._new_client()
            self._dial()

    def stop(self) -> None:
        """What was received and not yet committed is not acknowledged, and will come again."""
        self._stop.set()
        self._client.disconnect()
        self._client.loop_stop()
        self._committer.join(10)

    def counters(self) -> Mapping[str, int]:
        """What was let go, since start: batches for which their lane had no room, `<lane>_deferred`; births and states
        that came too often, `sayings_deferred`; what came of a gateway that is not listened to, `silenced_deferred`."""
        return {**self._lanes.deferred, "sayings_deferred": self._unheard, "silenced_deferred": self._silenced}

    def troubles(self) -> list[str]:
        """Gateways that send more than is taken of one."""
        what = "sends more than is taken of one gateway: what was let go it keeps and sends again; else revoke it"
        silent = self._listening.silent(time.monotonic())
        return [
            f"{gateway} sends more messages than can be looked at: it is not listened to for {left_s:.0f} s more,"
            " so that others are. Somebody may have its key: revoke it; else find what is wrong with it"
            for gateway, left_s in silent.items()
        ] + [f"{gateway} {what}" for gateway in self._lanes.floods() if gateway not in silent]

    def idle_s(self) -> float:
        """Since the committing thread last turned; it does at least once a second unless it is stuck or gone."""
        return time.monotonic() - self._turned_s

    def trouble(self) -> str:
        """Empty while batches are taken; else what an operator should know."""
        return self._trouble

    def _new_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"headwater-cloud-{self._district}", clean_session=False
        )
        if self._credentials is not None:
            client.username_pw_set(*self._credentials)
        client.max_queued_messages_set(100_000)
        client.reconnect_delay_set(1, 10)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _dial(self) -> None:
        if self._tls is not None:
            self._client.tls_set_context(self._tls.context())
        self._client.connect_async(*self._address, keepalive=20)
        self._client.loop_start()

    # --- paho's thread ---

    def _on_connect_fail(self, _c: mqtt.Client, _u: Any) -> None:
        why = sys.exception()  # paho calls this while it handles it
        self._trouble = f"cannot reach the broker at {self._address[0]}:{self._address[1]}: {why}"

    def _on_connect(self, client: mqtt.Client, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self._trouble = f"the broker refuses the receiver: {reason}"
            return
        self._connected = True
        self._trouble = ""
        with self._subscribing:
            # The broker may remember what was subscribed to before this process began.
            self._subscribe(client, self._listening.possible())

    def _on_disconnect(self, _c: mqtt.Client, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        self._connected = False
        self._trouble = f"lost the broker at {self._address[0]}:{self._address[1]}: {reason}"

    def _on_message(self, client: mqtt.Client, _u: Any, message: mqtt.MQTTMessage) -> None:
        try:
            self._hear(client, InboundMessage(message.topic, bytes(message.payload)))
        except Exception:  # else paho's thread ends, and nobody is heard any more
            self._ingest.counts["receiver_defects"] += 1
            if self._defects.take("", time.monotonic()):
                log.exception("a message on %s could not be taken; it is not acknowledged", message.topic)

    def _hear(self, client: mqtt.Client, heard: InboundMessage) -> None:
        if not self._listening.hears(gateway_of(heard), time.monotonic()):
            self._silenced += 1
            self._break_off(client)
        elif not heard.topic.endswith(_SAYINGS):
            self._lanes.put(heard)
        elif heard.topic.endswith(_DEAR) and not self._sayings.take(heard.topic.rpartition("/")[0], time.monotonic()):
            self._unheard += 1
        else:
            self._answer(heard)

    def _break_off(self, client: mqtt.Client) -> None:
        """Somebody is not listened to any more. The connection is given up, for of what he has sent there may be
        megabytes on their way, and alarms behind them; those the broker sends again."""
        if self._listened != self._listening.changes and client is self._client:
            self._listened = self._listening.changes
            threading.Thread(target=self.reconnect, name="reconnect", daemon=True).start()

    def _listen(self) -> None:
        """Subscribes to what is wanted now and to nothing else, if that has changed."""
        if self._listened != self._listening.changes and self._connected:
            with self._subscribing:
                self._subscribe(self._client, self._subscribed)

    def _subscribe(self, client: mqtt.Client, before: frozenset[str]) -> None:
        """New ones first: what comes by two filters for a moment is one batch."""
        self._listened = self._listening.changes  # first: what changes meanwhile is another change
        wanted = self._listening.wanted()
        for some in packets(wanted):
            client.subscribe([(name, 1) for name in some])
        for some in packets(before - wanted):
            client.unsubscribe(list(some))
        self._subscribed = wanted

    def _answer(self, heard: InboundMessage) -> None:
        """At once, not behind the batches: the answer tells the time."""
        for ack in self._ingest.heard_of(heard, self._told_ms()):
            self._client.publish(ack.topic, ack.payload, qos=1)

    # --- the committing thread ---

    def _commit_forever(self) -> None:
        while not self._stop.is_set():
            self._turned_s = time.monotonic()
            self._listening.again(self._turned_s)
            self._listen()
            history_most = HISTORY_TRICKLE if self._behind() > BEHIND_ENTRIES else HISTORY_AT_ONCE
            group = self._lanes.take(GROUP_MESSAGES, 0.2, GROUP_WAIT_S, history_most)
            while group and not self._stop.is_set():
                self._turned_s = time.monotonic()
                try:
                    for ack in self._ingest.take(group, self._clock.now_ms()):
                        self._client.publish(ack.topic, ack.payload, qos=1)
                    if self._connected:
                        self._trouble = ""
                    break
                except (sqlite3.Error, OSError) as error:
                    # Not durable, so not acknowledged: the gateways keep it. The same group is tried again.
                    self._trouble = f"cannot store what comes: {error}: make room on the disk of the log"
                    self._ingest.counts["commit_failures"] += 1
                    log.error(self._trouble)
                    self._stop.wait(1.0)
                except Exception:
                    self._trouble = "a defect in the receiver; see the log"
                    self._ingest.counts["receiver_defects"] += 1
                    log.exception("a group of %d messages could not be taken; it is not acknowledged", len(group))
                    break
