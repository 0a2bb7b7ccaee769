"""Readings in order of time from either end, a piece at a time, of a store that is asked for a range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cloud.series.base import SeriesStore, TooMany
from contract.readings import ReadingBatch

_MOST = 50_000  # rows of a piece
_FEW = 5_000  # of a piece after which the next is of a longer time
_FIRST_MS, _LEAST_MS = 3_600_000, 1000


class TooDense(Exception):
    """So many channels say so much in one second that a piece of it is too much."""


def in_order(
    store: SeriesStore, channels: Sequence[int], start_ms: int, end_ms: int, newest_first: bool, wanted: int
) -> Iterator[ReadingBatch]:
    """Readings with start_ms <= time < end_ms by time and channel, rising or falling, in pieces that are never large.

    Pieces grow while they bring little, so that years without a reading cost a few questions. wanted: how many rows are
    likely to be asked for. Raises TooDense.
    """
    width_ms = _FIRST_MS
    while start_ms < end_ms:
        low = max(start_ms, end_ms - width_ms) if newest_first else start_ms
        high = end_ms if newest_first else min(end_ms, start_ms + width_ms)
        try:
            batch = store.raw(channels, low, high, _MOST)
        except TooMany as error:
            if width_ms <= _LEAST_MS:
                raise TooDense from error
            width_ms = max(min(width_ms, high - low) // 8, _LEAST_MS)
            continue
        if len(batch):
            order = np.lexsort((batch.channel, batch.time_ms))
            order = order[::-1] if newest_first else order
            yield ReadingBatch.of(*(c[order] for c in (batch.time_ms, batch.channel, batch.value, batch.flag)))
        if len(batch) < min(max(wanted, 100), _FEW):
            width_ms *= 4
        if newest_first:
            end_ms = low
        else:
            start_ms = high
