"""The API over the small district with some data in it, and raw requests to it without a socket."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from fastapi import FastAPI

from cloud.access import keys
from cloud.access.rate import Rate
from cloud.access.scopes import Scope
from cloud.app.cloud import Cloud
from cloud.config import load_config
from cloud.ingest.admission import InboundMessage
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane
from tests.fuzz import shells


def settled(folder: Path, mode: str = "open") -> Cloud:
    """A cloud that has heard ten minutes of a flood and one refused batch; its threads and its link are not started.

    mode: of access.
    """
    config = folder / "cloud.yaml"
    clock = f"scaled:{shells.NOW_MS + 600_000},1,{shells.NOW_MS}"
    settings = {
        "catalogue": str(shells.SMALL),
        "data_dir": str(folder / "data"),
        "clock": clock,
        "access": {"mode": mode},
    }
    config.write_text(yaml.safe_dump(settings))
    cloud = Cloud(load_config(config))
    cloud.receive.trouble = lambda: ""  # the link is not there to be judged
    for seq, minute in enumerate(range(10), 1):
        now_ms = shells.NOW_MS + minute * 60_000
        cloud.ingest.take([message(cloud, seq, now_ms, 0.05 * minute)], now_ms)
    cloud.ingest.take([InboundMessage(message(cloud, 11, now_ms, 0).topic, b"noise")], now_ms)
    for runner in cloud.runners:
        while runner._step():
            pass
    return cloud


def message(cloud: Cloud, seq: int, now_ms: int, depth_m: float) -> InboundMessage:
    catalogue = cloud.config.catalogue
    numbers = [c.id for c in catalogue.channels_by_gateway["gw-1"]]
    readings = ReadingBatch.of([now_ms] * len(numbers), numbers, [depth_m] * len(numbers), [1] * len(numbers))
    topic = f"headwater/1/{catalogue.district.id}/gw-1/up/live"
    return InboundMessage(topic, encode_batch(WireBatch("gw-1", 7, seq, Lane.LIVE, readings)))


@cache
def app() -> FastAPI:
    folder = shells.scratch() / "cloud"
    folder.mkdir()
    return settled(folder).application()


@cache
def guarded_cloud() -> Cloud:
    folder = shells.scratch() / "guarded"
    folder.mkdir()
    return settled(folder, "required")


@cache
def guarded() -> tuple[FastAPI, str]:
    """The same with its door shut, its page, and a key that may do everything."""
    cloud = guarded_cloud()
    key = keys.create(cloud.access.engine, "test", list(Scope), Rate(1e6, 1e6), cloud.access.now_ms(), "shell:test")
    return cloud.application(), key


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def request(data: bytes) -> int:
    """`METHOD path?query`, header lines, an empty line, a body. No server error; a refusal is a problem document."""
    head, _, body = data.partition(b"\n\n")
    first, *rest = head.split(b"\n")
    method, _, target = first.partition(b" ")
    path, _, query = target.partition(b"?")
    headers = [tuple(line.lower().split(b":", 1)) for line in rest if b":" in line]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method.decode("latin-1").upper() or "GET",
        "scheme": "http",
        "path": unquote(path.decode("latin-1")) or "/",
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    return _loop().run_until_complete(_ask(scope, body))


async def _ask(scope: dict[str, Any], body: bytes) -> int:
    said: list[dict[str, Any]] = []
    coming = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        """The body, and then nothing more: the peer waits for its answer."""
        for event in coming:
            return event
        await asyncio.Event().wait()
        raise AssertionError

    async def send(event: dict[str, Any]) -> None:
        said.append(event)

    await app()(scope, receive, send)
    start = said[0]
    status = int(start["status"])
    kind = dict(start["headers"]).get(b"content-type", b"")
    assert status < 500 or (status == 503 and scope["path"] == "/readyz"), f"server error {status}"
    if status >= 400 and scope["method"] != "HEAD":
        assert kind.startswith(b"application/problem+json"), f"{status} is answered with {kind!r}"
    return status
