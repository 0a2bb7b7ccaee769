"""A ledger with messages, a clock that a test moves, and a consumer that answers by script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, insert, select

from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.notice import Notice
from cloud.delivery.tables import deliveries
from cloud.delivery.values import Policy
from cloud.warnings import tables as t
from cloud.warnings.model import Message, MsgType
from contract.catalogue.rules import Level
from contract.clock import iso
from tests.waiting import until

START_MS = 1_626_768_000_000


def cap(ends_ms: int | None) -> bytes:
    """As much of a text as delivery reads."""
    ends = "" if ends_ms is None else f"<expires>{iso(ends_ms).replace('Z', '+00:00')}</expires>"
    return f'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><info>{ends}</info></alert>'.encode()


def message(
    number: int, incident: str, kind: str = "Alert", level: str = "red", lasts_s: float | None = 3600.0
) -> Message:
    sent_ms = START_MS + number
    xml = cap(None if lasts_s is None else START_MS + round(lasts_s * 1000))
    return Message(f"m{number}", incident, sent_ms, MsgType(kind), Level(level), (), xml)


def put(ledger: Engine, *messages: Message) -> None:
    """Into the ledger, as the view does: the number stands in the id."""
    with ledger.begin() as db:
        for m in messages:
            row = {"number": int(m.id[1:]), "id": m.id, "incident": m.incident, "sent_ms": m.sent_ms, "refs": "[]"}
            said = {"msg_type": m.msg_type.value, "level": m.level.value, "cap_xml": m.cap_xml}
            db.execute(insert(t.messages).values(**row, **said))


def rows(ledger: Engine, sink: str = "c") -> dict[str, Any]:
    with ledger.connect() as db:
        return {r.message: r for r in db.execute(select(deliveries).where(deliveries.c.sink == sink))}


def noted(ledger: Engine, sink: str = "c") -> dict[str, str]:
    """Message -> why it did not go out."""
    return {m: r.noted for m, r in rows(ledger, sink).items() if r.noted is not None}


def delivered(ledger: Engine, sink: str = "c") -> set[str]:
    return {m for m, r in rows(ledger, sink).items() if r.delivered_ms is not None}


class PlayedClock:
    """Stands still until it is moved."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_ms(self) -> int:
        return self._now_ms - START_MS + 5000

    def real_s(self, scenario_s: float) -> float:
        return scenario_s

    async def sleep(self, scenario_s: float) -> None:
        raise AssertionError("nobody sleeps here")

    def move(self, seconds: float) -> None:
        self._now_ms += round(seconds * 1000)


@dataclass
class Consumer:
    """Answers with what the script says of a message, in turn: exceptions are raised, then everything is taken."""

    name: str = "c"
    script: list[Exception] = field(default_factory=list)
    of: dict[str, list[Exception]] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    has: list[str] = field(default_factory=list)
    told: list[Notice] = field(default_factory=list)
    tests: list[Exception] = field(default_factory=list)

    def deliver(self, message: Message) -> str:
        self.tried.append(message.id)
        script = self.of.get(message.id, []) or self.script
        if script:
            raise script.pop(0)
        self.has.append(message.id)
        return "thanks"

    def notify(self, notice: Notice) -> str:
        self.told.append(notice)
        if self.tests:
            raise self.tests.pop(0)
        return "thanks"

    def close(self) -> None: ...


class Plain:
    """A sink that takes warnings alone, as those of other people's may."""

    def __init__(self, consumer: Consumer) -> None:
        self.name, self.deliver, self.close = consumer.name, consumer.deliver, consumer.close


class Blocking(Consumer):
    """Takes a message when it is let to."""

    def __init__(self, name: str = "c") -> None:
        super().__init__(name)
        self.free = threading.Semaphore(0)

    def deliver(self, message: Message) -> str:
        self.tried.append(message.id)
        assert self.free.acquire(timeout=60)
        self.has.append(message.id)
        return "thanks"


@contextmanager
def delivering(
    ledger: Engine, consumer: Any, clock: PlayedClock | None = None, policy: Policy | None = None, **more: Any
) -> Iterator[Dispatcher]:
    """A dispatcher at work, that looks a hundred times a second and never hurries a consumer in trouble."""
    d = Dispatcher(
        ledger, consumer, clock or PlayedClock(), policy or Policy(), idle_s=0.01, again_s=0.01, least_s=0.0, **more
    )
    d.start()
    try:
        yield d
    finally:
        d.stop()


def played(clock: PlayedClock, done: Callable[[], object], step_s: float = 1.0) -> None:
    """Moves the clock until it is done, a step whenever the last one brought nothing for a while."""
    import time

    deadline_s = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline_s, "not within 60 s"
        time.sleep(0.005)
        clock.move(step_s)


__all__ = ["Blocking", "Consumer", "Plain", "PlayedClock", "cap", "delivered", "delivering", "message", "noted"]
__all__ += ["START_MS", "played", "put", "rows", "until"]
