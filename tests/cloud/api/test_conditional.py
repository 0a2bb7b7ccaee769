"""HEAD, ETag and 304 of any operation, whatever it is that answers."""

from __future__ import annotations

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response, StreamingResponse

from cloud.api.conditional import Conditional, named

_MADE: list[int] = []


def _app() -> FastAPI:
    app = FastAPI()

    @app.get("/v1/list")
    def listed(n: int = 3) -> list[int]:
        return list(range(n))

    @app.get("/v1/own")
    def own() -> Response:
        return Response("x", headers={"ETag": '"mine"', "Cache-Control": "no-cache", "Content-Disposition": "a"})

    @app.get("/v1/none")
    def none() -> Response:
        return JSONResponse({"title": "none"}, 404)

    @app.get("/v1/long")
    def long() -> StreamingResponse:
        async def pieces():
            for i in range(1000):
                _MADE.append(i)
                yield b"x" * 100

        return StreamingResponse(pieces(), media_type="text/plain", headers={"ETag": 'W/"long"'})

    @app.post("/v1/list")
    def posted() -> dict:
        return {}

    return app


@pytest.fixture
async def http():
    transport = httpx2.ASGITransport(Conditional(_app()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_what_is_the_same_is_not_sent_again(http: httpx2.AsyncClient) -> None:
    first = await http.get("/v1/list")
    assert first.json() == [0, 1, 2]
    again = await http.get("/v1/list", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert "content-length" not in again.headers
    other = await http.get("/v1/list?n=4", headers={"if-none-match": first.headers["etag"]})
    assert (other.status_code, other.json()) == (200, [0, 1, 2, 3])


async def test_head_says_what_get_would_and_makes_no_more_than_it_must(http: httpx2.AsyncClient) -> None:
    whole, head = await http.get("/v1/list"), await http.head("/v1/list")
    assert (head.status_code, head.content, dict(head.headers)) == (200, b"", dict(whole.headers))
    _MADE.clear()
    head = await http.head("/v1/long")
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "text/plain; charset=utf-8")
    assert len(_MADE) < 10


async def test_an_operation_s_own_etag_is_heeded(http: httpx2.AsyncClient) -> None:
    again = await http.get("/v1/own", headers={"if-none-match": '"other", W/"mine"'})
    assert (again.status_code, dict(again.headers)) == (304, {"etag": '"mine"', "cache-control": "no-cache"})
    _MADE.clear()
    assert (await http.get("/v1/long", headers={"if-none-match": 'W/"long"'})).status_code == 304
    assert len(_MADE) < 10
    assert len((await http.get("/v1/long")).content) == 100_000


async def test_errors_and_other_methods_are_left_alone(http: httpx2.AsyncClient) -> None:
    assert "etag" not in (await http.get("/v1/none", headers={"if-none-match": "*"})).headers
    assert "etag" not in (await http.post("/v1/list")).headers
    assert (await http.head("/v1/nothing")).status_code == 404


@pytest.mark.parametrize(
    ("header", "etag", "found"),
    [
        ('"a"', '"a"', True),
        ('W/"a"', '"a"', True),
        ('"b", "a"', 'W/"a"', True),
        ("*", '"a"', True),
        ("", '"a"', False),
        ('"aa"', '"a"', False),
        ('"b"', '"a"', False),
    ],
)
def test_etags_are_compared_weakly_and_whole(header: str, etag: str, found: bool) -> None:
    assert named(header, etag) is found
