"""The newest readings of chosen channels as server-sent events: `/v1/latest/stream` (HTML standard, 9.2).

What is new is looked for once a second while anybody listens, and put into words once for all who do; each gets the
lines of its channels. An event's id is the look it comes from: who comes again with `Last-Event-ID` of one that is
remembered gets what changed since, anybody else the newest reading of each channel.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from fastapi import Depends, FastAPI, Header, Request

from cloud.api import rows
from cloud.api.answering import whose
from cloud.api.event_ids import EventIds, event
from cloud.api.places import Events, Places, must_be_asked_for, with_retry
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.selection import Selection
from cloud.api.turns import Turns
from contract.channel_rows import channel_rows
from contract.readings import ReadingBatch, Uint32s

LISTENERS, EACH = 500, 250  # of all, and of one caller: a wall of screens may share a key
MOST_CHANNELS = 1000
_LIFE_S = 60.0  # then the caller comes again, and is asked who he is: a key that is revoked reads no longer than that
_STEPS = 60
_ALIVE_S = 15.0


@dataclass(frozen=True, slots=True)
class Step:
    """What a look found new. channel: rising. lines: a JSON object of each one's newest reading."""

    number: int
    channel: Uint32s
    lines: list[bytes]

    def of(self, wanted: Uint32s) -> list[bytes]:
        """wanted: rising."""
        found = channel_rows(self.channel, wanted)
        return [self.lines[i] for i in found[found >= 0].tolist()]


class Live:
    """For one event loop. snapshot: the newest reading of every channel, by channel; called in a thread, once for all.

    epoch_ms: see `EventIds`.
    """

    def __init__(self, snapshot: Callable[[], ReadingBatch], epoch_ms: int, every_s: float = 1.0) -> None:
        self._snapshot, self._ids, self._every_s = snapshot, EventIds(epoch_ms), every_s
        self._turns = Turns(1)
        self._known = ReadingBatch.empty()
        self._number, self._looked_s = 0, float("-inf")
        self._steps: deque[Step] = deque(maxlen=_STEPS)
        self._looking: asyncio.Future[None] | None = None

    async def events(self, wanted: Uint32s, last_id: str, life_s: float) -> AsyncIterator[bytes]:
        """wanted: rising. Until its life ends, or the listener goes."""
        ends_s, number = time.monotonic() + life_s, self._ids.number(last_id)
        said_s = time.monotonic()
        while time.monotonic() < ends_s:
            await self._look()
            for one in self._since(number, wanted):
                yield one
                said_s = time.monotonic()
            number = self._number
            if time.monotonic() - said_s >= _ALIVE_S:
                yield b":\n\n"  # a comment: shows either side that the other is there
                said_s = time.monotonic()
            await asyncio.sleep(self._every_s)

    async def _look(self) -> None:
        """Shared by all who come while it lasts, and good for `every_s`."""
        if self._looking is None:
            if time.monotonic() - self._looked_s < self._every_s:
                return
            self._looking = asyncio.ensure_future(self._next())
            self._looking.add_done_callback(self._looked)
        await asyncio.shield(self._looking)

    async def _next(self) -> None:
        now, step = await self._turns.run(_changed, self._snapshot, self._known, self._number + 1)
        if len(step.channel):
            self._known, self._number = now, step.number
            self._steps.append(step)

    def _looked(self, _: asyncio.Future[None]) -> None:
        self._looking, self._looked_s = None, time.monotonic()

    def _since(self, number: int, wanted: Uint32s) -> Iterator[bytes]:
        behind = self._number - number
        if behind < 0 or behind > len(self._steps):
            places = channel_rows(self._known.channel, wanted)
            yield event("whole", self._ids.of(self._number), _list(_lines(self._known.take(places[places >= 0]))))
            return
        for step in list(self._steps)[len(self._steps) - behind :]:
            lines = step.of(wanted)
            if lines:
                yield event("readings", self._ids.of(step.number), _list(lines))


def _list(lines: list[bytes]) -> bytes:
    return b"[%s]" % b",".join(lines)


def _changed(snapshot: Callable[[], ReadingBatch], known: ReadingBatch, number: int) -> tuple[ReadingBatch, Step]:
    now = snapshot()
    place = channel_rows(known.channel, now.channel)
    new = np.ones(len(now), np.bool_)
    there = np.flatnonzero(place >= 0)
    before = known.take(place[there])
    same = (now.time_ms[there] == before.time_ms) & (now.flag[there] == before.flag)
    same &= (now.value[there] == before.value) | (np.isnan(now.value[there]) & np.isnan(before.value))
    new[there] = ~same
    changed = now.take(np.flatnonzero(new))
    return now, Step(number, changed.channel, _lines(changed))


def _lines(batch: ReadingBatch) -> list[bytes]:
    """As `/v1/readings` says them."""
    if not len(batch):
        return []
    return [line.rstrip(b",") for line in bytes(rows.readings_json(batch))[1:-1].split(b"\n")]


def mount(app: FastAPI, services: Services) -> None:
    live = Live(services.latest.snapshot, services.clock.now_ms())
    places = Places(LISTENERS, EACH)

    @app.get("/v1/latest/stream")
    async def latest_stream(
        request: Request,
        selection: Annotated[Selection, Depends()],
        last_event_id: Annotated[str, Header(max_length=64)] = "",
    ) -> Events:
        """Server-sent events: `whole` first, the newest reading of each channel that is named, then `readings`, those
        that came since, about once a second. Of several readings of a channel within a second the newest is told; all
        of them are in /v1/readings. It ends after a minute; clients of EventSource come again by themselves and go on
        where they were. It wants `Accept: text/event-stream`, as they send it."""
        must_be_asked_for(request)
        wanted = np.array(selection.channels(services.catalogue), np.uint32)
        if len(wanted) > MOST_CHANNELS:
            what = f"{len(wanted)} channels are meant, at most {MOST_CHANNELS} in a stream: name fewer, or open several"
            raise Problem(413, "Too many channels", what)
        events = live.events(wanted, last_event_id, _LIFE_S)
        return Events(with_retry(events), places, whose(request.scope))
