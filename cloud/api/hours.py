"""Hourly figures as they are told: from the store's rollups, and what is of time from the readings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cloud.api.series_tables import Question, hold_ms
from cloud.series.base import Hourly, SeriesStore
from cloud.series.blocks import blocks
from cloud.series.figures import Figures, Holding
from contract.catalogue.catalogue import Catalogue

_HOUR_MS = 3_600_000


def weighted(h: Hourly, catalogue: Catalogue, store: SeriesStore, until_ms: int) -> Hourly:
    """The same rows, mean, minimum and maximum weighted by time (see `cloud.series.figures`): of what held in the hour,
    also from before it. h: sorted by channel, then hour. until_ms: now.

    Of hours whose readings were let go (`retention:`) the mean is NaN: that of the readings would be another thing.
    Raises TooMany, and what the store raises.
    """
    if not len(h.channel):
        return h
    first_ms, last_ms = int(h.hour_ms.min()), int(h.hour_ms.max())
    edges_ms = np.arange(first_ms, last_ms + 2 * _HOUR_MS, _HOUR_MS)
    question = Question.of_hours(catalogue, h.channel.tolist(), edges_ms, until_ms)
    mean, minimum, maximum = np.full(len(h.mean), np.nan), h.minimum.copy(), h.maximum.copy()
    for block in blocks(store, question.wanted(), edges_ms):
        for wanted, readings in block.each():
            first, end = np.searchsorted(h.channel, [wanted.channel, wanted.channel + 1])
            hour = h.hour_ms[first:end]
            inside = (hour >= block.edges_ms[0]) & (hour < block.edges_ms[-1])
            rows = first + np.flatnonzero(inside)
            holding = Holding(hold_ms(catalogue.channels[wanted.channel]), until_ms)
            figures = Figures(readings, block.edges_ms, holding)
            place = (h.hour_ms[rows] - block.edges_ms[0]) // _HOUR_MS
            there = figures.rows()[place] > 0
            rows, place = rows[there], place[there]
            mean[rows] = figures.mean()[place]
            minimum[rows], maximum[rows] = figures.minimum()[place], figures.maximum()[place]
    return replace(h, mean=mean, minimum=minimum, maximum=maximum)
