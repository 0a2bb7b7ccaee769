"""What the receiver takes next: little history while the warnings are behind, more when they have caught up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from paho.mqtt.client import MQTTMessage

from cloud.lanes import HISTORY_AT_ONCE, HISTORY_TRICKLE
from cloud.receive import BEHIND_ENTRIES, ReceiveService
from cloud.receiver import Message
from contract.clock import SystemClock
from contract.topics import Kind, Topic


class Intake:
    """Says nothing and counts. At the second group the warnings have caught up."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.counts: Counter[str] = Counter()
        self.enough = threading.Event()

    def take(self, group: Sequence[Message], now_ms: int) -> list[Message]:
        self.groups.append([m.topic.rpartition("/")[2] for m in group])
        if len(self.groups) == 3:
            self.enough.set()
        return []

    def behind(self) -> int:
        return BEHIND_ENTRIES + 1 if len(self.groups) < 2 else BEHIND_ENTRIES


def test_history_trickles_while_the_warnings_are_behind_and_alarms_and_live_readings_do_not() -> None:
    intake = Intake()
    receive = ReceiveService("127.0.0.1", 1, cast("Any", intake), SystemClock(), "d")
    receive.behind = intake.behind
    for kind, count in ((Kind.HISTORY, 500), (Kind.LIVE, 30), (Kind.ALARM, 3)):
        for _ in range(count):
            message = MQTTMessage(topic=str(Topic("d", "g", kind)).encode())
            receive._on_message(cast("Any", None), None, message)
    receive._committer.start()
    assert intake.enough.wait(20)
    receive.stop()
    trickle, more = ["history"] * HISTORY_TRICKLE, ["history"] * HISTORY_AT_ONCE
    assert intake.groups[:3] == [["alarm"] * 3 + ["live"] * 30 + trickle, trickle, more]
