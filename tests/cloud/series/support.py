"""A log in memory, random readings, and a store so simple that it must be right."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from cloud.log.base import Entry, EntryKind
from cloud.series.base import SeriesStore
from contract.readings import Flag, ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane

HOUR_MS = 3_600_000
Open = Callable[[], SeriesStore]
START_MS = 1_626_768_000_000  # 2021-07-20 08:00 UTC


def entry(offset: int, append_ms: int, batch: ReadingBatch) -> Entry:
    payload = encode_batch(WireBatch("gw-1", 1, offset, Lane.LIVE, batch))
    first, last = int(batch.time_ms.min()), int(batch.time_ms.max())
    return Entry(offset, append_ms, EntryKind.BATCH, "gw-1", 1, offset, Lane.LIVE, first, last, payload)


def tick(offset: int, append_ms: int) -> Entry:
    return Entry(offset, append_ms, EntryKind.TICK, "", 0, 0, Lane.LIVE, 0, 0, b"")


def random_log(seed: int, entries: int, hours: float, channels: Sequence[int] = (101, 102, 201)) -> list[Entry]:
    """Live readings, some late by up to two days, corrections, missing values, values that are no thousandths."""
    rng = np.random.default_rng(seed)
    out: list[Entry] = []
    for i in range(entries):
        now_ms = START_MS + int(i * hours * HOUR_MS / entries)
        n = int(rng.integers(1, 12))
        late_ms = int(rng.choice([0, 0, 0, 0, 3 * HOUR_MS, 48 * HOUR_MS])) if i > entries // 4 else 0
        time_ms = now_ms // 1000 * 1000 - late_ms - rng.integers(0, 240, n) * 30_000
        if rng.random() < 0.1:
            time_ms = time_ms + 137
        value = np.round(rng.normal(0.3, 0.5, n), 3)
        value[rng.random(n) < 0.1] = np.nan
        if rng.random() < 0.1:
            value = value + math.pi
        flag = np.where(np.isnan(value), Flag.MISSING, rng.choice([Flag.PASS, Flag.SUSPECT, Flag.FAIL], n))
        out.append(entry(2 * i + 1, now_ms, ReadingBatch.of(time_ms, rng.choice(channels, n), value, flag)))
        if rng.random() < 0.2:
            out.append(tick(2 * i + 2, now_ms))
    return out


Rows = dict[tuple[int, int], tuple[float, int]]


def rows_of(batch: ReadingBatch) -> Rows:
    """(channel, time) -> (value, flag); NaN as a number that compares."""
    out: Rows = {}
    columns = (batch.channel, batch.time_ms, batch.value, batch.flag)
    for c, t, v, f in zip(*(x.tolist() for x in columns), strict=True):
        assert (c, t) not in out, "a channel and time twice in one answer"
        out[c, t] = (-9999.0 if math.isnan(v) else v, f)
    return out


def oracle(log: Sequence[Entry]) -> Rows:
    from cloud.views.decode import readings

    out: Rows = {}
    for e in log:
        batch = readings([e])
        columns = (batch.channel, batch.time_ms, batch.value, batch.flag)
        for c, t, v, f in zip(*(x.tolist() for x in columns), strict=True):
            out[c, t] = (-9999.0 if math.isnan(v) else v, f)
    return out


Hour = tuple[int, float, float, float, float, float]


def hourly_oracle(rows: Rows) -> dict[tuple[int, int], Hour]:
    """(channel, hour) -> count, minimum, maximum, mean, first, last; -9999 for none."""
    groups: dict[tuple[int, int], list[tuple[int, float, int]]] = {}
    for (c, t), (v, f) in sorted(rows.items()):
        groups.setdefault((c, t // HOUR_MS * HOUR_MS), []).append((t, v, f))
    out = {}
    for key, group in groups.items():
        good = [v for _, v, f in group if f not in (Flag.FAIL, Flag.MISSING)]
        count = sum(f != Flag.MISSING for _, _, f in group)
        figures = (min(good), max(good), sum(good) / len(good), good[0], good[-1]) if good else (-9999.0,) * 5
        out[key] = (count, *(round(x, 9) for x in figures))
    return out


def feed(store: SeriesStore, log: list[Entry], chunk: int = 7) -> None:
    rest = [e for e in log if e.offset > store.cursor()]
    for i in range(0, len(rest), chunk):
        store.apply(rest[i : i + chunk])
