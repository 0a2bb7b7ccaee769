"""Readings <-> Parquet columns, and what is done to sorted columns. Pure.

Values go as int32 thousandths where those are exact, else as float64 beside them; times as seconds, and milliseconds
beside them that are nearly always zero. (The receiver lets no time pass that does not fit.) Sorted by channel and time,
delta-packed and compressed, a reading takes one to three bytes.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cloud.series.base import Hourly
from contract.latest_wins import last_of_each_time
from contract.readings import Flag, Int64s, ReadingBatch

HOUR_MS = 3_600_000
ENCODING = {
    "time": "DELTA_BINARY_PACKED",
    "ms": "DELTA_BINARY_PACKED",
    "channel": "DELTA_BINARY_PACKED",
    "milli": "DELTA_BINARY_PACKED",
    "exact": "PLAIN",
    "flag": "PLAIN",
}


def ordered(batch: ReadingBatch) -> ReadingBatch:
    """By channel, then time; of one channel and time only the last given stays."""
    return batch.take(last_of_each_time(batch.channel, batch.time_ms)) if len(batch) else batch


def distinct(numbers: Int64s) -> list[int]:
    """The different ones, rising; of numbers that lie close together in one counting sweep."""
    if not len(numbers):
        return []
    first = int(numbers.min())
    if int(numbers.max()) - first > len(numbers):
        return [int(n) for n in np.unique(numbers)]
    return [first + int(i) for i in np.flatnonzero(np.bincount(numbers - first))]


def to_table(batch: ReadingBatch) -> pa.Table:
    value = batch.value
    milli = np.rint(value * 1000)
    with np.errstate(invalid="ignore"):
        fits = (np.abs(milli) < 2**31) & (milli / 1000 == value)
    if fits.all():  # the usual case: no masks to build
        packed, exact = pa.array(milli.astype(np.int32)), pa.nulls(len(batch), pa.float64())
    else:
        missing = np.isnan(value)
        packed = pa.array(np.where(fits, milli, 0).astype(np.int32), mask=~fits)
        exact = pa.array(np.where(fits | missing, 0.0, value), mask=fits | missing)
    columns = {
        "time": pa.array((batch.time_ms // 1000).astype(np.int32)),
        "ms": pa.array((batch.time_ms % 1000).astype(np.int32)),
        "channel": pa.array(batch.channel),
        "milli": packed,
        "exact": exact,
        "flag": pa.array(batch.flag),
    }
    return pa.table(columns)


def from_table(table: pa.Table) -> ReadingBatch:
    time_ms = table["time"].to_numpy().astype(np.int64) * 1000 + table["ms"].to_numpy()
    milli, exact = table["milli"], table["exact"]
    value = milli.to_numpy().astype(np.float64) / 1000  # nulls come as NaN
    if exact.null_count < len(exact):
        other = exact.to_numpy()
        value = np.where(np.isnan(other), value, other)
    return ReadingBatch.of(time_ms, table["channel"].to_numpy(), value, table["flag"].to_numpy())


def whole_hours(start_ms: int, end_ms: int) -> tuple[int, int]:
    """From the first hour that starts in [start_ms, end_ms) to the end of the last that does."""
    return -(-start_ms // HOUR_MS) * HOUR_MS, -(-end_ms // HOUR_MS) * HOUR_MS


def hourly_of(batch: ReadingBatch) -> Hourly:
    """Roll up readings that are `ordered`."""
    n = len(batch)
    if not n:
        empty = np.zeros(0)
        return Hourly(
            empty.astype(np.int64), empty.astype(np.uint32), empty.astype(np.uint32), empty, empty, empty, empty, empty
        )
    hour = batch.time_ms // HOUR_MS
    new = np.ones(n, np.bool_)
    new[1:] = (batch.channel[1:] != batch.channel[:-1]) | (hour[1:] != hour[:-1])
    starts = np.flatnonzero(new)
    good = (batch.flag != Flag.FAIL) & (batch.flag != Flag.MISSING) & ~np.isnan(batch.value)
    n_good = np.add.reduceat(good, starts, dtype=np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        low = np.minimum.reduceat(np.where(good, batch.value, np.inf), starts)
        high = np.maximum.reduceat(np.where(good, batch.value, -np.inf), starts)
        mean = np.add.reduceat(np.where(good, batch.value, 0.0), starts) / n_good
    low[n_good == 0] = high[n_good == 0] = np.nan
    return Hourly(
        hour_ms=hour[starts] * HOUR_MS,
        channel=batch.channel[starts],
        count=np.add.reduceat(batch.flag != Flag.MISSING, starts, dtype=np.int64).astype(np.uint32),
        minimum=low,
        maximum=high,
        mean=mean,
        first=_at(batch, _first_good(good, starts), n_good),
        last=_at(batch, _last_good(good, starts, n), n_good),
    )


def _first_good(good: np.ndarray, starts: Int64s) -> Int64s:
    position = np.where(good, np.arange(len(good)), len(good) - 1)
    return np.asarray(np.minimum.reduceat(position, starts), np.int64)


def _last_good(good: np.ndarray, starts: Int64s, n: int) -> Int64s:
    position = np.where(good, np.arange(n), 0)
    return np.asarray(np.maximum.reduceat(position, starts), np.int64)


def _at(batch: ReadingBatch, where: Int64s, n_good: Int64s) -> np.ndarray:
    return np.where(n_good > 0, batch.value[where], np.nan)


HOURLY_FIELDS = ("hour_ms", "channel", "count", "minimum", "maximum", "mean", "first", "last")


def hourly_table(h: Hourly) -> pa.Table:
    return pa.table({name: pa.array(getattr(h, name)) for name in HOURLY_FIELDS})


def hourly_from(table: pa.Table) -> Hourly:
    return Hourly(*(table[name].to_numpy() for name in HOURLY_FIELDS))


def hourly_concat(parts: list[Hourly]) -> Hourly:
    """Sorted by channel, then hour; of one channel and hour only the last given stays."""
    if not parts:
        return hourly_of(ReadingBatch.empty())
    joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in HOURLY_FIELDS}
    order = np.lexsort((joined["hour_ms"], joined["channel"]))
    channel, hour = joined["channel"][order], joined["hour_ms"][order]
    last = np.ones(len(order), np.bool_)
    last[:-1] = (channel[1:] != channel[:-1]) | (hour[1:] != hour[:-1])
    return Hourly(*(joined[name][order[last]] for name in HOURLY_FIELDS))


def hourly_take(h: Hourly, mask: np.ndarray) -> Hourly:
    return Hourly(*(getattr(h, name)[mask] for name in HOURLY_FIELDS))
