"""What consumers are told beside warnings: how other consumers are, maintenance, heartbeats and tests. Pure.

A notice is never a warning: its JSON says what it is in `type`, and only a test carries CAP, of status Test.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from typing import Any

from lxml import etree

from cloud.delivery.heartbeat import Heartbeat
from cloud.delivery.wants import Kind
from contract.clock import from_ms, iso

_NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
_TRIES = 5


class NoticeType(StrEnum):
    """Standard Webhooks 1.0.0, event types."""

    GONE = "sink.gone"
    SILENT = "sink.silent"  # it has taken nothing for minutes
    BACK = "sink.back"
    TEST = "sink.test"
    HEARTBEAT = "heartbeat"
    MAINTENANCE = "maintenance"


_KINDS = {
    NoticeType.GONE: Kind.CONSUMER,
    NoticeType.SILENT: Kind.CONSUMER,
    NoticeType.BACK: Kind.CONSUMER,
    NoticeType.MAINTENANCE: Kind.MAINTENANCE,
}


@dataclass(frozen=True, slots=True)
class Notice:
    """id: of its own, the same at each try. sink: which it is about; empty of a maintenance notice. cap_xml: of tests.

    more: what else is told of it, in JSON's own values.
    """

    type: NoticeType
    id: str
    sink: str
    sent_ms: int
    why: str
    cap_xml: bytes | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind | None:
        """What a consumer's `kinds` must hold; None: it is sent to this one consumer on purpose."""
        return _KINDS.get(self.type)

    def body(self) -> dict[str, Any]:
        """As consumers get it."""
        test = self.type is NoticeType.TEST
        said = {"type": self.type.value, "id": self.id, "test": test, "sent": iso(self.sent_ms), "sink": self.sink}
        cap = {"status": "Test", "cap": self.cap_xml.decode()} if self.cap_xml else {}
        return {**said, "why": self.why, **cap, **self.more}


def about(kind: NoticeType, sink: str, why: str, now_ms: int) -> Notice:
    """That a sink is gone, silent or back."""
    return Notice(kind, f"{kind.value}-{sink}-{now_ms}", sink, now_ms, why)


def beat_of(sink: str, beat: Heartbeat) -> Notice:
    """A heartbeat for one consumer."""
    name = f"{NoticeType.HEARTBEAT.value}-{sink}-{beat.number}"
    return Notice(NoticeType.HEARTBEAT, name, sink, beat.sent_ms, "the cloud lives", more=beat.body())


def maintenance(name: str, what: str, now_ms: int, more: Mapping[str, Any]) -> Notice:
    """For engineers, never for the public. name: an id of its own. what: in a sentence."""
    return Notice(NoticeType.MAINTENANCE, name, "", now_ms, what, more=more)


IS_IT_BACK = "the consumer answered 410 Gone: is it back?"


def test_of(sink: str, sender: str, now_ms: int, zone: tzinfo, why: str = IS_IT_BACK) -> Notice:
    """A test message. sender: as in CAP. zone: in which times are said.

    Source: CAP 1.2, 3.2.1 status `Test`: "technical testing only, all recipients disregard".
    """
    identifier = f"{NoticeType.TEST.value}-{sink}-{now_ms}"
    alert = etree.Element(f"{{{_NAMESPACE}}}alert", nsmap={None: _NAMESPACE})
    sent = from_ms(now_ms).astimezone(zone).isoformat(timespec="seconds")
    for tag, text in (
        ("identifier", identifier),
        ("sender", sender),
        ("sent", sent),
        ("status", "Test"),
        ("msgType", "Alert"),
        ("scope", "Private"),
        ("addresses", sink),
        ("note", "Test of the delivery, no warning"),
    ):
        _add(alert, tag, text)
    info = _add(alert, "info")
    for tag, text in (
        ("language", "en"),
        ("category", "Other"),
        ("event", "Test of the delivery"),
        ("urgency", "Unknown"),
        ("severity", "Unknown"),
        ("certainty", "Unknown"),
        ("headline", "Test of the delivery: this is no warning"),
    ):
        _add(info, tag, text)
    xml: bytes = etree.tostring(alert, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return Notice(NoticeType.TEST, identifier, sink, now_ms, why, xml)


@dataclass(slots=True)
class Notices:
    """Those that wait for one consumer: one after another, each a few times, then let go: the page says it, too.

    From several threads: `add` from any, the rest from one.
    """

    pause_ms: int = 10_000
    _waiting: deque[Notice] = field(default_factory=lambda: deque(maxlen=50))
    _tries: int = 0
    _due_ms: int = 0
    _busy: bool = False

    def add(self, notice: Notice) -> None:
        """Behind what waits already."""
        self._waiting.append(notice)

    def next(self, now_ms: int) -> Notice | None:
        """What to send now; it counts as under way until `done`."""
        if self._busy or not self._waiting or now_ms < self._due_ms:
            return None
        self._busy = True
        return self._waiting[0]

    def done(self, taken: bool, now_ms: int) -> None:
        """Of the one under way."""
        self._busy = False
        self._tries += 1
        if taken or self._tries >= _TRIES:
            self._waiting.popleft()
            self._tries = self._due_ms = 0
        else:
            self._due_ms = now_ms + self.pause_ms


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{_NAMESPACE}}}{tag}")
    element.text = text
    return element
