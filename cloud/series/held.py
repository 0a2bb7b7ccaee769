"""Hourly figures weighted by time, from rollups: what `cloud.series.figures` says of the readings, without them. Pure.

In an hour something held from before until its first reading, then each reading until the next, then the last one. The
middle is in the rollup; the rest is told by the rollup before. A rollup does not know for how long a reading of its
channel holds: where one of the hour stood for longer than that, its readings must be asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cloud.series.base import Hourly
from cloud.series.columns import HOUR_MS
from cloud.series.hourly import NOT_KNOWN
from contract.readings import Bools, Float64s, Int64s

NEVER = -1  # in the place of a hold: of readings that do not hold, such as amounts


@dataclass(frozen=True, slots=True)
class Held:
    """Equal-length columns, a row a row of the rollup.

    mean, minimum, maximum: NaN where nothing held. covered_s: for how long of the hour a value was known; NaN of
    readings that do not hold. unsure: the rollup cannot tell, and the figures are not to be used.
    """

    mean: Float64s
    minimum: Float64s
    maximum: Float64s
    covered_s: Float64s
    unsure: Bools


def held(h: Hourly, hold_ms: Int64s, until_ms: int) -> Held:
    """h: by channel, then hour, with the hours before that may hold into those that are asked for. hold_ms: of each
    row's channel; `NEVER` where readings do not hold. until_ms: now."""
    same = np.zeros(len(h.channel), np.bool_)
    same[1:] = h.channel[1:] == h.channel[:-1]
    before_ms, before = np.where(same, np.roll(h.end_ms, 1), 0), np.where(same, np.roll(h.end_value, 1), np.nan)
    after_an_old_one = same & (np.roll(h.widest_ms, 1) == NOT_KNOWN)
    ends_ms = np.minimum(h.hour_ms + HOUR_MS, until_ms)
    carried_ms = np.minimum(np.minimum(before_ms + hold_ms, h.first_ms), ends_ms) - h.hour_ms
    carried_ms = np.where(np.isnan(before), 0, np.maximum(carried_ms, 0))
    after_ms = np.where(np.isnan(h.end_value), 0, np.maximum(np.minimum(h.end_ms + hold_ms, ends_ms) - h.end_ms, 0))
    weight_s = (carried_ms + h.covered_ms + after_ms) / 1000
    total = h.integral + (_times(carried_ms, before) + _times(after_ms, h.end_value)) / 1000
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / weight_s
    begun = np.where(carried_ms > 0, before, np.nan)
    holds = hold_ms != NEVER
    return Held(
        mean=np.where(holds, mean, h.mean),
        minimum=np.where(holds, np.fmin(h.minimum, begun), h.minimum),
        maximum=np.where(holds, np.fmax(h.maximum, begun), h.maximum),
        covered_s=np.where(holds, weight_s, np.nan),
        unsure=holds & (after_an_old_one | (h.widest_ms > hold_ms) | (h.end_ms >= until_ms)),
    )


def _times(ms: Int64s, value: Float64s) -> Float64s:
    return np.where(ms > 0, ms * np.nan_to_num(value), 0.0)
