"""Readings <-> Parquet columns, in order. Pure.

Values go as int32 thousandths where those are exact, else as float64 beside them; times as seconds, and milliseconds
beside them that are nearly always zero. (The receiver lets no time pass that does not fit.) Sorted by channel and time,
delta-packed and compressed, a reading takes one to three bytes.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from contract.latest_wins import last_of_each_time
from contract.readings import Int64s, ReadingBatch

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
