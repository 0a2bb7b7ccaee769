"""One overview for all who look: made once a second while anybody does, and what changed in it told to all at once.

An event's id is the version it leads to. Who comes again with `Last-Event-ID` of one that is remembered gets what
changed since, step by step; anybody else the whole.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy.exc import SQLAlchemyError

from cloud.api.event_ids import EventIds, event
from cloud.api.turns import Turns
from cloud.overview.changes import changes

_STEPS = 60  # so many changes are remembered: a minute of them
EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Made:
    """An overview and the ways to it. steps: the events that lead from the ones before it, the newest last."""

    number: int
    version: str
    document: dict[str, Any]
    body: bytes
    steps: deque[bytes] = field(default_factory=lambda: deque(maxlen=_STEPS))

    def since(self, number: int) -> list[bytes]:
        """The events that lead here from that number; where those are not known, one with the whole."""
        behind = self.number - number
        if behind < 0 or behind > len(self.steps):
            return [event("overview", self.version, self.body)]
        return list(self.steps)[len(self.steps) - behind :]


class Overviews:
    """For one event loop. make: the overview as it is now, without its version; called in a thread, by one at a time.

    epoch_ms: see `EventIds`. every_s: an overview older than that is made anew for whoever asks next.
    """

    def __init__(self, make: Callable[[], dict[str, Any]], epoch_ms: int, every_s: float = EVERY_S) -> None:
        self._make, self._ids, self.every_s = make, EventIds(epoch_ms), every_s
        self._turns = Turns(1)
        self._made: Made | None = None
        self._made_s = 0.0
        self._making: asyncio.Future[Made] | None = None

    async def newest(self) -> Made:
        """Shared by all who ask while it is made. Raises what making it raises."""
        if self._made is not None and time.monotonic() - self._made_s < self.every_s:
            return self._made
        if self._making is None:
            self._making = asyncio.ensure_future(self._turns.run(self._next, self._made))
            self._making.add_done_callback(self._ended)
        return await asyncio.shield(self._making)

    async def events(self, last_id: str, life_s: float) -> AsyncIterator[bytes]:
        """What a listener gets, about every second, until its life ends, it goes, or the ledger is out of reach."""
        ends_s, number = time.monotonic() + life_s, self._ids.number(last_id)
        while time.monotonic() < ends_s:
            try:
                made = await self.newest()
            except SQLAlchemyError:
                return  # it comes again, and is answered 503 until there is something to tell
            for one in made.since(number):
                yield one
            number = made.number
            await asyncio.sleep(self.every_s)

    def _next(self, before: Made | None) -> Made:
        number = 1 if before is None else before.number + 1
        version = self._ids.of(number)
        document = {"version": version, **self._make()}
        made = Made(number, version, document, orjson.dumps(document))
        if before is not None:
            told = event("changes", version, orjson.dumps(changes(before.document, document)))
            made.steps.extend((*before.steps, told))
        return made

    def _ended(self, making: asyncio.Future[Made]) -> None:
        self._making = None
        if not making.cancelled() and making.exception() is None:
            self._made, self._made_s = making.result(), time.monotonic()
