"""Warnings as they are told, and heartbeats, as server-sent events: `/v1/stream` (HTML standard, 9.2).

An event's id is its message's id; who comes again with `Last-Event-ID` gets what followed it, else what is in force.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request
from sqlalchemy.exc import SQLAlchemyError

from cloud.api.answering import whose
from cloud.api.places import RETRY_MS, Events, Places, must_be_asked_for
from cloud.api.ports import Services
from cloud.api.turns import Turns
from cloud.delivery.base import body_of
from cloud.delivery.heartbeat import heartbeat
from cloud.warnings.model import Message

AT_ONCE, EACH = 100, 10  # streams, of all and of one caller
_LIFE_S = 60.0  # then the caller comes again, and is asked who he is: a key that is revoked reads no longer than that
_LOOK_S, _ALIVE_S = 0.5, 15.0
_PAGE = 20  # messages read at once: what a slow reader holds in memory


class Stream:
    """One caller's. look_s: between two looks whether there is anything new."""

    def __init__(self, services: Services, turns: Turns, life_s: float = _LIFE_S, look_s: float = _LOOK_S) -> None:
        self._services, self._turns, self._life_s, self._look_s = services, turns, life_s, look_s
        self._number = 0  # of the last message that was sent
        self._beat = -1

    async def events(self, last_id: str) -> AsyncIterator[bytes]:
        """Until its life ends, or the caller goes. The ledger out of reach: it waits, and the heartbeat goes on."""
        yield b"retry: %d\n\n" % RETRY_MS
        ends_s, said_s = time.monotonic() + self._life_s, time.monotonic()
        begun, version = False, -1
        while time.monotonic() < ends_s:
            found: Sequence[tuple[int, Message]] = ()
            now = self._services.warnings.version()
            if now != version or not begun:
                try:
                    found = await self._turns.run(self._next, begun, last_id)
                    begun, version = True, version if len(found) >= _PAGE else now
                except SQLAlchemyError:
                    found = ()
            for number, message in found:
                yield _event(message.id, "warning", body_of(message))
                self._number = max(self._number, number)
            beat = heartbeat(self._services.clock.now_ms(), self._services.as_of())
            if beat.number != self._beat:
                self._beat = beat.number
                yield _event("", "heartbeat", beat.body())
                said_s = time.monotonic()
            elif time.monotonic() - said_s >= _ALIVE_S:
                yield b":\n\n"  # a comment: shows either side that the other is there
                said_s = time.monotonic()
            if len(found) < _PAGE:
                await asyncio.sleep(self._look_s)

    def _next(self, begun: bool, last_id: str) -> Sequence[tuple[int, Message]]:
        reader = self._services.warnings
        if begun:
            return reader.since(self._number, _PAGE)
        known = reader.number_of(last_id) if last_id else None
        if known is not None:
            self._number = known
            return reader.since(known, _PAGE)
        self._number, standing = reader.standing(self._services.clock.now_ms())
        return standing


def _event(name: str, kind: str, data: dict[str, Any]) -> bytes:
    """name: empty of one that is no place to go on from."""
    head = f"id: {name}\n" if name else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def mount(app: FastAPI, services: Services) -> None:
    """At most `AT_ONCE` streams, `EACH` of one caller: each holds a connection for a minute, then comes again."""
    turns, places = Turns(2), Places(AT_ONCE, EACH)

    @app.get("/v1/stream")
    async def stream(request: Request, last_event_id: Annotated[str, Header(max_length=128)] = "") -> Events:
        """Server-sent events: `warning` (a message as webhooks get it) and `heartbeat`, one a minute. It ends after a
        minute, and clients of EventSource come again by themselves, with the id of what they had last. It wants
        `Accept: text/event-stream`, as they send it."""
        must_be_asked_for(request)
        return Events(Stream(services, turns).events(last_event_id), places, whose(request.scope))
