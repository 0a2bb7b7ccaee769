"""Findings of many conditions, one of each at a time, into what the conditions remember. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from contract.conditions import doubts, judging, memory
from contract.conditions.columns import LEVELS, NEVER, State
from contract.conditions.findings import Findings
from contract.conditions.limits import Limits
from contract.conditions.state import Late
from contract.readings import Bools, Flag, Float64s, Int64s, Uint8s

_WORSE = {Flag.SUSPECT: 1, Flag.FAIL: 2, Flag.MISSING: 2}


def usable(value: Float64s, flag: Uint8s) -> Bools:
    """Which findings say anything."""
    return np.asarray(np.isfinite(value) & (flag != Flag.FAIL) & (flag != Flag.MISSING))


@dataclass(slots=True)
class Taken:
    """fresh: rows that had a usable finding newer than all before. corrected: rows of which a finding was taken back or
    believed less, with the levels that nothing else speaks for. filled: rows in which one came late between others.
    late: findings that came as history and reached a level, with the place of the finding.
    """

    fresh: set[int] = field(default_factory=set)
    corrected: dict[int, set[int]] = field(default_factory=dict)
    filled: set[int] = field(default_factory=set)
    late: list[tuple[int, Late]] = field(default_factory=list)


def take_in(state: State, limits: Limits, found: Findings, places: Int64s, now_ms: Int64s, out: Taken) -> None:
    """One finding each of some conditions, no two of one condition.

    places: shape (m,), in `found`. now_ms: shape (m,), of the entry that each came with.
    """
    rows, time_ms, flag = found.condition[places], found.time_ms[places], found.flag[places]
    value = found.value[places]
    good = usable(value, flag)
    believed = time_ms > state.muted_ms[rows]
    too_late = now_ms - time_ms > limits.stale_ms[rows]
    newer = time_ms > state.reading_ms[rows]
    plain = believed & good & newer & ~too_late
    if not plain.all():
        for k in np.flatnonzero(believed & ~plain).tolist():
            finding = (int(time_ms[k]), float(value[k]), int(flag[k]), int(found.channel[places[k]]))
            _unusual(state, limits, int(rows[k]), finding, bool(good[k]), int(now_ms[k]), int(places[k]), out)
        places, rows, time_ms, value = places[plain], rows[plain], time_ms[plain], value[plain]
        flag, now_ms = flag[plain], now_ms[plain]
        if not len(rows):
            return
    _newer(state, limits, rows, time_ms, value, flag, found.channel[places].astype(np.int64))
    out.fresh.update(rows.tolist())
    old = (now_ms - time_ms > limits.young_ms[rows]) & (value >= limits.lowest[rows])
    for k in np.flatnonzero(old).tolist():
        out.late.append(
            (int(places[k]), _late(state, limits, int(rows[k]), int(found.channel[places[k]]), int(time_ms[k]),
                                   int(now_ms[k]), float(value[k])))
        )  # fmt: skip


def _newer(
    state: State, limits: Limits, rows: Int64s, time_ms: Int64s, value: Float64s, flag: Uint8s, source: Int64s
) -> None:
    anew = time_ms - state.reading_ms[rows] > limits.stale_ms[rows]  # the silence between says nothing
    if anew.any():
        memory.forget(state, rows[anew])
    memory.end_episodes(state, limits, rows, time_ms)
    doubts.note(state, limits, rows, time_ms, value)
    memory.append(state, limits, rows, time_ms, value, flag, source)
    memory.begin_episodes(state, limits, rows, time_ms, value)
    state.channel[rows], state.reading_ms[rows], state.value[rows] = source, time_ms, value
    state.unusable[rows] = False


def _unusual(
    state: State,
    limits: Limits,
    row: int,
    finding: tuple[int, float, int, int],
    good: bool,
    now_ms: int,
    place: int,
    out: Taken,
) -> None:
    """A finding that corrects another, or comes late, or says nothing: seldom, so one by one."""
    time_ms, value, flag, _ = finding
    n = int(state.count[row])
    times: Sequence[int] = state.time_ms[:n, row].tolist()
    if time_ms in times:
        slot = times.index(time_ms)
        if _worse(flag, good) > _worse(int(state.flag[slot, row]), True):
            oldest_ms = times[0]
            _correct(state, row, slot, good, value, flag)
            levels = judging.unsupported(state, limits, row, oldest_ms, time_ms)
            out.corrected.setdefault(row, set()).update(levels)
        return
    if time_ms > state.reading_ms[row]:
        if not good and now_ms - time_ms <= limits.stale_ms[row]:
            state.unusable[row] = True
        elif good:
            _note(state, limits, row, finding, now_ms, place, out)
    elif good:
        _note(state, limits, row, finding, now_ms, place, out)
        if n and time_ms > times[0] and now_ms - time_ms <= limits.stale_ms[row]:
            memory.insert(state, limits, row, *finding)
            out.filled.add(row)


def _worse(flag: int, good: bool) -> int:
    return _WORSE.get(Flag(flag), 0) if good else 2


def _correct(state: State, row: int, slot: int, good: bool, value: float, flag: int) -> None:
    if good:
        state.flag[slot, row] = flag
        state.found[slot, row] = value
    else:
        memory.remove(state, row, slot)
    n = int(state.count[row])
    if n:
        state.reading_ms[row], state.value[row] = state.time_ms[n - 1, row], state.found[n - 1, row]
        state.channel[row] = state.source[n - 1, row]
    else:
        state.reading_ms[row], state.value[row] = NEVER, np.nan
    if not good:
        state.unusable[row] = True
    if state.step_value[row] == value:  # what it stepped to was no value
        state.step_value[row] = np.nan


def _note(
    state: State,
    limits: Limits,
    row: int,
    finding: tuple[int, float, int, int],
    now_ms: int,
    place: int,
    out: Taken,
) -> None:
    time_ms, value, _, channel = finding
    if value >= limits.lowest[row]:
        out.late.append((place, _late(state, limits, row, channel, time_ms, now_ms, value)))


def _late(state: State, limits: Limits, row: int, channel: int, time_ms: int, now_ms: int, value: float) -> Late:
    reached = [level for level, at in zip(LEVELS, limits.threshold[:, row].tolist(), strict=True) if value >= at]
    return Late(state.listed[row], channel, time_ms, now_ms, value, reached[-1] if reached else None)
