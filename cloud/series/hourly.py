"""Readings -> hourly rollups, and rollups <-> Parquet columns. Pure."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa

from cloud.series.base import Hourly
from cloud.series.columns import HOUR_MS
from contract.readings import Flag, Float64s, Int64s, ReadingBatch

HOURLY_FIELDS = tuple(f.name for f in fields(Hourly))
#: In `widest_ms` of a rollup that was written before there was that column: how long values held is not known.
NOT_KNOWN = int(np.iinfo(np.int64).max)
_OF_OLD: dict[str, Any] = {
    "usable": np.uint32(0),
    "worst_flag": np.uint8(0),
    "first_ms": np.int64(0),
    "end_ms": np.int64(0),
    "end_value": np.nan,
    "integral": np.nan,
    "covered_ms": np.int64(0),
    "widest_ms": np.int64(NOT_KNOWN),
}


def whole_hours(start_ms: int, end_ms: int) -> tuple[int, int]:
    """From the first hour that starts in [start_ms, end_ms) to the end of the last that does."""
    return -(-start_ms // HOUR_MS) * HOUR_MS, -(-end_ms // HOUR_MS) * HOUR_MS


def hourly_of(batch: ReadingBatch) -> Hourly:
    """Roll up readings that are `ordered`."""
    n = len(batch)
    if not n:
        return _nothing()
    hour = batch.time_ms // HOUR_MS
    new = np.ones(n, np.bool_)
    new[1:] = (batch.channel[1:] != batch.channel[:-1]) | (hour[1:] != hour[:-1])
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], n) - 1
    good = (batch.flag != Flag.FAIL) & (batch.flag != Flag.MISSING) & ~np.isnan(batch.value)
    n_good = np.add.reduceat(good, starts, dtype=np.int64)
    value = np.where(good, batch.value, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        low = np.minimum.reduceat(np.where(good, batch.value, np.inf), starts)
        high = np.maximum.reduceat(np.where(good, batch.value, -np.inf), starts)
        mean = np.add.reduceat(value, starts) / n_good
    low[n_good == 0] = high[n_good == 0] = np.nan
    stands_ms = np.diff(batch.time_ms, append=0)
    stands_ms[ends] = 0  # how long the last one holds is told by the next hour, and by the channel
    stands_ms[~good] = 0
    return Hourly(
        hour_ms=hour[starts] * HOUR_MS,
        channel=batch.channel[starts],
        count=np.add.reduceat(batch.flag != Flag.MISSING, starts, dtype=np.int64).astype(np.uint32),
        minimum=low,
        maximum=high,
        mean=mean,
        first=_at(batch, _first_good(good, starts), n_good),
        last=_at(batch, _last_good(good, starts, n), n_good),
        usable=n_good.astype(np.uint32),
        worst_flag=np.maximum.reduceat(batch.flag, starts),
        first_ms=batch.time_ms[starts],
        end_ms=batch.time_ms[ends],
        end_value=np.where(good[ends], batch.value[ends], np.nan),
        integral=np.add.reduceat(value * stands_ms, starts) / 1000,
        covered_ms=np.add.reduceat(stands_ms, starts),
        widest_ms=np.maximum.reduceat(stands_ms, starts),
    )


def _nothing() -> Hourly:
    kinds = {"hour_ms": np.int64, "channel": np.uint32, "count": np.uint32}
    kinds |= {"usable": np.uint32, "worst_flag": np.uint8}
    kinds |= dict.fromkeys(("first_ms", "end_ms", "covered_ms", "widest_ms"), np.int64)
    return Hourly(**{name: np.zeros(0, kinds.get(name, np.float64)) for name in HOURLY_FIELDS})


def _first_good(good: np.ndarray, starts: Int64s) -> Int64s:
    position = np.where(good, np.arange(len(good)), len(good) - 1)
    return np.asarray(np.minimum.reduceat(position, starts), np.int64)


def _last_good(good: np.ndarray, starts: Int64s, n: int) -> Int64s:
    position = np.where(good, np.arange(n), 0)
    return np.asarray(np.maximum.reduceat(position, starts), np.int64)


def _at(batch: ReadingBatch, where: Int64s, n_good: Int64s) -> Float64s:
    return np.where(n_good > 0, batch.value[where], np.nan)


def hourly_table(h: Hourly) -> pa.Table:
    return pa.table({name: pa.array(getattr(h, name)) for name in HOURLY_FIELDS})


def hourly_from(table: pa.Table) -> Hourly:
    """Also of a table that an earlier version wrote, with fewer columns."""
    known = set(table.column_names)
    return Hourly(
        **{
            name: table[name].to_numpy() if name in known else np.full(len(table), _OF_OLD[name])
            for name in HOURLY_FIELDS
        }
    )


def hourly_concat(parts: list[Hourly]) -> Hourly:
    """Sorted by channel, then hour; of one channel and hour only the last given stays."""
    parts = [p for p in parts if len(p.channel)]
    if not parts:
        return _nothing()
    joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in HOURLY_FIELDS}
    channel, hour = joined["channel"], joined["hour_ms"]
    if not _rising(channel, hour):
        order = np.lexsort((hour, channel))
        joined = {name: column[order] for name, column in joined.items()}
        channel, hour = joined["channel"], joined["hour_ms"]
    last = np.ones(len(channel), np.bool_)
    last[:-1] = (channel[1:] != channel[:-1]) | (hour[1:] != hour[:-1])
    return Hourly(**joined) if last.all() else hourly_take(Hourly(**joined), last)


def _rising(channel: np.ndarray, hour_ms: Int64s) -> bool:
    """The usual case of one channel: nothing to sort."""
    same = channel[1:] == channel[:-1]
    return bool(np.all((channel[1:] > channel[:-1]) | (same & (hour_ms[1:] >= hour_ms[:-1]))))


def hourly_take(h: Hourly, chosen: np.ndarray | slice) -> Hourly:
    """chosen: places, a mask or a slice."""
    return Hourly(**{name: getattr(h, name)[chosen] for name in HOURLY_FIELDS})
