"""Cuts a batch into kth_readings in which no channel comes twice, so that a streaming test can work on arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from contract.readings import Int64s, ReadingBatch, Uint32s


def kth_readings(channels: Uint32s, batch: ReadingBatch) -> Iterator[tuple[Int64s, Int64s]]:
    """Positions in the batch and rows of `channels` (sorted, unique), earliest readings first.

    Readings of a channel that is not listed are in no round.
    """
    if not len(channels) or not len(batch):
        return
    rows = np.minimum(np.searchsorted(channels, batch.channel), len(channels) - 1)
    known = np.flatnonzero(channels[rows] == batch.channel)
    order = known[np.lexsort((batch.time_ms[known], rows[known]))]
    sorted_rows = rows[order]
    first = np.flatnonzero(np.diff(sorted_rows, prepend=-1))
    nth = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    for n in range(int(nth.max()) + 1 if len(nth) else 0):
        chosen = nth == n
        yield order[chosen], sorted_rows[chosen]
