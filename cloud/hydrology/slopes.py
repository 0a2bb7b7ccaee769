"""Slopes that single echoes do not move (Theil 1950, Sen 1968). Pure."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from contract.readings import Float64s, Int64s

_AT_ONCE = 512  # rows whose slopes fit into a processor's cache


def median_slope(at: Int64s, value: Float64s) -> Float64s:
    """The median of the slopes between all pairs of points of each row, as `scipy.stats.theilslopes` has it.

    at, value: shape (n, points); points of value NaN are left out. Shape (n,); NaN where there are fewer than two.
    """
    out = np.full(len(at), np.nan)
    known = ~np.isnan(value).all(axis=0)  # points that any row has
    if np.count_nonzero(known) < 2:
        return out
    for begin in range(0, len(at), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        out[some] = _median_slope(at[some, known].T.copy(), value[some, known].T.copy())
    return out


def _median_slope(at: Int64s, value: Float64s) -> Float64s:
    """The same of shape (points, n): the values of a point stand side by side, which is what pairs are made of."""
    first, second = _pairs(len(at))
    slopes = value[second]
    slopes -= value[first]
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes /= at[second] - at[first]
    slopes.sort(axis=0)  # NaN comes last
    count = len(slopes) - np.isnan(slopes).sum(axis=0)
    each = np.arange(slopes.shape[1])
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(slopes) - 1)
    return np.asarray((slopes[low, each] + slopes[high, each]) / 2)


@cache
def _pairs(points: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(points, 1)
