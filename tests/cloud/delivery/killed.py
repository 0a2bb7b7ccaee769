"""A process that delivers to one consumer and is killed (SIGKILL) at a step that a test names."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Engine, event, select

from cloud.delivery.base import Sink, TakesNotices
from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.maintenance_queue import OPENING
from cloud.delivery.notice import Notice
from cloud.delivery.settings import EgressSettings
from cloud.delivery.sinks.registry import AnySinkSettings
from cloud.delivery.tables import maintenance_deliveries
from cloud.delivery.wants import Kind, Wants
from cloud.ledger.open import open_ledger
from cloud.warnings.model import Message
from tests.cloud.delivery.played import PlayedClock, delivered

RULES = EgressSettings(allow_networks=("127.0.0.1/32",), allow_http=("127.0.0.1",)).rules()
_ROUNDS = 20
_ENDS_S = 60.0


class Step(Enum):
    """After which the process is killed."""

    CHOSEN = auto()  # nothing is written yet
    WRITTEN = auto()  # the ledger says that the consumer may have it; it has not
    ANSWERED = auto()  # the consumer has it; the ledger does not say so
    MARKED = auto()  # the ledger says so


class Victim:
    """A process that its consumer kills in the middle of their conversation."""

    def __init__(self) -> None:
        self.armed = False
        self._process: BaseProcess | None = None
        self._there = threading.Event()

    def arm(self) -> None:
        """The next one that is struck dies."""
        self._there.clear()
        self.armed = True

    def is_(self, process: BaseProcess) -> None:
        """It has begun."""
        self._process = process
        self._there.set()

    def strike(self) -> None:
        """From the consumer's thread. Returns when the process is dead; nothing happens when it is not armed."""
        if not self.armed:
            return
        assert self._there.wait(_ENDS_S)
        assert self._process is not None
        assert self._process.pid is not None
        self.armed = False
        os.kill(self._process.pid, signal.SIGKILL)
        wait([self._process.sentinel], _ENDS_S)


def made(settings: dict[str, Any], base: Path) -> Sink:
    """The sink of an entry of `delivery:`."""
    return TypeAdapter(AnySinkSettings).validate_python(settings).make(base, RULES)


@dataclass(frozen=True, slots=True)
class Delivery:
    """settings: an entry of `delivery:`, relative to `base`; make: its sink. ledger_url: with its password, if any."""

    ledger_url: str
    settings: dict[str, Any]
    base: Path
    make: Callable[[dict[str, Any], Path], Sink] = made

    def killed_after(self, step: Step, message: str) -> None:
        """Delivers in a process of its own until that step of that message. Raises AssertionError when none came."""
        self._dies(step, message, None)

    def killed_by(self, victim: Victim) -> None:
        """Delivers in a process of its own until the consumer kills it. Raises AssertionError when it does not."""
        victim.arm()
        self._dies(None, "", victim)

    def _dies(self, step: Step | None, message: str, victim: Victim | None) -> None:
        context = mp.get_context("forkserver")
        context.set_forkserver_preload([__name__])  # what costs a second is done once
        process = context.Process(target=_live, args=(self, step, message))
        process.start()
        if victim is not None:
            victim.is_(process)
        process.join(_ENDS_S)
        assert process.exitcode == -signal.SIGKILL, f"it ended with {process.exitcode} before {step} of {message}"

    def to_the_end(self, ledger: Engine, message: str) -> None:
        """A new life of the cloud: until the ledger says that the message is delivered."""
        dispatcher = self.dispatcher(ledger)
        for _ in range(_ROUNDS):
            dispatcher.step()
            if message in {*delivered(ledger, self.settings["name"]), *ended(ledger, self.settings["name"])}:
                return
        raise AssertionError(f"{message} is not delivered after {_ROUNDS} rounds: {dispatcher.trouble()}")

    def dispatcher(self, ledger: Engine, dying: _Dying | None = None) -> Dispatcher:
        sink = self.make(self.settings, self.base)
        if dying is not None:
            dying.sink, sink = sink, dying
        wants = Wants(frozenset({Kind.WARNING, Kind.MAINTENANCE}))
        return Dispatcher(ledger, sink, PlayedClock(), wants=wants, least_s=0.0, spawn=lambda attempt: attempt())


def ended(ledger: Engine, sink: str) -> set[str]:
    """Maintenance notices that a sink is done with, by the ids under which they are told."""
    d = maintenance_deliveries.c
    with ledger.connect() as db:
        found = db.execute(select(d.notice, d.part).where(d.sink == sink, d.done_ms.is_not(None)))
        return {row.notice if row.part == OPENING else f"{row.notice}-over" for row in found}


@dataclass(slots=True)
class _Dying:
    """A sink whose process ends before it hands a message over, or after."""

    name: str
    step: Step | None
    message: str
    sink: Sink | None = None

    def deliver(self, message: Message) -> str:
        assert self.sink is not None
        return self._around(message.id, partial(self.sink.deliver, message))

    def notify(self, notice: Notice) -> str:
        assert isinstance(self.sink, TakesNotices)
        return self._around(notice.id, partial(self.sink.notify, notice))

    def _around(self, name: str, hand_over: Callable[[], str]) -> str:
        if name == self.message and self.step is Step.WRITTEN:
            _die()
        receipt = hand_over()
        if name == self.message and self.step is Step.ANSWERED:
            _die()
        return receipt

    def close(self) -> None: ...


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _live(of: Delivery, step: Step | None, message: str) -> None:
    ledger = open_ledger(of.ledger_url)
    name = of.settings["name"]
    dispatcher = of.dispatcher(ledger, _Dying(name, step, message))

    @event.listens_for(ledger, "before_cursor_execute")
    def about_to_write(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if step is Step.CHOSEN and ("INTO deliveries" in statement or "INTO maintenance_deliveries" in statement):
            _die()

    for _ in range(_ROUNDS):
        dispatcher.step()
        if step is Step.MARKED and message in {*delivered(ledger, name), *ended(ledger, name)}:
            _die()
