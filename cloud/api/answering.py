"""An answer as it goes out: with our headers, piece by piece, and under the budget of what waits to be read; a refusal
as a problem document (RFC 9457), whoever made it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from cloud.access.access import Refused
from cloud.access.scopes import Caller
from cloud.api import problems
from cloud.api.guard import answer
from cloud.api.under_way import Full, Held, UnderWay

RETRY_AFTER_S = 2
_SLOWLY_S = 10  # a budget is full for as long as somebody reads slowly
# What goes out at once, before the peer must have read some of it. A smaller answer is under no budget: it stands in
# the connection's own buffer, and connections are counted.
PIECE_BYTES = 64 * 1024
_SAID_BYTES = 500
EVENTS = "text/event-stream"


class Streams:
    """Answers that go on and on, of all kinds and callers together: each holds a connection, and connections are
    counted. For one event loop. most: so many at once."""

    def __init__(self, most: int) -> None:
        self.most, self.open = most, 0


class NotWanted(OSError):
    """The answer was turned away. To whoever makes it piece by piece it is as if the peer had gone."""


class Answer:
    """`send` of one request. status: what has gone out; 0 before. turned_away: by us, for there was no room."""

    def __init__(
        self,
        scope: Scope,
        send: Send,
        under_way: UnderWay,
        dress: Callable[[Scope, MutableMapping[str, object]], None],
        streams: Streams | None = None,
    ) -> None:
        self._scope, self._send, self._under_way, self._dress = scope, send, under_way, dress
        self._start: Message | None = None
        self.status = 0
        self.turned_away = False
        self._told = False  # in words of ours, so that the framework's are not wanted
        self._streams, self._streaming = streams, False
        self._begins: Callable[[], Awaitable[None]] | None = None

    def when_it_begins(self, call: Callable[[], Awaitable[None]] | None) -> None:
        """Called once, when the answer is there and begins to go out."""
        self._begins = call

    def ended(self) -> None:
        """To be called when nothing more of it will come."""
        if self._streams is not None and self._streaming:
            self._streaming = False
            self._streams.open -= 1

    async def __call__(self, message: Message) -> None:
        if self.turned_away:
            raise NotWanted("there was no room for this answer")
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._told:
            return
        body = message.get("body", b"")
        held: Held | None = None
        if self._start is not None:
            start, self._start = self._start, None
            refused = await self._first(start, body)
            if isinstance(refused, Refused):
                await self._turn_away(refused)
                return
            if self._told:
                return
            held = refused
        elif len(body) > PIECE_BYTES:
            held = self._under_way.hold(whose(self._scope), len(body), id(body))
        try:
            await self._pieces(message, body)
        finally:
            if held is not None:
                self._under_way.give_back(held)

    async def _first(self, start: Message, body: bytes | memoryview) -> Held | Refused | None:
        """Sends the head, where there is room: what the body holds of it, or why there is none."""
        begins, self._begins = self._begins, None
        if begins is not None:
            await begins()
        if _in_other_words(start):
            self._told = True
            start, body = _as_problem(start, bytes(body[:_SAID_BYTES]).decode("utf-8", "replace"))
            await self._begin(start)
            await self._send({"type": "http.response.body", "body": body})
            return None
        if self._streams is not None and _kind(start) == EVENTS:
            if self._streams.open >= self._streams.most:
                return _no_stream(self._streams.most)
            self._streams.open, self._streaming = self._streams.open + 1, True
        held: Held | None = None
        if len(body) > PIECE_BYTES:
            room = self._under_way.take(whose(self._scope), len(body), id(body))
            if isinstance(room, Full):
                return no_room(room)
            held = room
        await self._begin(start)
        return held

    async def _pieces(self, message: Message, body: bytes | memoryview) -> None:
        if len(body) <= PIECE_BYTES:
            await self._send(message)
            return
        view, more = memoryview(body), message.get("more_body", False)
        for at in range(0, len(body), PIECE_BYTES):
            last = at + PIECE_BYTES >= len(body)
            await self._send({**message, "body": view[at : at + PIECE_BYTES], "more_body": more or not last})

    async def _begin(self, start: Message) -> None:
        self.status = int(start["status"])
        self._dress(self._scope, start)
        await self._send(start)

    async def _turn_away(self, why: Refused) -> None:
        self.turned_away = True
        problem = answer(why)
        await self._begin(
            {"type": "http.response.start", "status": problem.status_code, "headers": problem.raw_headers}
        )
        await self._send({"type": "http.response.body", "body": problem.body})


def no_room(full: Full) -> Refused:
    """What is said to whoever asks for an answer while this budget is full."""
    if full is Full.EACH:
        said = "answers that you asked for wait to be read: read them, then ask again"
        return Refused(429, "Too much under way", said, RETRY_AFTER_S)
    return Refused(503, "Too much under way", "others have not read their answers yet: come again", _SLOWLY_S)


def _in_other_words(start: Message) -> bool:
    """Whether it refuses, and the framework has put it into words of its own."""
    return int(start["status"]) >= 400 and _kind(start) != problems.MEDIA


def _kind(start: Message) -> str:
    """Its media type."""
    return MutableHeaders(raw=list(start.get("headers", ()))).get("content-type", "").partition(";")[0]


def _no_stream(most: int) -> Refused:
    said = f"{most} are open, of all kinds and callers: come again, or take a webhook or the feed"
    return Refused(503, "Too many streams", said, RETRY_AFTER_S)


def _as_problem(start: Message, said: str) -> tuple[Message, bytes]:
    """said: what the framework said. Its other headers stay, such as Content-Range, Retry-After and those of CORS."""
    status = int(start["status"])
    problem = problems.answer(status, HTTPStatus(status).phrase, said or "see the API's document: /v1/openapi.json")
    headers = MutableHeaders(raw=list(start.get("headers", ())))
    headers.update(problem.headers)
    return {**start, "headers": headers.raw}, bytes(problem.body)


def whose(scope: Scope) -> str:
    """Under whose budget an answer goes: a key, a person, or an address where nobody is asked who he is."""
    caller: Caller | None = scope.get("state", {}).get("caller")
    client = scope.get("client")
    return caller.who if caller is not None and caller.name else f"address:{client[0] if client else ''}"
