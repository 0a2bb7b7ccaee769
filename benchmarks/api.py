"""Queries through the series store and through HTTP, in milliseconds.

A year of one-minute readings of 20 channels, of 50 in its last month, in the months' files that the store would have
made of them; a day of 500 channels in its day's file; the newest reading of 50,000. HTTP is the API under uvicorn in
a process of its own, and the whole body received (not parsed) on a connection that stands. Figures of the month by
five minutes, and ten million readings as Parquet with what that adds to the server's memory. Aims: latest of 50,000
20 ms; one channel, ten days raw 5 ms, a year hourly 10 ms; 500 channels, one day as JSON 285 ms, as Arrow 100 ms;
5-minute means of 50 channels over a month 500 ms. InfluxDB 2.7, asked for the last three: 17, 106, 1,470 ms.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing as mp
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import numpy as np

from benchmarks.fields import START_MS, catalogue, level_m
from cloud.api.ports import Services
from cloud.delivery.settings import FeedSettings
from cloud.series.columns import HOUR_MS
from cloud.series.compaction import DAY_MS
from cloud.series.files import SegmentFiles
from cloud.series.hourly import hourly_of
from cloud.series.manifest import Manifest
from cloud.series.parquet import ParquetStore
from contract.clock import SystemClock
from contract.readings import Flag, ReadingBatch

MANY, YEAR_CHANNELS, MONTH_CHANNELS, DAY_CHANNELS, RUNS = 50_000, 20, 50, 500, 20
END_MS = int(datetime(2022, 1, 1, tzinfo=UTC).timestamp() * 1000)
DAY_MS_0 = END_MS  # the day of many channels is the one after the year
QUERIES = {
    "10 days raw, one channel": ([7], END_MS - 12 * DAY_MS, END_MS - 2 * DAY_MS, "raw"),
    "a year hourly, one channel": ([7], START_MS, END_MS, "1h"),
    "a day, 500 channels": (list(range(1, DAY_CHANNELS + 1)), DAY_MS_0, DAY_MS_0 + DAY_MS, "raw"),
}


SERIES = {
    "a day, 500 channels, as Arrow": {
        "channel": list(range(1, DAY_CHANNELS + 1)),
        "start": DAY_MS_0,
        "end": DAY_MS_0 + DAY_MS,
        "format": "arrow",
    },
    "a month by 5 min, 50 channels, means": {
        "channel": list(range(1, MONTH_CHANNELS + 1)),
        "start": END_MS - 31 * DAY_MS,
        "end": END_MS,
        "interval": "5min",
        "figure": "mean",
        "format": "arrow",
    },
    "a year, 20 channels, as Parquet": {
        "channel": list(range(1, YEAR_CHANNELS + 1)),
        "start": START_MS,
        "end": END_MS,
        "format": "parquet",
    },
}


def block(rng: np.random.Generator, channels: int, start_ms: int, end_ms: int) -> ReadingBatch:
    """Sorted by channel and time."""
    count = (end_ms - start_ms) // 60_000
    number = np.arange(1, channels + 1)
    time_ms = start_ms + np.arange(count) * 60_000 + (number[:, None] % 50) * 1000
    level = level_m(rng, channels, count)
    return ReadingBatch.of(
        time_ms.ravel(), np.repeat(number, count), level.ravel(), np.full(channels * count, Flag.PASS)
    )


def fill(folder: Path) -> None:
    folder.mkdir()
    manifest = Manifest(folder / "manifest.sqlite")
    files = SegmentFiles(folder, manifest)
    rng = np.random.default_rng(7)
    edges = [int(datetime(2021 + m // 12, m % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000) for m in range(13)]
    spans = [("month", a, b, MONTH_CHANNELS if b == END_MS else YEAR_CHANNELS) for a, b in itertools.pairwise(edges)]
    for span, start, end, channels in [*spans, ("day", DAY_MS_0, DAY_MS_0 + DAY_MS, DAY_CHANNELS)]:
        part = block(rng, channels, start, end)
        raw = files.write_raw(span, start, end, [part])
        manifest.commit([raw, files.write_hourly(span, start, end, [hourly_of(part)])])
    files.close()
    manifest.close()


@dataclass(frozen=True)
class Newest:
    """The newest reading of every channel, all of the last minutes."""

    batch: ReadingBatch

    def snapshot(self) -> ReadingBatch:
        return self.batch


def newest() -> Newest:
    rng = np.random.default_rng(8)
    now_s = time.time_ns() // 1_000_000_000
    time_ms = (now_s - rng.integers(0, 120, MANY)) * 1000
    return Newest(ReadingBatch.of(time_ms, np.arange(1, MANY + 1), level_m(rng, MANY, 1)[:, 0], np.ones(MANY)))


def serve(folder: Path, listener: socket.socket) -> None:
    import uvicorn

    from cloud.access.access import Access
    from cloud.access.settings import AccessSettings
    from cloud.api.app import create_app
    from cloud.ledger.open import open_ledger

    stands = SimpleNamespace(
        catalogue=catalogue(MANY),
        clock=SystemClock(),
        latest=newest(),
        series=ParquetStore(folder),
        log=None,
        warnings=None,
        feed=FeedSettings(),
    )
    app = create_app(cast(Services, stands), Access(open_ledger("sqlite://"), AccessSettings(mode="open")))
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def median_ms(ask: Callable[[], Any], runs: int = RUNS) -> float:
    """After one to warm up, as the second question finds it."""
    ask()
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def run() -> dict[str, float | str]:
    out: dict[str, float | str] = {}
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as listener:
        folder = Path(name) / "series"
        fill(folder)
        store = ParquetStore(folder)
        for title, (channels, start, end, interval) in QUERIES.items():
            ask = store.raw if interval == "raw" else store.hourly
            out[f"{title}: store, ms (median of {RUNS})"] = median_ms(partial(ask, channels, start, end))
        store.close()
        server = mp.get_context("fork").Process(target=serve, args=(folder, listener), daemon=True)
        server.start()
        try:
            with closing(HTTPConnection(*listener.getsockname(), timeout=60)) as client:
                for title, (channels, start, end, interval) in QUERIES.items():
                    wanted = {"channel": channels, "start": start, "end": end, "interval": interval}
                    out[f"{title}: HTTP, ms"] = median_ms(partial(_get, client, "/v1/readings", wanted))
                    rows = len(json.loads(_get(client, "/v1/readings", wanted)))
                    assert rows == len(channels) * (end - start) // (60_000 if interval == "raw" else HOUR_MS)
                for title, wanted in SERIES.items():
                    before_mb = _resident_mb(server.pid)
                    out[f"{title}: HTTP, ms"] = median_ms(
                        partial(_get, client, "/v1/series", wanted), 5 if wanted["format"] == "parquet" else RUNS
                    )
                    out[f"{title}: server's memory, MB more"] = _resident_mb(server.pid) - before_mb
                out[f"latest of {MANY:,} channels: HTTP, ms"] = median_ms(partial(_get, client, "/v1/latest", {}))
                assert len(json.loads(_get(client, "/v1/latest", {}))) == MANY
        finally:
            server.kill()
    return out


def _resident_mb(process: int | None) -> float:
    """The most that it has held so far."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def _get(client: HTTPConnection, path: str, wanted: dict[str, Any]) -> bytes:
    client.request("GET", f"{path}?{urlencode(wanted, doseq=True)}")
    answer = client.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
    return body
