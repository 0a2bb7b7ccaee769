"""What the receiver takes next: little history while the warnings are behind, more when they have caught up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from paho.mqtt.client import MQTTMessage

from cloud.ingest.admission import InboundMessage
from cloud.ingest.mqtt import BEHIND_ENTRIES, MqttReceiver
from cloud.ingest.queue import HISTORY_AT_ONCE, HISTORY_TRICKLE
from contract.clock import SystemClock
from contract.wire.topics import Topic, TopicKind


class FakeIngest:
    """Says nothing and counts. At the second group the warnings have caught up."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.counts: Counter[str] = Counter()
        self.enough = threading.Event()

    def take(self, group: Sequence[InboundMessage], now_ms: int) -> list[InboundMessage]:
        self.groups.append([m.topic.rpartition("/")[2] for m in group])
        if len(self.groups) == 3:
            self.enough.set()
        return []

    def behind(self) -> int:
        return BEHIND_ENTRIES + 1 if len(self.groups) < 2 else BEHIND_ENTRIES


def test_history_trickles_while_the_warnings_are_behind_and_alarms_and_live_readings_do_not() -> None:
    ingest = FakeIngest()
    receive = MqttReceiver("127.0.0.1", 1, cast("Any", ingest), SystemClock(), "d", behind=ingest.behind)
    for kind, count in ((TopicKind.HISTORY, 500), (TopicKind.LIVE, 30), (TopicKind.ALARM, 3)):
        for _ in range(count):
            message = MQTTMessage(topic=str(Topic("d", "g", kind)).encode())
            receive._on_message(cast("Any", None), None, message)
    receive._committer.start()
    assert ingest.enough.wait(20)
    receive.stop()
    trickle, more = ["history"] * HISTORY_TRICKLE, ["history"] * HISTORY_AT_ONCE
    assert ingest.groups[:3] == [["alarm"] * 3 + ["live"] * 30 + trickle, trickle, more]
