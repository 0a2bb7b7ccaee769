"""Streams of events: how many are open, and whose."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from cloud.api.answering import RETRY_AFTER_S
from cloud.api.problems import Problem

_MEDIA = "text/event-stream"
RETRY_MS = 500
_LATER = {"Retry-After": str(RETRY_AFTER_S)}


class Places:
    """For one event loop. at_once: of all. each: of one caller."""

    def __init__(self, at_once: int, each: int) -> None:
        self._at_once, self._each = at_once, each
        self._open: Counter[str] = Counter()

    def take(self, who: str) -> None:
        """Looks and takes in one step, or all who come together would find the same place free.

        Raises Problem (429, 503) where none is left: one caller must not take those of all.
        """
        if self._open[who] >= self._each:
            raise Problem(429, "Too many streams", f"{self._each} of yours are open: read those, or close some", _LATER)
        if self._open.total() >= self._at_once:
            raise Problem(
                503, "Too many streams", f"{self._at_once} are open: come again, or take a webhook or the feed", _LATER
            )
        self._open[who] += 1

    def give_back(self, who: str) -> None:
        self._open[who] -= 1
        self._open += Counter()  # leaves out who has none


class Events(StreamingResponse):
    """A stream of events, which has its place from here on until it ends, or the caller goes."""

    def __init__(self, events: AsyncIterator[bytes], places: Places, who: str) -> None:
        """Raises Problem (429, 503) where there is no place."""
        places.take(who)
        super().__init__(events, media_type=_MEDIA, headers={"X-Accel-Buffering": "no"})
        self._places, self._who = places, who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.give_back(self._who)


def must_be_asked_for(request: Request) -> None:
    """Raises Problem(406) where the caller does not say that he reads a stream."""
    if _MEDIA not in request.headers.get("accept", ""):
        raise Problem(406, "This is a stream", f"send Accept: {_MEDIA}, and read line by line")


async def with_retry(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """First it says after how long to come again."""
    yield b"retry: %d\n\n" % RETRY_MS
    async for event in events:
        yield event
