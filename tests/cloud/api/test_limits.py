"""The layer around the API: every refusal is a problem document, every answer carries the headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import ValidationError

from cloud.api import problems
from cloud.api.answering import Streams
from cloud.api.limits import Limits, wrap
from cloud.api.ports import TurnedAway
from cloud.api.settings import HttpSettings
from tests.waiting import until_async


def _app(gate: asyncio.Event | None = None) -> FastAPI:
    app = FastAPI()
    app.state.at_work = 0
    problems.install(app)

    @app.get("/v1/slow")
    async def slow() -> Response:
        assert gate is not None
        app.state.at_work += 1
        await gate.wait()
        return PlainTextResponse("done")

    @app.get("/healthz")
    @app.get("/v1/fast")
    @app.get("/")
    def fast() -> Response:
        return PlainTextResponse("ok")

    @app.get("/v1/broken")
    def broken() -> Response:
        raise RuntimeError("SELECT secret FROM inside")

    @app.post("/v1/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    return app


def client(
    app: FastAPI, base: str = "http://x.example", turned_away: TurnedAway | None = None, **settings: object
) -> httpx2.AsyncClient:
    wrapped = wrap(app, HttpSettings.model_validate(settings), turned_away)
    transport = httpx2.ASGITransport(wrapped, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url=base)


def problem(answer: httpx2.Response, status: int) -> dict:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


async def test_headers_are_on_every_answer():
    async with client(_app()) as http:
        for path, status in (("/v1/fast", 200), ("/", 200), ("/none", 404), ("/v1/broken", 500)):
            answer = await http.get(path)
            assert answer.status_code == status
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["cross-origin-opener-policy"] == "same-origin"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert "geolocation=()" in answer.headers["permissions-policy"]
            assert answer.headers["cache-control"] == ("no-cache" if path == "/" else "no-store")
            assert "strict-transport-security" not in answer.headers
            assert "access-control-allow-origin" not in answer.headers


async def test_an_error_of_ours_tells_nothing_of_our_inside():
    async with client(_app()) as http:
        assert "SELECT" not in str(problem(await http.get("/v1/broken"), 500))


async def test_hsts_is_for_tls_alone():
    async with client(_app(), "https://x.example") as http:
        assert "max-age=31536000" in (await http.get("/v1/fast")).headers["strict-transport-security"]


async def test_a_body_is_bounded_declared_or_not():
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 100

    async with client(_app(), max_body_bytes=1000) as http:
        assert (await http.post("/v1/echo", content=b"y" * 1000)).content == b"y" * 1000
        assert len((await http.post("/v1/echo", content=pieces(10))).content) == 1000
        problem(await http.post("/v1/echo", content=b"y" * 1001), 413)
        problem(await http.post("/v1/echo", content=pieces(11)), 413)
        for length in ("-1", "1e9", "9" * 400):
            problem(await http.post("/v1/echo", content=b"", headers={"content-length": length}), 413)


async def test_a_body_that_drips_is_given_up():
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.05)

    async with client(_app(), body_timeout_s=0.3) as http:
        problem(await http.post("/v1/echo", content=drip()), 408)


async def test_a_url_is_bounded():
    async with client(_app(), max_url_bytes=100) as http:
        assert (await http.get("/v1/fast?" + "x" * 90)).status_code == 200
        problem(await http.get("/v1/fast?" + "x" * 100), 414)


async def test_other_hosts_are_refused_when_ours_are_named():
    async with client(_app(), hosts=["x.example"]) as http:
        assert (await http.get("/v1/fast")).status_code == 200
        assert (await http.get("/v1/fast", headers={"host": "x.example:8080"})).status_code == 200
        assert (await http.get("/v1/fast", headers={"host": "X.Example:8080"})).status_code == 200
        for host in ("evil.example", "x.example:1@evil.example", "x.example:80/<x>", "x.example:", "x.example:999999"):
            problem(await http.get("/v1/fast", headers={"host": host}), 421)


@pytest.mark.parametrize(
    ("host", "hosts", "status"),
    [
        ("localhost", [], 200),
        ("LocalHost:8080", [], 200),
        ("127.0.0.1:8080", [], 200),
        ("[::1]:8080", [], 200),
        ("[::1]", [], 200),
        ("evil.example:8080", [], 421),
        ("localhost.evil.example", [], 421),
        ("127.0.0.1.evil.example", [], 421),
        ("demo.example", ["demo.example"], 200),
        ("localhost", ["demo.example"], 421),
    ],
)
async def test_what_is_open_to_all_is_not_to_be_reached_by_a_name_that_another_page_owns(host, hosts, status):
    """Who owns a name can make it lead to this machine, and the scripts of its page would pass for ours."""
    for open_to_all, expected in ((True, status), (False, 200 if not hosts else status)):
        wrapped = wrap(_app(), HttpSettings.model_validate({"hosts": hosts}), None, open_to_all)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(wrapped), base_url="http://x") as http:
            assert (await http.get("/v1/fast", headers={"host": host})).status_code == expected


async def test_a_refusal_in_the_words_of_the_framework_is_a_problem_too(tmp_path):
    (tmp_path / "page.js").write_text("x" * 100)
    app = _app()
    app.mount("/static", StaticFiles(directory=tmp_path))
    asked = (
        ("GET", {"range": "bytes=x"}, 400, "Range"),
        ("GET", {"range": "lines=1-2"}, 400, "bytes"),
        ("GET", {"range": "bytes=5-1"}, 400, "Range"),
        ("GET", {"range": "bytes=900-"}, 416, "openapi"),
        ("OPTIONS", {"origin": "https://evil.example", "access-control-request-method": "GET"}, 400, "origin"),
        ("OPTIONS", {"origin": "https://map.example", "access-control-request-method": "PUT"}, 400, "method"),
    )
    async with client(app, cors_origins=["https://map.example"]) as http:
        for method, headers, status, said in asked:
            answer = await http.request(method, "/static/page.js", headers=headers)
            assert said in problem(answer, status)["detail"], headers
            assert int(answer.headers["content-length"]) == len(answer.content)
        assert answer.headers["access-control-allow-origin"] == "https://map.example"
        beyond = await http.get("/static/page.js", headers={"range": "bytes=900-"})
        assert beyond.headers["content-range"] == "bytes */100"
        head = await http.head("/static/page.js", headers={"range": "bytes=x"})
        assert (head.status_code, head.headers["content-type"]) == (400, "application/problem+json")
        assert (await http.get("/static/page.js", headers={"range": "bytes=5-9"})).status_code == 206


async def test_too_many_at_once_are_told_to_come_again():
    gate = asyncio.Event()
    app = _app(gate)
    async with client(app, max_requests=2, max_waiting=1, wait_s=1.5) as http:
        first = [asyncio.create_task(http.get("/v1/slow")) for _ in range(2)]
        await until_async(lambda: app.state.at_work == 2)
        third = asyncio.create_task(http.get("/v1/slow"))
        await asyncio.sleep(0.05)
        at_once = await http.get("/v1/fast")  # two at work, one waits: this one is refused at once
        assert problem(at_once, 503)["title"] == "Too much at once"
        assert at_once.headers["retry-after"] == "2"
        assert (await http.get("/healthz")).status_code == 200
        problem(await third, 503)  # it has waited for its 1.5 s
        gate.set()
        assert [(await task).text for task in first] == ["done", "done"]
        assert (await http.get("/v1/fast")).status_code == 200


async def test_an_answer_that_does_not_come_frees_its_slot():
    async with client(_app(asyncio.Event()), max_requests=1, answer_timeout_s=1.0) as http:
        late = await http.get("/v1/slow")
        assert problem(late, 503)["title"] == "No answer in time"
        assert (await http.get("/v1/fast")).status_code == 200


async def test_what_is_turned_away_is_counted_by_whom_and_why():
    turned_away = TurnedAway()
    app = _app()

    @app.get("/v1/no/{status}")
    def no(status: int) -> Response:
        return problems.answer(status, "No", "not this")

    async with client(app, turned_away=turned_away, max_body_bytes=10, max_url_bytes=100) as http:
        for path in ("/v1/fast", "/none", "/v1/no/401", "/v1/no/429", "/v1/no/429", "/v1/no/503", "/?" + "x" * 100):
            await http.get(path)
        await http.post("/v1/echo", content=b"x" * 11)
    assert turned_away.counts() == {
        ("access", 401): 1,
        ("access", 429): 2,
        ("limits", 413): 1,
        ("limits", 414): 1,
    }


async def test_cors_is_for_configured_origins_alone():
    async with client(_app(), cors_origins=["https://map.example"]) as http:
        answer = await http.get("/v1/fast", headers={"origin": "https://map.example"})
        assert answer.headers["access-control-allow-origin"] == "https://map.example"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "access-control-allow-credentials" not in answer.headers
        other = await http.get("/v1/fast", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        asked = {"origin": "https://map.example", "access-control-request-method": "POST"}
        assert (await http.options("/v1/fast", headers=asked)).status_code == 400


@pytest.mark.parametrize("origin", ["*", "https://*.example", "map.example", "https://map.example/"])
def test_an_origin_is_written_in_full(origin):
    with pytest.raises(ValidationError):
        HttpSettings.model_validate({"cors_origins": [origin]})


async def test_streams_of_all_kinds_leave_connections_for_others() -> None:
    """Two keys could open a thousand of three kinds, and nobody else would find a connection."""
    gate = asyncio.Event()
    app = _app()

    async def events() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        await gate.wait()

    for path in ("/v1/one", "/v1/other"):
        app.add_api_route(path, lambda: StreamingResponse(events(), media_type="text/event-stream"))
    async with client(app, max_connections=5) as http:
        opened = [asyncio.create_task(http.get(path)) for path in ("/v1/one", "/v1/other", "/v1/one")]
        await until_async(lambda: wrapped_streams(http).open == 3)
        for path in ("/v1/one", "/v1/other"):
            answer = await http.get(path)
            assert problem(answer, 503)["title"] == "Too many streams"
            assert answer.headers["retry-after"] == "2"
        assert (await http.get("/v1/fast")).status_code == 200
        gate.set()
        assert {(await one).status_code for one in opened} == {200}
        assert wrapped_streams(http).open == 0
        assert (await http.get("/v1/one")).status_code == 200


def wrapped_streams(http: httpx2.AsyncClient) -> Streams:
    """Of the limits that `client` has put round the application."""
    packing = http._transport.app  # type: ignore[attr-defined]
    found = packing._app._streams
    assert isinstance(found, Streams)
    return found


async def test_of_an_answer_that_is_turned_away_no_more_is_made() -> None:
    app, made = FastAPI(), 0

    @app.get("/v1/large")
    async def large() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            nonlocal made
            for _ in range(100):
                made += 1
                yield bytes(100_000)

        return StreamingResponse(pieces())

    limits = Limits(app, HttpSettings(max_answers_mb=1, max_answers_mb_each=1), TurnedAway())
    held = limits._under_way.hold("somebody else", 1 << 20, 1)
    transport = httpx2.ASGITransport(limits, raise_app_exceptions=True)
    async with httpx2.AsyncClient(transport=transport, base_url="http://x.example") as http:
        problem(await http.get("/v1/large"), 503)
        assert made == 2  # the second finds out
        limits._under_way.give_back(held)
        assert len((await http.get("/v1/large")).content) == 10_000_000
