"""The flat line test (QARTOD manual for water level data 2.1, test 8), streaming and over arrays.

Suspect, or failed, when the last `count + 1` readings stay within `tolerance`
of one another; count = threshold seconds / sampling period, truncated. A
missing reading starts the window anew: silence says nothing about being stuck.

The trick: a window can only be flat if every step in it was small. Counting
small steps settles nearly every reading; only after a long enough run of them
is the window itself looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.models import FlatLine
from contract.readings import Bools, Float64s, Int64s

_NEVER = np.iinfo(np.int32).max


@dataclass(slots=True)
class FlatLineState:
    """calm int32[n]: small steps in a row; ring float64[n, width]: the last values; place int64[n]: the newest one."""

    calm: NDArray[np.int32]
    ring: Float64s
    place: Int64s


class FlatLineTest:
    def __init__(self, settings: Sequence[FlatLine | None], period_s: Sequence[float]) -> None:
        n = len(settings)
        self._suspect = np.full(n, _NEVER, np.int32)
        self._fail = np.full(n, _NEVER, np.int32)
        self._tolerance = np.zeros(n)
        self._only_above = np.full(n, -np.inf)
        for i, s in enumerate(settings):
            if s is None:
                continue
            self._suspect[i] = int(s.suspect_s / period_s[i])
            if s.fail_s is not None:
                self._fail[i] = int(s.fail_s / period_s[i])
            self._tolerance[i] = s.tolerance
            if s.only_above is not None:
                self._only_above[i] = s.only_above
        counts = np.concatenate([self._suspect[self._suspect != _NEVER], self._fail[self._fail != _NEVER]])
        self._shortest = np.minimum(self._suspect, self._fail)
        self._width = int(counts.max()) + 1 if len(counts) else 0
        self._rows = np.arange(n)

    def initial(self) -> FlatLineState:
        n = len(self._rows)
        return FlatLineState(np.zeros(n, np.int32), np.full((n, self._width), np.nan), np.zeros(n, np.int64))

    def step(
        self, state: FlatLineState, rows: slice | Int64s, v: Float64s, size: Float64s
    ) -> tuple[Bools | None, Bools | None]:
        """Suspect and failed masks for one value a row; None where no row is.

        size: |v - the value before|, NaN when either is missing.
        """
        if not self._width:
            return None, None
        calm = (state.calm[rows] + 1) * (size < self._tolerance[rows])
        state.calm[rows] = calm
        place = state.place[rows] + 1
        place[place == self._width] = 0
        state.place[rows] = place
        state.ring[self._rows[rows], place] = v
        long = (calm >= self._shortest[rows]) & (v > self._only_above[rows])
        if not np.count_nonzero(long):
            return None, None
        chosen = np.flatnonzero(long)
        row = self._rows[rows][chosen]
        suspect = self._flat(state, row, calm[chosen], self._suspect[row])
        fail = self._flat(state, row, calm[chosen], self._fail[row])
        return _scatter(suspect | fail, chosen, len(v)), _scatter(fail, chosen, len(v))

    def _flat(self, state: FlatLineState, row: Int64s, calm: NDArray[np.int32], counts: NDArray[np.int32]) -> Bools:
        out = np.zeros(len(row), np.bool_)
        for count in np.unique(counts[calm >= counts]):
            at = np.flatnonzero((counts == count) & (calm >= count))
            back = (state.place[row[at], None] - np.arange(count + 1)) % self._width
            window = state.ring[row[at, None], back]
            out[at] = window.max(axis=1) - window.min(axis=1) < self._tolerance[row[at]]
        return out


def _scatter(mask: Bools, where: Int64s, length: int) -> Bools | None:
    if not np.count_nonzero(mask):
        return None
    out = np.zeros(length, np.bool_)
    out[where] = mask
    return out
