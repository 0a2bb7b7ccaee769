"""The findings that conditions remember: to take one in, to take one back, and for how much of a time they stood where.

A finding stands until the next one: report by exception says nothing while nothing changes. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from contract.conditions.columns import NEVER, SLOTS, State
from contract.conditions.limits import Limits
from contract.readings import Bools, Flag, Float64s, Int64s, Uint8s

_NEWEST = 8  # these are never thinned: what is shown and the rise follow from them
_FORGOTTEN = SLOTS // 4


@dataclass(frozen=True, slots=True)
class Held:
    """What some rows remember, and for how long each finding stood: from begin_ms to end_ms, shape (k, m).

    Slots that are not in use stand for no time; `used` tells them apart.
    """

    begin_ms: Int64s
    end_ms: Int64s
    value: Float64s
    doubted: Bools
    used: Bools

    @classmethod
    def of(cls, state: State, rows: Int64s, until_ms: Int64s, count: Int64s | None = None) -> Self:
        """until_ms: shape (m,), up to when the newest stands. count: how many of each are meant, if not all."""
        count = state.count[rows] if count is None else count
        k = max(int(count.max(initial=0)), 1)
        begin = state.time_ms[:k, rows]
        slot = np.arange(k)[:, None]
        used = slot < count
        end = np.empty_like(begin)
        end[:-1] = begin[1:]
        end = np.where(slot >= count - 1, until_ms, end)
        begin = np.where(used, begin, until_ms)
        return cls(begin, end, state.found[:k, rows], state.flag[:k, rows] == Flag.SUSPECT, used)

    def times(self, since_ms: Int64s, up: Bools) -> tuple[Int64s, Int64s]:
        """For how long since then `up` held, and for how long anything counted, shape (m,), milliseconds.

        A doubted finding that is not `up` counts for nothing: it alone ends no episode.
        """
        for_ms = np.maximum(self.end_ms - np.maximum(self.begin_ms, since_ms), 0)
        return (for_ms * up).sum(axis=0), (for_ms * (up | ~self.doubted)).sum(axis=0)


def two_fifths(up_ms: Int64s, of_ms: Int64s) -> Bools:
    """Lost echoes leave a share of at least two fifths: every second one, and a little."""
    return np.asarray(5 * up_ms >= 2 * of_ms)


def end_episodes(state: State, limits: Limits, rows: Int64s, at_ms: Int64s, count: Int64s | None = None) -> None:
    """Close episodes of which less than two fifths of the time up to at_ms stood at or above the level."""
    open_ = state.above_ms[:, rows] != NEVER
    if not open_.any():
        return
    some = open_.any(axis=0)
    if not some.all():
        rows, at_ms, open_ = rows[some], at_ms[some], open_[:, some]
        count = None if count is None else count[some]
    held = Held.of(state, rows, at_ms, count)
    oldest_ms = at_ms - limits.window_ms[rows]
    for level in np.flatnonzero(open_.any(axis=1)).tolist():
        above_ms = state.above_ms[level, rows]
        up_ms, of_ms = held.times(np.maximum(above_ms, oldest_ms), held.value >= limits.threshold[level, rows])
        over = open_[level] & ~two_fifths(up_ms, of_ms)
        state.above_ms[level, rows[over]] = NEVER


def begin_episodes(state: State, limits: Limits, rows: Int64s, time_ms: Int64s, value: Float64s) -> None:
    """Open an episode of each level that the value reaches, where none lasts."""
    above_ms = state.above_ms[:, rows]
    state.above_ms[:, rows] = np.where((value >= limits.threshold[:, rows]) & (above_ms == NEVER), time_ms, above_ms)


def forget(state: State, rows: Int64s) -> None:
    """Begin anew: what was before says nothing."""
    state.count[rows] = 0
    state.above_ms[:, rows] = NEVER


def append(
    state: State, limits: Limits, rows: Int64s, time_ms: Int64s, value: Float64s, flag: Uint8s, source: Int64s
) -> None:
    """Remember a finding newer than all that each of these rows, no two of them the same, remembers."""
    full = state.count[rows] == SLOTS
    if full.any():
        _thin(state, limits, rows[full])
    slot = state.count[rows]
    state.time_ms[slot, rows] = time_ms
    state.found[slot, rows] = value
    state.flag[slot, rows] = flag
    state.source[slot, rows] = source
    state.count[rows] = slot + 1


def replay_episodes(state: State, limits: Limits, rows: Int64s) -> None:
    """The episodes that follow from what these rows remember; one that began before, goes on if it still stood then."""
    before_ms = state.above_ms[:, rows]
    state.above_ms[:, rows] = NEVER
    for k in range(int(state.count[rows].max(initial=0))):
        some = state.count[rows] > k
        now = rows[some]
        time_ms, value = state.time_ms[k, now], state.found[k, now]
        if k == 0:
            older = (before_ms[:, some] < time_ms) & (before_ms[:, some] != NEVER)
            goes_on = older & (value >= limits.threshold[:, now])
            state.above_ms[:, now] = np.where(goes_on, before_ms[:, some], NEVER)
        else:
            end_episodes(state, limits, now, time_ms, np.full(len(now), k, np.int64))
        begin_episodes(state, limits, now, time_ms, value)


def insert(state: State, limits: Limits, row: int, time_ms: int, value: float, flag: int, source: int) -> None:
    """Remember a finding that belongs between two others."""
    if state.count[row] == SLOTS:
        _thin(state, limits, np.array([row]))
    n = int(state.count[row])
    slot = int(np.searchsorted(state.time_ms[:n, row], time_ms))
    for column, new in ((state.time_ms, time_ms), (state.found, value), (state.flag, flag), (state.source, source)):
        column[slot + 1 : n + 1, row] = column[slot:n, row].copy()
        column[slot, row] = new
    state.count[row] = n + 1


def remove(state: State, row: int, slot: int) -> None:
    """Forget one finding."""
    n = int(state.count[row])
    for column in (state.time_ms, state.found, state.flag, state.source):
        column[slot : n - 1, row] = column[slot + 1 : n, row].copy()
    state.count[row] = n - 1


def _thin(state: State, limits: Limits, rows: Int64s) -> None:
    """Make room in rows that are full: what is older than need be, then what says the same as both its neighbours,
    then the oldest."""
    time_ms, value = state.time_ms[:, rows], state.found[:, rows]
    keep = np.ones(time_ms.shape, np.bool_)
    oldest_ms = time_ms[-1] - limits.keep_ms[rows]
    keep[:-1] = time_ms[1:] > oldest_ms  # the one before stands into the time that is remembered
    reached = np.zeros(value.shape, np.int64)
    for at in (limits.threshold, limits.clear):
        reached += (value >= at[:, None, rows]).sum(axis=0)
    same = (reached[1:-1] == reached[:-2]) & (reached[1:-1] == reached[2:])
    same[1::2] = False  # not two in a row: of a run, every second one stays
    same[-_NEWEST:] = False
    keep[1:-1] &= ~same
    keep[:_FORGOTTEN] &= ~keep.all(axis=0)
    order = np.argsort(~keep, axis=0, kind="stable")
    for column in (state.time_ms, state.found, state.flag, state.source):
        column[:, rows] = np.take_along_axis(column[:, rows], order, axis=0)
    state.count[rows] = keep.sum(axis=0)
