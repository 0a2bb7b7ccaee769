"""One thread a sink: takes the ledger's messages in order, and goes on only when one is delivered or given up.

A slow or dead consumer holds up itself alone. One that answers 410 is left alone until the next start. In the first
five minutes of a failure it is tried every few seconds: a tunnel fills in ten.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Select, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from cloud.delivery.base import GivenUp, NotDelivered, Sink
from cloud.delivery.tables import deliveries
from cloud.warnings.model import Message
from cloud.warnings.store import message_of
from cloud.warnings.tables import messages
from contract.clock import Clock

log = logging.getLogger(__name__)

_IDLE_S = 0.5
_EAGER_S, _EAGER_FOR_S, _PATIENT_MAX_S = 2.0, 300.0, 300.0


@dataclass(frozen=True, slots=True)
class SinkState:
    """delivered, waiting: messages; None while the ledger is out of reach. trouble: empty when there is none."""

    name: str
    delivered: int | None
    waiting: int | None
    trouble: str


class Dispatcher:
    """Delivers the ledger's messages to one sink: `start`, then `stop`. Raises nothing but at the start."""

    def __init__(self, ledger: Engine, sink: Sink, clock: Clock) -> None:
        self._ledger, self._sink, self._clock = ledger, sink, clock
        self._stop = threading.Event()
        self._news = threading.Event()
        self._trouble = ""
        self._gone = False
        self._after = 0  # all messages up to this number are delivered: what is old is not looked at again
        self._thread = threading.Thread(target=self._run, name=f"deliver {sink.name}", daemon=True)

    @property
    def name(self) -> str:
        """Of its thread."""
        return self._thread.name

    @property
    def sink_name(self) -> str:
        """As in the configuration."""
        return self._sink.name

    def alive(self) -> bool:
        """Or at rest, because its consumer wants no more."""
        return self._gone or self._thread.is_alive()

    def start(self) -> None:
        """Begins with the oldest message that this sink has not delivered."""
        self._thread.start()

    def stop(self) -> None:
        """Waits for the attempt that is under way, 15 s at most."""
        self._stop.set()
        self._news.set()
        self._thread.join(15)
        self._sink.close()

    def wake(self) -> None:
        """There may be a new message. From any thread; without it the ledger is looked at twice a second."""
        self._news.set()

    def trouble(self) -> str:
        """Why messages do not reach the consumer, or will not again before the next start; empty when they do."""
        return self._trouble

    def state(self) -> SinkState:
        """How far it is. Asks the ledger, and stands for whoever asks when that is out of reach."""
        name = self._sink.name
        delivered = select(func.count()).where(deliveries.c.sink == name, deliveries.c.delivered_ms.is_not(None))
        try:
            with self._ledger.connect() as db:
                waiting = db.execute(self._undelivered(select(func.count()).select_from(messages))).scalar_one()
                return SinkState(name, db.execute(delivered).scalar_one(), waiting, self._trouble)
        except SQLAlchemyError as error:
            return SinkState(name, None, None, self._trouble or f"the ledger is out of reach: {error}")

    def _run(self) -> None:
        while not self._stop.is_set() and not self._gone:
            try:
                self._news.clear()  # before the look: what comes after it wakes us
                message = self._next()
                if message is None:
                    self._news.wait(_IDLE_S)
                else:
                    self._insist(message)
            except SQLAlchemyError as error:
                self._trouble = f"the ledger is out of reach: {error}"
                self._stop.wait(_EAGER_S)
            except Exception as error:  # a defect must not end the thread in silence: the next warning may matter
                self._trouble = f"{type(error).__name__}: {error}"
                log.exception("sink %s stumbled; it will try again", self._sink.name)
                self._stop.wait(_EAGER_S)

    def _next(self) -> Message | None:
        query = self._undelivered(select(messages)).order_by(messages.c.number).limit(1)
        with self._ledger.connect() as db:
            row = db.execute(query).first()
        if row is None:
            return None
        self._after = row.number - 1  # in order, and none is passed over: those before are delivered
        return message_of(row)

    def _undelivered(self, query: Select[Any]) -> Select[Any]:
        """Of messages: those that this sink has not delivered. Each costs one look into the deliveries' own key."""
        d, m = deliveries, messages
        mine = (d.c.sink == self._sink.name, d.c.message == m.c.id, d.c.delivered_ms.is_not(None))
        return query.where(m.c.number > self._after, ~select(d.c.message).where(*mine).correlate(m).exists())

    def _insist(self, message: Message) -> None:
        """Until the consumer has it, or wants no more."""
        began = time.monotonic()
        pause_s = _EAGER_S
        while not self._stop.is_set():
            try:
                receipt = self._sink.deliver(message)
            except NotDelivered as error:
                self._trouble = f"{message.id}: {error}"
                self._note(message, {"receipt": str(error)})
                log.warning("sink %s: %s", self._sink.name, self._trouble)
                if time.monotonic() - began > _EAGER_FOR_S:
                    pause_s = min(pause_s * 2, _PATIENT_MAX_S)
                self._stop.wait(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
            except GivenUp as error:
                self._trouble, self._gone = str(error), True
                self._note_surely(message, {"receipt": str(error), "given_up_ms": self._clock.now_ms()})
                log.error("sink %s is switched off: %s", self._sink.name, error)
                return
            else:
                self._trouble = ""
                self._note_surely(message, {"receipt": receipt, "delivered_ms": self._clock.now_ms()})
                return

    def _note_surely(self, message: Message, values: dict[str, Any]) -> None:
        """What the consumer has must not be sent again because the ledger is away: insist on writing it down."""
        while True:
            try:
                self._note(message, values)
                return
            except SQLAlchemyError as error:
                self._trouble = f"{message.id} has arrived, but the ledger is out of reach: {error}"
                if self._stop.wait(_EAGER_S):
                    raise

    def _note(self, message: Message, values: dict[str, Any]) -> None:
        d = deliveries
        with self._ledger.begin() as db:
            mine = (d.c.sink == self._sink.name, d.c.message == message.id)
            found = db.execute(update(d).where(*mine).values(attempts=d.c.attempts + 1, **values))
            if not found.rowcount:
                first = {"sink": self._sink.name, "message": message.id, "attempts": 1}
                db.execute(insert(d).values(first_ms=self._clock.now_ms(), **first, **values))
