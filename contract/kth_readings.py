"""The first reading of each channel in a batch, then the second of each, and so on: what lets tests that go from one
reading of a channel to the next work on arrays. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from contract.channel_rows import channel_rows
from contract.latest_wins import by_channel_and_time
from contract.readings import Int64s, ReadingBatch, Uint32s


def kth_readings(channels: Uint32s, batch: ReadingBatch) -> Iterator[tuple[Int64s, Int64s]]:
    """For k = 1, 2, ...: positions in the batch of the k-th reading in time of each channel, and the channels' rows.

    channels: sorted, unique; a row is a place in it. Of equal times the one that stands earlier in the batch comes
    first. No channel comes twice in one step; readings of a channel that is not listed come in none.
    """
    if not len(channels) or not len(batch):
        return
    if len(channels) == len(batch) and np.array_equal(channels, batch.channel):  # a whole sweep: the usual case
        every = np.arange(len(channels))
        yield every, every
        return
    rows = channel_rows(channels, batch.channel)
    known = np.flatnonzero(rows >= 0)
    order = known[by_channel_and_time(rows[known], batch.time_ms[known])]
    sorted_rows = rows[order]
    first = np.flatnonzero(np.diff(sorted_rows, prepend=-1))
    nth = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    for n in range(int(nth.max()) + 1 if len(nth) else 0):
        chosen = nth == n
        yield order[chosen], sorted_rows[chosen]
