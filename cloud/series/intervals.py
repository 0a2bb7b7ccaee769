"""Intervals of a clock: where minutes, hours, days and months begin in a place's own time. Pure.

Up to an hour they are equally long and counted from the beginning of each local day. Longer ones begin when the clock
says so, and the one in which the clocks change is longer or shorter by that: a day has 23 or 25 hours then, and a month
is as long as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal

import numpy as np

from contract.readings import Int64s

Interval = Literal[
    "1min", "2min", "5min", "10min", "15min", "20min", "30min", "1h", "2h", "3h", "6h", "12h", "1d", "month", "whole"
]
_MINUTES: dict[str, int] = {"1min": 1, "2min": 2, "5min": 5, "10min": 10, "15min": 15, "20min": 20, "30min": 30}
_MINUTES |= {"1h": 60, "2h": 120, "3h": 180, "6h": 360, "12h": 720, "1d": 1440}
_MINUTE_MS = 60_000
_MONTH_MINUTES = 28 * 1440


@dataclass(frozen=True, slots=True)
class LocalDays:
    """A place's days. zone: its time zone. begins_h: at which hour of the clock a day begins, and a month with its
    first day: 0, or 8 where a rain day lasts from 08:00 to 08:00."""

    zone: tzinfo
    begins_h: int = 0


def edges(interval: Interval, start_ms: int, end_ms: int, days: LocalDays) -> Int64s:
    """Where the intervals begin that share time with [start_ms, end_ms), cut at both ends: int64[m + 1], UTC ms,
    rising, from start_ms to end_ms."""
    if interval == "whole":
        inner: Int64s = np.empty(0, np.int64)
    elif interval == "month":
        inner = _months(start_ms, end_ms, days)
    else:
        inner = _parts_of_days(_MINUTES[interval], start_ms, end_ms, days)
    inside = inner[(inner > start_ms) & (inner < end_ms)]
    inside.sort()  # in order already but where clocks change, and then this is quick
    return np.concatenate(([start_ms], inside[np.diff(inside, prepend=start_ms) > 0], [end_ms]))


def at_most(interval: Interval, start_ms: int, end_ms: int) -> int:
    """So many intervals may come, at most: for who must know before they are made."""
    if interval == "whole":
        return 1
    minutes = _MINUTES.get(interval, _MONTH_MINUTES)
    # A day is cut where it ends: one more each day, and one at either end.
    return (end_ms - start_ms) // (minutes * _MINUTE_MS) + (end_ms - start_ms) // (20 * 60 * _MINUTE_MS) + 3


def _parts_of_days(minutes: int, start_ms: int, end_ms: int, days: LocalDays) -> Int64s:
    first, last = _day_of(start_ms, days), _day_of(end_ms, days)
    count = (last - first).days + 2
    begins = np.array([_begin(first + timedelta(n), days) for n in range(count)], np.int64)
    if minutes <= 60:
        step = minutes * _MINUTE_MS
        parts = -(-np.diff(begins) // step)
        of = np.repeat(np.arange(count - 1), parts)
        return np.asarray(begins[of] + (np.arange(len(of)) - np.repeat(np.cumsum(parts) - parts, parts)) * step)
    return np.array(
        [_begin(first + timedelta(n), days, hours * 60) for n in range(count) for hours in range(0, 24, minutes // 60)],
        np.int64,
    )


def _months(start_ms: int, end_ms: int, days: LocalDays) -> Int64s:
    first, last = _day_of(start_ms, days), _day_of(end_ms, days)
    count = (last.year - first.year) * 12 + last.month - first.month + 2
    months = (first.year * 12 + first.month - 1 + n for n in range(count))
    return np.array([_begin(date(m // 12, m % 12 + 1, 1), days) for m in months], np.int64)


def _day_of(ms: int, days: LocalDays) -> date:
    """The local day, from its beginning on, that a moment lies in."""
    return (datetime.fromtimestamp(ms / 1000, UTC).astimezone(days.zone) - timedelta(hours=days.begins_h)).date()


def _begin(day: date, days: LocalDays, minutes: int = 0) -> int:
    """UTC ms of so many minutes, by the clock, after a day's beginning. A time that the clocks skip is when they do; of
    one that they show twice the first counts."""
    clock = datetime(day.year, day.month, day.day) + timedelta(hours=days.begins_h, minutes=minutes)
    return round(clock.replace(tzinfo=days.zone).timestamp() * 1000)
