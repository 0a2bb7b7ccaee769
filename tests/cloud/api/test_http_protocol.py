"""Hostile connections, over real sockets: late heads, long heads, too many, and peers that do not read."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from cloud.api.http_protocol import BoundedProtocol, uvicorn_config
from cloud.api.limits import wrap
from cloud.api.settings import HttpSettings
from tests.waiting import until_async


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    if request.url.path == "/never":
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    big = {"/big": 50_000_000, "/bigger": 80_000_000}.get(request.url.path)
    peer = {"client": request.client.host if request.client else None, "scheme": request.url.scheme}
    answer = Response(b"x" * big) if big else JSONResponse(peer)
    await answer(scope, receive, send)


@asynccontextmanager
async def serving(**settings: object) -> AsyncIterator[tuple[int, uvicorn.Server]]:
    listener = socket.create_server(("127.0.0.1", 0))
    async with served(HttpSettings.model_validate(settings), listener) as server:
        yield listener.getsockname()[1], server


@asynccontextmanager
async def served(http: HttpSettings, listener: socket.socket) -> AsyncIterator[uvicorn.Server]:
    """The application below, at a socket that is bound."""
    config = uvicorn_config(wrap(_app, http), http)
    config.lifespan = "off"
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server
    finally:
        server.should_exit = server.force_exit = True
        await task


@asynccontextmanager
async def _connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


class _no_signals:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


async def refused(reader: asyncio.StreamReader, status: int) -> str:
    """The connection is closed after a problem document; its head."""
    head, _, body = (await asyncio.wait_for(reader.read(), 60)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status
    return head.decode().lower()


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nhost: x\r\nx: "])
async def test_a_head_that_is_late_is_refused_however_it_drips(first):
    async with serving(header_timeout_s=0.5) as (port, _), _connected(port) as (reader, writer):
        writer.write(first)
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def drip() -> None:
            while first:
                writer.write(b"x")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        await refused(reader, 408)
        dripping.cancel()
        assert loop.time() - began < 20


async def test_the_second_head_of_a_connection_is_timed_too():
    async with serving(header_timeout_s=0.5) as (port, _), _connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"}")
        writer.write(b"GET / HTTP/1.1\r\n")
        await refused(reader, 408)


async def test_a_head_is_bounded_in_size():
    async with serving(max_head_bytes=2000) as (port, _), _connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 3000)
        await refused(reader, 431)


async def test_what_is_not_http_is_refused():
    async with serving() as (port, _), _connected(port) as (reader, writer):
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        await refused(reader, 400)


@pytest.mark.parametrize("size", [(1 << 20) + 1, 5 << 20])
async def test_a_client_that_sends_too_much_still_hears_why(size):
    """Closed on unread bytes, the connection would be reset, and the answer lost."""
    async with serving() as (port, _), _connected(port) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
        await refused(reader, 413)


async def test_connections_are_bounded():
    """The one whose head has been awaited longest makes room."""
    async with (
        serving(max_connections=2) as (port, server),
        _connected(port) as (first, _),
        _connected(port) as (second, writing),
        _connected(port) as (third, writing_too),
    ):
        assert "retry-after: 2" in await refused(first, 503)
        for reader, writer in ((second, writing), (third, writing_too)):
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert len(server.server_state.connections) == 2


async def test_a_peer_that_does_not_read_is_dropped(monkeypatch):
    monkeypatch.setattr(BoundedProtocol, "drain_check_s", 0.3)
    async with serving() as (port, server):
        peer = socket.create_connection(("127.0.0.1", port))
        peer.sendall(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n")
        await until_async(lambda: server.server_state.connections)
        await until_async(lambda: not server.server_state.connections)
        peer.close()


async def test_answers_that_are_not_read_are_bounded_for_one_and_for_all():
    """Who asks and does not read is told to read first; whoever asks for little is answered all the while."""
    asked = b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n"
    async with serving(max_answers_mb=120, max_answers_mb_each=60) as (port, _):
        idle = []
        for expected in (b"200", b"429", b"429"):
            idle.append(await asyncio.open_connection("127.0.0.1", port, limit=1024))
            reader, writer = idle[-1]
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 " + expected)
            if expected == b"429":
                assert b"retry-after: 2" in head.lower()
                assert b"problem+json" in head
                assert b"x-content-type-options" in head.lower()
        async with _connected(port) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        first, _ = idle[0]
        assert await first.readexactly(50_000_000) == b"x" * 50_000_000  # and then there is room again
        async with _connected(port) as (reader, writer):
            writer.write(asked)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        for _, writer in idle:
            writer.close()


async def test_an_answer_that_is_read_slowly_holds_no_slot():
    async with serving(max_requests=1, answer_timeout_s=0.5) as (port, _), _connected(port) as (slow, writer):
        writer.write(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n")
        await slow.readuntil(b"\r\n\r\n")
        async with _connected(port) as (reader, other):
            other.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.6)  # over the time in which an answer must have begun
        assert await slow.readexactly(50_000_000) == b"x" * 50_000_000


@pytest.mark.parametrize(("trusted", "client"), [([], "127.0.0.1"), (["127.0.0.1/32"], "203.0.113.9")])
async def test_forwarded_addresses_are_believed_of_named_proxies_alone(trusted, client):
    async with serving(trusted_proxies=trusted) as (port, _), _connected(port) as (reader, writer):
        forged = b"x-forwarded-for: 198.51.100.7, 203.0.113.9\r\nx-forwarded-proto: https\r\n"
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n" + forged + b"\r\n")
        head, _, body = (await reader.readuntil(b"}")).partition(b"\r\n\r\n")
        assert json.loads(body) == {"client": client, "scheme": "https" if trusted else "http"}
        assert (b"strict-transport-security" in head.lower()) == bool(trusted)
        assert b"server:" not in head.lower()


async def test_a_peer_that_reads_answer_after_answer_is_not_dropped(monkeypatch):
    """The watch over an answer that went out long ago must not judge the next one, which is longer."""
    monkeypatch.setattr(BoundedProtocol, "drain_check_s", 1.0)
    async with serving() as (port, _), _connected(port) as (reader, writer):
        loop = asyncio.get_running_loop()
        began = loop.time()
        for asked_s, path, size in ((0.0, "/big", 50_000_000), (0.8, "/bigger", 80_000_000)):
            await asyncio.sleep(began + asked_s - loop.time())
            writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            if asked_s:
                await asyncio.sleep(0.4)  # over the moment at which the first watch ends
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(size) == b"x" * size


async def test_a_connection_at_rest_makes_room_for_a_new_one():
    ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    async with (
        serving(max_connections=2) as (port, _),
        _connected(port) as (first, writing),
        _connected(port) as (second, writing_too),
    ):
        for reader, writer in ((first, writing), (second, writing_too)):
            writer.write(ask)
            await reader.readuntil(b"}")
        async with _connected(port) as (third, last):
            assert await asyncio.wait_for(first.read(), 60) == b""  # it had rested longest
            last.write(ask)
            writing_too.write(ask)
            assert (await third.readline()).startswith(b"HTTP/1.1 200")
            assert (await second.readline()).startswith(b"HTTP/1.1 200")


_HALF_A_HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
_HALF_A_BODY = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx"
_HALF_A_PIECE = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n9\r\nx"


@pytest.mark.parametrize("half", [b"", _HALF_A_HEAD, _HALF_A_BODY, _HALF_A_PIECE])
async def test_halves_of_requests_shut_nobody_out(half):
    """However many say nothing, or half of something: who asks is answered at once."""
    async with serving(max_connections=20, header_timeout_s=600, body_timeout_s=600) as (port, server):
        halves = []
        for n in range(60):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(half)
            halves.append((reader, writer))
            await until_async(lambda n=n: len(server.server_state.connections) == min(n + 1, 20))
        await until_async(lambda: len(server.server_state.connections) == 20)
        for _ in range(5):
            async with _connected(port) as (reader, writer):
                writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                assert (await reader.read()).startswith(b"HTTP/1.1 200")
        assert (await halves[0][0].read()).startswith(b"HTTP/1.1 503")
        for _, writer in halves:
            writer.close()


@pytest.mark.parametrize(("trusted", "status"), [("127.0.0.0/8", b"200"), ("10.0.0.0/8", b"503")])
async def test_places_are_kept_for_the_proxy(trusted, status):
    async with serving(max_connections=8, trusted_proxies=[trusted]) as (port, server):
        busy = []
        for n in range(6):  # at work, so that none can be closed to make room
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n")
            busy.append(writer)
            await until_async(lambda n=n: len(server.server_state.connections) == n + 1)
        await asyncio.sleep(0.2)
        async with _connected(port) as (reader, asking):
            asking.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert (await reader.read(12)).endswith(status)
        for writer in busy:
            writer.close()


async def test_what_is_no_request_writes_nothing_into_the_log(caplog: pytest.LogCaptureFixture):
    """Anybody who reaches the port may send as many of them as he likes."""
    async with serving() as (port, _):
        for sent in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"):
            async with _connected(port) as (reader, writer):
                writer.write(sent)
                assert (await reader.readline()).startswith(b"HTTP/1.1 ")
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == []
