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

from contract.catalogue.channel_settings import FlatLine
from contract.readings import Bools, Float64s, Int64s

_NEVER = np.iinfo(np.int64).max


@dataclass(slots=True)
class FlatLineState:
    """calm int64[n]: small steps in a row; ring float64[n * width]: the last values; place int64[n]: the newest."""

    calm: Int64s
    ring: Float64s
    place: Int64s


@dataclass(frozen=True, slots=True)
class Stuck:
    """rows: positions among the values given; failed: which of these have been stuck long enough to fail."""

    rows: Int64s
    failed: Bools


class FlatLineTest:
    """Settings of n rows, compiled to arrays; None where a row is not tested."""

    def __init__(self, settings: Sequence[FlatLine | None], period_s: Sequence[float]) -> None:
        n = len(settings)
        self._suspect = np.full(n, _NEVER, np.int64)
        self._fail = np.full(n, _NEVER, np.int64)
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
        # A power of two, so that a bit mask turns the ring over.
        self._width = 1 << int(counts.max()).bit_length() if len(counts) else 0
        self._rows = np.arange(n)
        self._start = self._rows * self._width

    def initial(self) -> FlatLineState:
        n = len(self._rows)
        return FlatLineState(np.zeros(n, np.int64), np.full(n * self._width, np.nan), np.zeros(n, np.int64))

    def step(self, state: FlatLineState, rows: slice | Int64s, v: Float64s, size: Float64s) -> Stuck | None:
        """Which of these values, one a row, are stuck; None when none is.

        size: |v - the value before|, NaN when either is missing.
        """
        if not self._width:
            return None
        place = (state.place[rows] + 1) & (self._width - 1)
        state.place[rows] = place
        state.ring[self._start[rows] + place] = v
        calm = (state.calm[rows] + 1) * (size < self._tolerance[rows])
        state.calm[rows] = calm
        long = calm >= self._shortest[rows]
        if not np.count_nonzero(long):
            return None
        chosen = np.flatnonzero(long & (v > self._only_above[rows]))
        row = self._rows[rows][chosen]
        failed = self._flat(state, row, calm[chosen], self._fail[row])
        stuck = failed | self._flat(state, row, calm[chosen], self._suspect[row])
        return Stuck(chosen[stuck], failed[stuck]) if stuck.any() else None

    def _flat(self, state: FlatLineState, row: Int64s, calm: Int64s, counts: Int64s) -> Bools:
        out = np.zeros(len(row), np.bool_)
        for count in sorted(set(counts[calm >= counts].tolist())):
            at = np.flatnonzero((counts == count) & (calm >= count))
            back = (state.place[row[at], None] - np.arange(count + 1)) & (self._width - 1)
            window = state.ring[self._start[row[at], None] + back]
            out[at] = window.max(axis=1) - window.min(axis=1) < self._tolerance[row[at]]
        return out
