"""Views from the log, in readings per CPU second, and what a sealed reading takes in the files of an hour and a month.

The data: level gauges that report once a minute, in whole seconds, one in ten a second late; millimetres with noise of
2 mm about a slow drift. Aims: 3 million readings a CPU second through both views that follow every reading (latest, and
series with its sealing), at 100 readings a message; 2.6 bytes a reading in an hour's file, 1.5 in a month's.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.fields import START_MS, catalogue, level_m
from cloud.log.base import NewEntry
from cloud.log.open import open_log
from cloud.log.sqlite import SqliteLog
from cloud.series.columns import HOUR_MS
from cloud.series.compaction import DAY_MS, compact_days, compact_months
from cloud.series.files import SegmentFiles
from cloud.series.manifest import Manifest
from cloud.series.parquet import ParquetStore
from cloud.views.base import View
from cloud.views.latest import LatestView
from contract.readings import Flag, ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane

CHANNELS, PER_MESSAGE, HOURS, RUNS = 2000, 100, 8, 3
MONTH_CHANNELS, MONTH_DAYS = 40, 31
_AT_ONCE = 2000  # entries a call, as the runner reads them


def minutes(channels: int, count: int, start_ms: int, rng: np.random.Generator) -> Iterator[ReadingBatch]:
    """One reading of every channel a minute, each at its own second."""
    number = np.arange(1, channels + 1, dtype=np.uint32)
    level = level_m(rng, channels, count)
    for k in range(count):
        late = (rng.random(channels) < 0.1).astype(np.int64)
        time_ms = start_ms + k * 60_000 + (number % 50 + late) * 1000
        yield ReadingBatch.of(time_ms, number, level[:, k], np.full(channels, Flag.PASS))


def fill(log: SqliteLog) -> int:
    """Hours of messages, appended as they would have come. Returns how many readings."""
    seq = 0
    for whole in minutes(CHANNELS, HOURS * 60 + 1, START_MS, np.random.default_rng(5)):
        entries = []
        for at in range(0, CHANNELS, PER_MESSAGE):
            part = whole.take(slice(at, at + PER_MESSAGE))
            seq += 1
            payload = encode_batch(WireBatch("gw", 1, seq, Lane.LIVE, part))
            first, last = int(part.time_ms.min()), int(part.time_ms.max())
            entries.append(NewEntry("gw", 1, seq, Lane.LIVE, first, last, payload))
        log.append(entries, int(whole.time_ms.max()) + 1000)
    return seq * PER_MESSAGE


def follow(log: SqliteLog, view: View) -> float:
    """CPU seconds from the first entry to the last."""
    began = time.process_time()
    while entries := log.read(view.cursor(), _AT_ONCE):
        view.apply(entries)
    return time.process_time() - began


def month_bytes(folder: Path) -> float:
    """Bytes a reading of a month's file, made as the store makes it: from the files of its days."""
    manifest = Manifest(folder / "manifest.sqlite")
    files = SegmentFiles(folder, manifest)
    number = np.arange(1, MONTH_CHANNELS + 1, dtype=np.uint32)
    rng = np.random.default_rng(6)
    for day in range(MONTH_DAYS):
        start = START_MS + day * DAY_MS
        every = ReadingBatch.concat(minutes(MONTH_CHANNELS, 1440, start, rng))
        order = np.lexsort((every.time_ms, every.channel))
        manifest.commit([files.write_raw("day", start, start + DAY_MS, [every.take(order)])])
    compact_months(manifest, files, START_MS + (MONTH_DAYS + 2) * DAY_MS)
    (month,) = manifest.segments("raw", "month", START_MS, START_MS + 1)
    assert month.rows == MONTH_DAYS * 1440 * len(number)
    files.close()
    manifest.close()
    return month.bytes / month.rows


def run() -> dict[str, float | str]:
    plan = catalogue(CHANNELS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = open_log(folder / "log")
        total = fill(log)
        latest_s, series_s = [], []
        for k in range(RUNS):
            latest_s.append(follow(log, LatestView(plan)))
            store = ParquetStore(folder / f"series{k}")
            series_s.append(follow(log, store))
            store.close()
        manifest = Manifest(folder / "series0" / "manifest.sqlite")
        hours = manifest.segments("raw", "hour", START_MS, START_MS + HOURS * HOUR_MS)
        files = SegmentFiles(folder / "series0", manifest)
        began = time.process_time()
        compact_days(manifest, files, START_MS + 2 * DAY_MS)
        merging_s = time.process_time() - began
        files.close()
        manifest.close()
        log.close()
        hour_rows = sum(s.rows for s in hours)
        return {
            "latest and series, readings/CPU s (median of 3)": total
            / statistics.median(a + b for a, b in zip(latest_s, series_s, strict=True)),
            "latest alone, readings/CPU s": total / statistics.median(latest_s),
            "series alone, sealing hours, readings/CPU s": total / statistics.median(series_s),
            "merging hours into a day with its rollup, ns a reading": merging_s / hour_rows * 1e9,
            "hour file, bytes a reading": sum(s.bytes for s in hours) / hour_rows,
            "month file, bytes a reading": month_bytes(_new(folder / "month")),
        }


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
