"""A process that delivers to one consumer and is killed (SIGKILL) at a step that a test names."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Engine, event

from cloud.delivery.base import Sink
from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.settings import EgressSettings
from cloud.delivery.sinks.registry import AnySinkSettings
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


@dataclass(frozen=True, slots=True)
class Delivery:
    """settings: an entry of `delivery:`, relative to `base`. ledger_url: with its password, if it has one."""

    ledger_url: str
    settings: dict[str, Any]
    base: Path

    def killed_after(self, step: Step, message: str) -> None:
        """Delivers in a process of its own until that step of that message. Raises AssertionError when none came."""
        context = mp.get_context("forkserver")
        context.set_forkserver_preload([__name__])  # what costs a second is done once
        process = context.Process(target=_live, args=(self, step, message))
        process.start()
        process.join(_ENDS_S)
        assert process.exitcode == -signal.SIGKILL, f"it ended with {process.exitcode} before {step.name} of {message}"

    def to_the_end(self, ledger: Engine, message: str) -> None:
        """A new life of the cloud: until the ledger says that the message is delivered."""
        dispatcher = self.dispatcher(ledger)
        for _ in range(_ROUNDS):
            dispatcher.step()
            if message in delivered(ledger, self.settings["name"]):
                return
        raise AssertionError(f"{message} is not delivered after {_ROUNDS} rounds: {dispatcher.trouble()}")

    def dispatcher(self, ledger: Engine, dying: _Dying | None = None) -> Dispatcher:
        sink = TypeAdapter(AnySinkSettings).validate_python(self.settings).make(self.base, RULES)
        if dying is not None:
            dying.sink, sink = sink, dying
        return Dispatcher(ledger, sink, PlayedClock(), least_s=0.0, spawn=lambda attempt: attempt())


@dataclass(slots=True)
class _Dying:
    """A sink whose process ends before it hands a message over, or after."""

    name: str
    step: Step
    message: str
    sink: Sink | None = None

    def deliver(self, message: Message) -> str:
        assert self.sink is not None
        mine = message.id == self.message
        if mine and self.step is Step.WRITTEN:
            _die()
        receipt = self.sink.deliver(message)
        if mine and self.step is Step.ANSWERED:
            _die()
        return receipt

    def close(self) -> None: ...


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _live(of: Delivery, step: Step, message: str) -> None:
    ledger = open_ledger(of.ledger_url)
    name = of.settings["name"]
    dispatcher = of.dispatcher(ledger, _Dying(name, step, message))

    @event.listens_for(ledger, "before_cursor_execute")
    def about_to_write(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if step is Step.CHOSEN and "INSERT INTO deliveries" in statement:
            _die()

    for _ in range(_ROUNDS):
        dispatcher.step()
        if step is Step.MARKED and message in delivered(ledger, name):
            _die()
