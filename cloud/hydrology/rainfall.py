"""Rain from counters. Pure."""

from __future__ import annotations

import numpy as np

from contract.readings import Float64s, Int64s, ReadingBatch


def increments(total_mm: Float64s, wraps_at_mm: float | None, tip_mm: float) -> Float64s:
    """Rain between one reading of a counting gauge and the next, mm; same length, the first is 0.

    A fall is the counter wrapping when it wraps and the gain is plausible (less than half its range); else the gauge
    was reset, and what it shows has fallen since. NaN readings give 0, and the next one the whole gain.
    """
    out = np.zeros(len(total_mm))
    good = np.flatnonzero(~np.isnan(total_mm))
    v = total_mm[good]
    gain = np.diff(v)
    fell = gain < -tip_mm / 2
    after = v[1:]
    wrapped = gain + wraps_at_mm if wraps_at_mm is not None else after
    plausible = fell & (wraps_at_mm is not None) & (wrapped < (wraps_at_mm or 0) / 2)
    out[good[1:]] = np.where(fell, np.where(plausible, wrapped, after), np.maximum(gain, 0.0))
    return out


def hyetograph(
    readings: ReadingBatch, wraps_at_mm: float | None, tip_mm: float, start_ms: int, end_ms: int, step_ms: int
) -> tuple[Int64s, Float64s]:
    """Interval starts and the rain of each interval, mm, of one gauge's readings in order of time.

    A gain is spread evenly over the time between the two readings that show it, at most one hour back.
    """
    edges = np.arange(start_ms, end_ms + step_ms, step_ms, dtype=np.int64)
    gain = increments(readings.value, wraps_at_mm, tip_mm)
    depth = np.zeros(len(edges) - 1)
    begin = np.concatenate((readings.time_ms[:1], readings.time_ms[:-1]))
    begin = np.maximum(begin, readings.time_ms - 3_600_000)
    for a, b, mm in zip(begin.tolist(), readings.time_ms.tolist(), gain.tolist(), strict=True):
        if mm <= 0 or b <= start_ms or a >= end_ms:
            continue
        share = np.clip(np.minimum(edges[1:], b) - np.maximum(edges[:-1], a), 0, None)
        if b > a:
            depth += mm * share / (b - a)
    return edges[:-1], depth
