"""What open pages cost: `/v1/overview` and its stream, of 10,000 stations with 50,000 channels.

Every second 500 stations say something new. The API stands under uvicorn in a process of its own; 200 pages each hold a
stream for 20 s, as browsers do. Aims: at most one core for 200 pages, the first answer well below a second.
"""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import socket
import statistics
import time
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from benchmarks.fields import catalogue as few_stations
from cloud.api.ports import Services
from contract.catalogue.catalogue import Catalogue
from contract.clock import SystemClock
from contract.readings import Flag, ReadingBatch

STATIONS, EACH, ALTER, PAGES, LASTS_S = 10_000, 5, 500, 200, 20.0
CHANNELS = STATIONS * EACH


def catalogue() -> Catalogue:
    base = few_stations(1)
    (pattern,) = base.channels.values()
    stations, channels = {}, {}
    for i in range(STATIONS):
        own = tuple(pattern.station.channels[0].model_copy(update={"id": i * EACH + k + 1}) for k in range(EACH))
        station = pattern.station.model_copy(update={"id": f"s{i:05}", "channels": own})
        stations[station.id] = station
        channels |= {c.id: replace(pattern, id=c.id, station=station) for c in own}
    return replace(base, stations=stations, channels=channels)


class Moving:
    """The newest readings; each second some stations have others."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(5)
        self._time_ms = np.full(CHANNELS, time.time_ns() // 1_000_000)
        self._value = self._rng.uniform(0, 0.02, CHANNELS)
        self._second = 0

    def snapshot(self) -> ReadingBatch:
        if (second := int(time.monotonic())) != self._second:
            self._second = second
            who = self._rng.choice(STATIONS, ALTER, replace=False) * EACH
            self._time_ms[who] = time.time_ns() // 1_000_000
            self._value[who] = self._rng.uniform(0, 0.02, ALTER)
        flag = np.full(CHANNELS, Flag.PASS)
        return ReadingBatch.of(self._time_ms.copy(), np.arange(1, CHANNELS + 1), self._value.copy(), flag)


def serve(listener: socket.socket) -> None:
    import uvicorn
    from fastapi import FastAPI

    from cloud.ledger.open import open_ledger
    from cloud.overview.routes import mount
    from cloud.warnings.view import open_view

    found = catalogue()
    said = {"ready": lambda: (True, ""), "troubles": list, "sinks": list, "gateways": list}
    stands = SimpleNamespace(
        catalogue=found,
        clock=SystemClock(),
        warnings=open_view(open_ledger("sqlite://"), found).reader,
        latest=Moving(),
        series=SimpleNamespace(raw=lambda *_: ReadingBatch.empty()),
        health=SimpleNamespace(**said, quarantine_count=lambda: 0),
    )
    app = FastAPI()
    mount(app, cast(Services, stands))
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


async def page(host: str, port: int) -> tuple[int, int]:
    """Holds one stream for its time: how many events and bytes came."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET /v1/overview/stream HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n".encode())
    events = size = 0
    ends_s = time.monotonic() + LASTS_S
    while (left_s := ends_s - time.monotonic()) > 0:
        try:
            part = await asyncio.wait_for(reader.read(1 << 16), left_s)
        except TimeoutError:
            break
        size += len(part)
        events += part.count(b"event: ")
    writer.close()
    return events, size


async def pages(host: str, port: int, count: int) -> list[tuple[int, int]]:
    return await asyncio.gather(*(page(host, port) for _ in range(count)))


def _cpu_s(process: int | None) -> float:
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(ticks[11]) + int(ticks[12])) / 100


def _first_ms(host: str, port: int) -> float:
    began = time.perf_counter()
    with closing(HTTPConnection(host, port, timeout=60)) as client:
        client.request("GET", "/v1/overview")
        assert client.getresponse().read()
    return (time.perf_counter() - began) * 1000


def run() -> dict[str, float | str]:
    out: dict[str, Any] = {}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = mp.get_context("fork").Process(target=serve, args=(listener,), daemon=True)
        server.start()
        host, port = listener.getsockname()
        try:
            _first_ms(host, port)
            out["the whole of it, ms (median of 9, none shared)"] = statistics.median(
                _first_ms(host, port) for _ in range(9) if time.sleep(1.1) is None
            )
            for count in (1, PAGES):
                before_s = _cpu_s(server.pid)
                found = asyncio.run(pages(host, port, count))
                out[f"{count} pages: cores"] = (_cpu_s(server.pid) - before_s) / LASTS_S
                out[f"{count} pages: events a page and second"] = sum(e for e, _ in found) / count / LASTS_S
                out[f"{count} pages: MB a page and minute"] = sum(b for _, b in found) / count / LASTS_S * 60 / 1e6
        finally:
            server.kill()
    return out
