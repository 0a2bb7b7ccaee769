"""Answers packed, unpacked again by others: zlib, and Arrow's zstd as a stream."""

from __future__ import annotations

import gzip

import httpx2
import pyarrow as pa
import pytest
from fastapi import FastAPI
from fastapi.responses import Response, StreamingResponse

from cloud.api.packing import Packing, coding

LINES = b"".join(b'{"channel":%d,"value":%d.5}\n' % (i % 50, i) for i in range(20_000))


def _app() -> FastAPI:
    app = FastAPI()

    @app.get("/whole")
    def whole(kind: str = "application/json", of: int = len(LINES)) -> Response:
        return Response(LINES[:of], media_type=kind, headers={"ETag": '"a"'})

    @app.get("/parts")
    def parts() -> StreamingResponse:
        sizes = (1, 10, 100_000, 0, len(LINES))
        cuts = [*sizes, len(LINES)]

        async def pieces():
            begin = 0
            for cut in cuts:
                yield LINES[begin : max(cut, begin)]
                begin = max(cut, begin)

        return StreamingResponse(pieces(), media_type="application/x-ndjson")

    @app.get("/packed")
    def packed() -> Response:
        return Response(gzip.compress(LINES), media_type="application/json", headers={"Content-Encoding": "gzip"})

    return app


@pytest.fixture
async def http():
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(Packing(_app())), base_url="http://test") as client:
        yield client


async def fetched(http: httpx2.AsyncClient, path: str, accepted: str) -> tuple[httpx2.Headers, bytes]:
    """The bytes as they came."""
    async with http.stream("GET", path, headers={"accept-encoding": accepted}) as answer:
        return answer.headers, b"".join([piece async for piece in answer.aiter_raw()])


def unpacked(name: str, body: bytes) -> bytes:
    if name == "gzip":
        return gzip.decompress(body)
    return bytes(pa.CompressedInputStream(pa.BufferReader(body), name).read())


@pytest.mark.parametrize("path", ["/whole", "/parts"])
@pytest.mark.parametrize("name", ["gzip", "zstd"])
async def test_it_comes_smaller_and_is_the_same(http: httpx2.AsyncClient, path: str, name: str) -> None:
    headers, body = await fetched(http, path, name)
    assert (headers["content-encoding"], headers["vary"]) == (name, "Accept-Encoding")
    assert len(body) < len(LINES) / 3
    assert unpacked(name, body) == LINES
    assert "content-length" not in headers
    assert path == "/parts" or headers["etag"] == 'W/"a"'  # other bytes


@pytest.mark.parametrize(
    "path",
    [
        "/whole?kind=text/event-stream",
        "/whole?kind=application/vnd.apache.parquet",
        "/whole?kind=application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "/whole?of=1000",
        "/packed",
    ],
)
async def test_events_small_answers_and_what_is_packed_go_out_as_they_are(http: httpx2.AsyncClient, path: str) -> None:
    headers, body = await fetched(http, path, "zstd, gzip;q=0.5")
    assert headers.get("content-encoding") == ("gzip" if path == "/packed" else None)
    assert int(headers["content-length"]) == len(body)


async def test_who_asks_for_nothing_is_told_that_it_depends(http: httpx2.AsyncClient) -> None:
    headers, body = await fetched(http, "/whole", "identity")
    assert (headers.get("content-encoding"), headers["vary"], body) == (None, "Accept-Encoding", LINES)


@pytest.mark.parametrize(
    ("accepted", "found"),
    [
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
        ("*", "zstd"),
        ("zstd;q=0, *;q=0.1", "gzip"),
        ("*;q=0", None),
        ("GZIP ; Q=0.3", "gzip"),
        ("gzip;q=much", None),
    ],
)
def test_the_most_welcome_of_ours(accepted: str, found: str | None) -> None:
    assert coding(accepted) == found
