"""Spans of time cut at the edges of intervals: all at once. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contract.readings import Int64s


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Equal-length columns, a row a span and interval that share time; by span, then interval.

    span, interval: their places in what was given. ms: how much time they share, above 0.
    """

    span: Int64s
    interval: Int64s
    ms: Int64s


def overlaps(begin_ms: Int64s, end_ms: Int64s, edges_ms: Int64s) -> Overlaps:
    """begin_ms, end_ms: of n spans. edges_ms: rising, int64[m + 1]: interval k lasts from edge k to edge k + 1."""
    n = len(edges_ms) - 1
    first = np.maximum(np.searchsorted(edges_ms, begin_ms, side="right") - 1, 0)
    behind = np.minimum(np.searchsorted(edges_ms, end_ms, side="left"), n)
    pieces = np.where(end_ms > begin_ms, np.maximum(behind - first, 0), 0)
    span = np.repeat(np.arange(len(begin_ms)), pieces)
    interval = np.arange(len(span)) - np.repeat(np.cumsum(pieces) - pieces, pieces) + first[span]
    ms = np.minimum(edges_ms[interval + 1], end_ms[span]) - np.maximum(edges_ms[interval], begin_ms[span])
    shared = ms > 0
    return Overlaps(span[shared], interval[shared], ms[shared])
