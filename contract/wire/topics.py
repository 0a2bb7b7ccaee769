"""MQTT topics, one place for both sides.

    headwater/1/<district>/<gateway>/up/<lane>   batches, edge to cloud
    headwater/1/<district>/<gateway>/birth       who connected, with what spool
    headwater/1/<district>/<gateway>/online      retained "1"; the broker's last will sets "0"
    headwater/1/<district>/<gateway>/state       what waits in its spool, and why, every half minute
    headwater/1/<district>/<gateway>/ack         what is durable, cloud to edge

Ids are catalogue ids (letters, digits, '-', '_', '.'), so they hold none of
MQTT's '/', '+', '#'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from contract.identifiers import ID_PATTERN

ROOT = "headwater/1"
_TOPIC = re.compile(rf"{ROOT}/({ID_PATTERN})/({ID_PATTERN})/(up/alarm|up/live|up/history|birth|state|online|ack)")


class TopicKind(StrEnum):
    """What a message is, as the last part of its topic: three lanes of batches go up, acknowledgements come down."""

    ALARM = "up/alarm"
    LIVE = "up/live"
    HISTORY = "up/history"
    BIRTH = "birth"
    STATE = "state"
    ONLINE = "online"
    ACK = "ack"


UP_KINDS = (TopicKind.ALARM, TopicKind.LIVE, TopicKind.HISTORY)


@dataclass(frozen=True, slots=True)
class Topic:
    """An MQTT topic of ours: of one gateway of one district. Its text is what is published to."""

    district: str
    gateway: str
    kind: TopicKind

    def __str__(self) -> str:
        return f"{ROOT}/{self.district}/{self.gateway}/{self.kind.value}"


def parse_topic(text: str) -> Topic | None:
    """The topic's parts, or None when it is not one of ours."""
    match = _TOPIC.fullmatch(text)
    return Topic(match[1], match[2], TopicKind(match[3])) if match else None


def filters_of(district: str = "+", gateway: str = "+") -> list[str]:
    """What a receiver subscribes to: of one gateway, or of all."""
    return [f"{ROOT}/{district}/{gateway}/{kind}" for kind in ("up/+", "birth", "state", "online")]
