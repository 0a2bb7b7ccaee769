"""What follows from what conditions remember: which levels are set, reset or taken back, and what is shown. Pure.

Every function takes some rows, no two of them the same, and `now_ms`, shape (m,), when each is judged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contract.conditions import doubts
from contract.conditions.columns import (
    ACTIVE,
    CLEARING,
    LEVELS,
    NEVER,
    NO_LEVEL,
    NORMAL,
    NOT_DUE,
    PENDING,
    REASONS,
    UNKNOWN,
    State,
)
from contract.conditions.limits import RISE_MS, Limits
from contract.conditions.memory import Held, two_fifths
from contract.conditions.state import Reason
from contract.readings import Bools, Flag, Float64s, Int64s, Uint8s

Int8s = NDArray[np.int8]

_EVIDENCE = 2  # usable findings that set or reset a level
_AGAIN_MS = 5_000  # after which a level is looked at again whose time has come but whose evidence has not
_GENTLE_M_PER_S = 0.2 / 60
_RISE_OF = 3  # findings at each end of the rise
_RISE_AT_LEAST_MS = 30_000
# In less time than this, less than that is a sensor's resolution or its noise, and tells neither rise nor rest.
_RISE_IN_SHORT_MS, _RISE_IN_SHORT_M = 180_000, 0.005
_OF = {reason: REASONS.index(reason) for reason in Reason}


def set_levels(state: State, limits: Limits, rows: Int64s, now_ms: Int64s) -> Bools:
    """Set each level whose evidence is complete; which rows had one set."""
    last = state.value[rows]
    open_ = (state.above_ms[:, rows] != NEVER) & (state.set_ms[:, rows] == NEVER)
    open_ &= last >= limits.threshold[:, rows]
    open_ &= now_ms - state.reading_ms[rows] <= limits.young_ms[rows]
    open_ &= now_ms - state.above_ms[:, rows] >= limits.on_ms[rows]
    done = np.zeros(len(rows), np.bool_)
    some = np.flatnonzero(open_.any(axis=0))
    if not len(some):
        return done
    rows, now_ms, open_ = rows[some], now_ms[some], open_[:, some]
    held = Held.of(state, rows, now_ms)
    for level in np.flatnonzero(open_.any(axis=1)).tolist():
        above_ms = state.above_ms[level, rows]
        up = held.value >= limits.threshold[level, rows]
        count = (up & held.used & (held.begin_ms >= above_ms)).sum(axis=0)
        enough = (count >= _EVIDENCE) | ((count == 1) & _stands_alone(state, limits, rows, now_ms))
        new = open_[level] & enough & two_fifths(*held.times(above_ms, up))
        state.set_ms[level, rows[new]] = now_ms[new]
        state.from_ms[level, rows[new]] = above_ms[new]
        done[some[new]] = True
    return done


def reset_levels(state: State, limits: Limits, rows: Int64s) -> None:
    """Reset each level of which the findings say that the water is gone. Each row has just had a finding."""
    last, last_ms = state.value[rows], state.reading_ms[rows]
    over = (state.set_ms[:, rows] != NEVER) & (last < limits.clear[:, rows])
    over &= last_ms - state.set_ms[:, rows] >= limits.hold_ms[rows]
    since_ms = last_ms - np.maximum(limits.off_ms[rows], 1)
    over &= state.time_ms[0, rows] <= last_ms - limits.off_ms[rows]  # known for all of that time
    some = np.flatnonzero(over.any(axis=0))
    if not len(some):
        return
    rows, last_ms, since_ms, over = rows[some], last_ms[some], since_ms[some], over[:, some]
    held = Held.of(state, rows, last_ms)
    in_it = held.used & (held.end_ms > since_ms)
    for_ms = np.maximum(held.end_ms - np.maximum(held.begin_ms, since_ms), 0)
    for level in np.flatnonzero(over.any(axis=1)).tolist():
        dry = held.value < limits.clear[level, rows]
        count, trusted = (dry & in_it).sum(axis=0), (dry & in_it & ~held.doubted).sum(axis=0)
        gone = over[level] & (10 * (for_ms * dry).sum(axis=0) >= 9 * for_ms.sum(axis=0))
        gone &= (count >= _EVIDENCE) & (2 * trusted >= count)
        for column in (state.set_ms, state.above_ms, state.from_ms):
            column[level, rows[gone]] = NEVER


def unsupported(state: State, limits: Limits, row: int, oldest_ms: int, until_ms: int) -> set[int]:
    """Ranks of the levels of one row that nothing speaks for any more, after a finding was taken back.

    oldest_ms: of what was remembered before; what set a level earlier still speaks for it. until_ms: how long the
    newest that is left stood.
    """
    held = Held.of(state, np.array([row]), np.array([until_ms]))
    out = set()
    for level in range(len(LEVELS)):
        from_ms = int(state.from_ms[level, row])
        of = held.used & (held.value >= limits.threshold[level, row]) & (held.begin_ms >= from_ms)
        stood = of & ~held.doubted & (held.end_ms - held.begin_ms >= limits.stands_ms[row])
        if state.set_ms[level, row] != NEVER and of.sum() < _EVIDENCE and not stood.any() and oldest_ms <= from_ms:
            out.add(level)
    return out


def take_back(state: State, limits: Limits, rows: Int64s, levels: Sequence[set[int]]) -> Bools:
    """Reset levels that a corrected finding alone had set, see `unsupported`; which rows had one taken back.

    Only where a usable finding below the level stands: where nothing is known instead, it is held.
    """
    out = np.zeros(len(rows), np.bool_)
    for k, (row, mine) in enumerate(zip(rows.tolist(), levels, strict=True)):
        for level in mine:
            if state.value[row] < limits.threshold[level, row] and state.set_ms[level, row] != NEVER:
                for column in (state.set_ms, state.above_ms, state.from_ms):
                    column[level, row] = NEVER
                out[k] = True
    return out


def highest(state: State, rows: Int64s) -> Int8s:
    """The highest level of each row that is set, shape (m,); `NO_LEVEL`: none is."""
    set_ = state.set_ms[:, rows] != NEVER
    return np.where(set_.any(axis=0), len(LEVELS) - 1 - np.argmax(set_[::-1], axis=0), NO_LEVEL).astype(np.int8)


def settle(state: State, limits: Limits, rows: Int64s, now_ms: Int64s) -> Uint8s:
    """State, level and what is shown, from the levels that are set; the reasons why each row is now what it is."""
    level_before, state_before = state.level[rows], state.state[rows]
    level = highest(state, rows)
    pending = (state.above_ms[:, rows] != NEVER).any(axis=0)
    held = level != NO_LEVEL
    clearing = np.zeros(len(rows), np.bool_)
    if held.any():
        clearing[held] = _clearing(state, limits, rows[held], level[held], now_ms[held])
    new = np.where(held, np.where(clearing, CLEARING, ACTIVE), np.where(pending, PENDING, NORMAL)).astype(np.uint8)
    state.level[rows], state.state[rows] = level, new
    state.step_value[rows[new == NORMAL]] = np.nan
    up, down = level > level_before, level < level_before
    reason = np.full(len(rows), _OF[Reason.FELL_BELOW], np.uint8)
    why = (
        (new == PENDING, Reason.ROSE_ABOVE),
        (new == ACTIVE, Reason.ROSE_AGAIN),
        (down, Reason.OFF_DELAY_OVER),
        (up, Reason.ON_DELAY_OVER),
        (state_before == UNKNOWN, Reason.HEARD_AGAIN),
    )
    for rows_so, so in why:  # what weighs most last
        reason[rows_so] = _OF[so]
    return reason


def _clearing(state: State, limits: Limits, rows: Int64s, level: Int8s, now_ms: Int64s) -> Bools:
    """Below the clear value for most of the window, not by a lost echo alone."""
    clear = limits.clear[level, rows]
    below = state.value[rows] < clear
    if below.any():
        held = Held.of(state, rows, now_ms)
        since_ms = np.maximum(state.from_ms[level, rows], now_ms - limits.window_ms[rows])
        up_ms, of_ms = held.times(since_ms, held.value >= clear)
        below &= ~(two_fifths(up_ms, of_ms) & (of_ms > 0))
    return np.asarray(below)


def show(state: State, limits: Limits, rows: Int64s, now_ms: Int64s) -> None:
    """What people are told of each row, since when, how fast it rises, and why it is doubted.

    Without a level: the newest value. With one: the newest that two of the last three findings bear out, that stood
    long enough, or that rose from the one before no faster than twice what water did in the fastest tunnel; while it
    dips or clears, the last that reached the level, with its own time.
    """
    state.shown[rows], state.shown_ms[rows] = state.value[rows], state.reading_ms[rows]
    state.rise[rows], state.doubt[rows] = np.nan, 0
    rows_held = (state.level[rows] != NO_LEVEL) & (state.count[rows] > 0)
    rows, now_ms = rows[rows_held], now_ms[rows_held]
    if not len(rows):
        return
    held = Held.of(state, rows, now_ms)
    place = np.arange(len(rows))
    n = state.count[rows]
    slot = np.arange(len(held.value))[:, None]
    newest = held.value[n - 1, place]
    second, third = held.value[np.maximum(n - 2, 0), place], held.value[np.maximum(n - 3, 0), place]
    middle = np.maximum(np.minimum(newest, second), np.minimum(np.maximum(newest, second), third))
    middle = np.where(n < _RISE_OF, np.where(n == 1, newest, np.minimum(newest, second)), middle)
    middle = np.where(_stands_alone(state, limits, rows, now_ms), newest, middle)
    pause_ms = np.minimum(
        held.begin_ms[n - 1, place] - held.begin_ms[np.maximum(n - 2, 0), place], limits.period_ms[rows]
    )
    gentle = limits.water[rows] & (n > 1) & (newest - second <= doubts.STILL_M + _GENTLE_M_PER_S * pause_ms / 1000)
    middle = np.where(gentle, np.maximum(middle, newest), middle)
    clear = limits.clear[state.level[rows], rows]
    # Of the findings that reach the clear value and are not above what is borne out, the newest.
    top = np.where(middle >= clear, middle, np.inf)
    fits = held.used & (held.value >= clear) & (held.value <= top)
    at = np.where(fits.any(axis=0), len(fits) - 1 - np.argmax(fits[::-1], axis=0), n - 1)
    state.shown[rows], state.shown_ms[rows] = held.value[at, place], state.time_ms[at, rows]
    state.rise[rows] = _rise(state, limits, rows, held, slot)
    doubts.settle(state, limits, rows, held.doubted[at, place])


def _rise(state: State, limits: Limits, rows: Int64s, held: Held, slot: Int64s) -> Float64s:
    """From the middle of the first findings of the last minutes to the middle of the last, a minute; NaN: unknown."""
    n = state.count[rows]
    first = (held.used & (held.begin_ms >= state.reading_ms[rows] - RISE_MS)).argmax(axis=0)
    first = np.maximum(np.where(n - first > 1, first, n - 2), 0)
    each = np.minimum(_RISE_OF, (n - first + 1) // 2)
    at_first, at_last = _middle(held, first, each), _middle(held, n - each, each)
    minutes = (at_last[0] - at_first[0]) / 60_000
    # An echo that was lost, and the one that comes after it, are no movement of water.
    up = held.value >= limits.clear[state.level[rows], rows]
    dips = np.maximum.accumulate(up & held.used, axis=0) & ~up & held.used & (slot >= first)
    known = (n > 1) & (minutes * 60_000 >= _RISE_AT_LEAST_MS) & ((state.state[rows] == CLEARING) | ~dips.any(axis=0))
    rise = at_last[1] - at_first[1]
    known &= ~(limits.water[rows] & (minutes * 60_000 < _RISE_IN_SHORT_MS) & (np.abs(rise) < _RISE_IN_SHORT_M))
    return np.where(known, rise / np.where(known, minutes, 1.0), np.nan)


def _middle(held: Held, first: Int64s, each: Int64s) -> tuple[Float64s, Float64s]:
    """Time and value in the middle of `each` findings from slot `first` on, shape (m,)."""
    place = np.arange(len(first))
    last = first + each - 1
    a, b, c = (held.value[np.minimum(first + k, last), place] for k in range(3))
    middle = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    value = np.where(each == _RISE_OF, middle, np.where(each == 2, (a + b) / 2, a))
    time_ms = (held.begin_ms[first, place] + held.begin_ms[last, place]) / 2
    return time_ms, value


def next_due(state: State, limits: Limits, rows: Int64s, now_ms: Int64s) -> Int64s:
    """When time alone next alters each row, shape (m,), if no finding comes."""
    last_ms, last = state.reading_ms[rows], state.value[rows]
    due: Int64s = np.where(state.state[rows] == UNKNOWN, NOT_DUE, last_ms + limits.stale_ms[rows] + 1)
    restless = (state.state[rows] != UNKNOWN) & (state.state[rows] != NORMAL)
    if not restless.any():
        return due
    stood_ms = last_ms + limits.stands_ms[rows]
    young = restless & (now_ms - last_ms <= limits.young_ms[rows])
    newest_doubted = _doubted(state, rows)
    above_ms = state.above_ms[:, rows]
    waits = (above_ms != NEVER) & (state.set_ms[:, rows] == NEVER) & (last >= limits.threshold[:, rows]) & young
    alone = above_ms == last_ms
    at = np.maximum(above_ms + limits.on_ms[rows], np.where(alone, stood_ms, NEVER))
    at = np.where(at <= now_ms, now_ms + _AGAIN_MS, at)
    rising = waits & ~(alone & newest_doubted)
    due = np.minimum(due, np.where(rising, at, NOT_DUE).min(axis=0))
    dips_ms = last_ms + limits.window_ms[rows] + 1  # then no time of the window stood above
    dips = restless & (dips_ms > now_ms) & (state.state[rows] != CLEARING)
    due = np.where(dips, np.minimum(due, dips_ms), due)
    unsure = restless & (state.level[rows] != NO_LEVEL) & (state.shown[rows] != last) & (stood_ms > now_ms)
    return np.where(unsure, np.minimum(due, stood_ms), due)


def _doubted(state: State, rows: Int64s) -> Bools:
    return np.asarray(state.flag[np.maximum(state.count[rows] - 1, 0), rows] == Flag.SUSPECT)


def _stands_alone(state: State, limits: Limits, rows: Int64s, now_ms: Int64s) -> Bools:
    """Has the newest finding stood unchallenged for long enough, and is it not doubted?"""
    return np.asarray(~_doubted(state, rows) & (now_ms - state.reading_ms[rows] >= limits.stands_ms[rows]))
