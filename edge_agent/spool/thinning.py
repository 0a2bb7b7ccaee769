"""What may go when there is no room for everything. Pure, over columns.

Of each channel and interval the first, last, least and greatest reading stay, as they were, with their own times: a
peak is never flattened, and a line drawn through what is left stays within what was measured. Readings that failed a
quality test, and missing ones, are thinned apart from the good: a spike must not stand in for the true maximum.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from contract.latest_wins import last_of_each_time
from contract.readings import Bools, Flag, ReadingBatch

# Rounds, ms: 1 merges without loss; each later one is coarser.
MERGED = 1
ROUNDS_MS = (300_000, 900_000, 3_600_000)
MAX_READINGS_PER_BATCH = 500
_MAX_SPAN_MS = 2**31 - 1


def once(readings: ReadingBatch) -> ReadingBatch:
    """By channel, then time; of two readings of one channel and time the later in the batch, which corrects."""
    return readings.take(last_of_each_time(readings.channel, readings.time_ms))


def thin(readings: ReadingBatch, interval_ms: int) -> ReadingBatch:
    """What stays, by channel and time. readings: as `once` leaves them. interval_ms: of intervals counted from 1970."""
    if not len(readings):
        return readings
    kind = np.where(np.isnan(readings.value), 2, np.where(readings.flag == Flag.FAIL, 1, 0))
    interval = readings.time_ms // interval_ms
    order = np.lexsort((readings.time_ms, interval, kind, readings.channel))
    channel, kind, interval = readings.channel[order], kind[order], interval[order]
    new = (channel[1:] != channel[:-1]) | (kind[1:] != kind[:-1]) | (interval[1:] != interval[:-1])
    starts = np.flatnonzero(np.append(True, new))
    ends = np.append(starts[1:], len(order)) - 1
    group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
    value = np.nan_to_num(readings.value[order], nan=0.0)
    by_value = np.lexsort((value, group))  # within each group from least to greatest; of equals, the earliest first
    keep: Bools = np.zeros(len(readings), np.bool_)
    for chosen in (starts, ends, by_value[starts], by_value[ends]):
        keep[order[chosen]] = True
    return readings.take(keep)


def removed_by_channel(before: ReadingBatch, after: ReadingBatch) -> dict[int, int]:
    """Channel -> readings that went. `before` as `once` leaves it."""
    return dict(Counter(before.channel.tolist()) - Counter(after.channel.tolist()))


def split(readings: ReadingBatch) -> list[ReadingBatch]:
    """Into batches the wire can carry: not too many readings, not too long a time."""
    if not len(readings):
        return []
    if len(readings) <= MAX_READINGS_PER_BATCH and int(readings.time_ms.max() - readings.time_ms.min()) <= _MAX_SPAN_MS:
        return [readings]
    ordered = readings.take(np.argsort(readings.time_ms, kind="stable"))
    out, start = [], 0
    while start < len(ordered):
        last = np.searchsorted(ordered.time_ms, ordered.time_ms[start] + _MAX_SPAN_MS, side="right")
        end = min(int(last), start + MAX_READINGS_PER_BATCH)
        out.append(ordered.take(slice(start, end)))
        start = end
    return out
