"""Of findings that one entry brings closer together than a sensor measures, no more than say the same. Pure.

A sensor gives one finding a period. A gateway that is broken, forged or set up wrongly may give thousands, and to judge
each after the other would keep other people's warnings waiting. A period of the clock in which one entry brings a
condition more than `MOST` findings is cut into `MOST` parts, and of it stay:

- one finding of each part. Which one, and where parts begin, moves on by the golden ratio, so that no rhythm of lost
  echoes falls in with it: the share of time at or above a level, which decides, stays much what it was.
- the highest that nothing in the entry takes back: the worst is never lost, and counts as the one finding that it is.
- the newest of the period.
- of the time of each of these, and of each finding that the condition remembers, also what is believed least: a
  correction takes back what it takes back.

What stays follows from the entry and the condition alone, not from how entries are grouped into steps.
"""

from __future__ import annotations

import numpy as np

from contract.conditions.columns import State
from contract.conditions.findings import Findings
from contract.conditions.limits import Limits
from contract.conditions.taking_in import usable
from contract.readings import Bools, Flag, Float64s, Int64s, Uint8s

MOST = 16  # a period; a sensor that measures so much faster than its period says is judged by all it gives
_GOLDEN = 40_503  # 2^16 times the golden ratio's fraction
_SUSPECT, _UNUSABLE = 1, 2  # how far a finding is not believed


def thinned(
    state: State, limits: Limits, found: Findings, rows: Int64s, order: Int64s, first: Int64s, size: Int64s
) -> tuple[Int64s, Int64s, Int64s]:
    """The findings of one entry for each of these rows, as they are given, without those that need not be taken in.

    order: places in `found`; those of `rows[k]` stand there from `first[k]` on, `size[k]` of them, oldest first.
    """
    parts, end = [order], len(order)
    first, size = first.copy(), size.copy()
    for k in np.flatnonzero(size > MOST).tolist():
        row = int(rows[k])
        places = order[first[k] : first[k] + size[k]]
        remembered = state.time_ms[: state.count[row], row]
        kept = stays(
            found.time_ms[places], found.value[places], found.flag[places], int(limits.period_ms[row]), remembered
        )
        if not kept.all():
            parts.append(places[kept])
            first[k], size[k] = end, len(parts[-1])
            end += len(parts[-1])
    return np.concatenate(parts), first, size


def stays(time_ms: Int64s, value: Float64s, flag: Uint8s, period_ms: int, remembered: Int64s) -> Bools:
    """Which findings of one condition, or readings of one channel, stay, shape (n,); oldest first, of one entry.

    remembered: times of those that it has. Milliseconds.
    """
    doubt = np.where(usable(value, flag), np.where(flag == Flag.SUSPECT, _SUSPECT, 0), _UNUSABLE)
    out = np.ones(len(time_ms), np.bool_)
    cuts = np.flatnonzero(np.diff(time_ms // period_ms, prepend=-1))
    for begin, end in zip(cuts.tolist(), [*cuts[1:].tolist(), len(time_ms)], strict=True):
        if end - begin > MOST:
            mine = slice(begin, end)
            out[mine] = _of_period(time_ms[mine], value[mine], doubt[mine], period_ms, remembered)
    return out


def _of_period(time_ms: Int64s, value: Float64s, doubt: Int64s, period_ms: int, remembered: Int64s) -> Bools:
    """The same of a period that has too many."""
    begins = np.flatnonzero(np.diff(time_ms, prepend=-1))  # the findings of each time
    times = time_ms[begins]
    of_time = np.repeat(np.arange(len(times)), np.diff(np.append(begins, len(time_ms))))
    least_doubt, most_doubt = np.minimum.reduceat(doubt, begins), np.maximum.reduceat(doubt, begins)
    best, worst = _first(doubt == least_doubt[of_time], of_time), _last(doubt == most_doubt[of_time], of_time)
    shift = times[0] // period_ms * _GOLDEN % 65_536 * period_ms // 65_536
    part = (times * MOST + shift) // period_ms
    cuts = np.flatnonzero(np.diff(part, prepend=-1))
    count = np.diff(np.append(cuts, len(times)))
    stays = np.zeros(len(times), np.bool_)
    stays[cuts + part[cuts] * _GOLDEN % 65_536 * count // 65_536] = True
    holds = (least_doubt < _UNUSABLE) & ((most_doubt < _UNUSABLE) | (worst < best))
    if holds.any():
        stays[np.argmax(np.where(holds, value[best], -np.inf))] = True
    stays[-1] = True
    out = np.zeros(len(time_ms), np.bool_)
    out[best[stays]] = True
    out[worst[(stays & (most_doubt > least_doubt)) | np.isin(times, remembered)]] = True
    return out


def _first(these: Bools, of_time: Int64s) -> Int64s:
    """Of each time the place of the first of these; of_time: the number of each one's time, rising."""
    places = np.flatnonzero(these)
    return places[np.unique(of_time[places], return_index=True)[1]]


def _last(these: Bools, of_time: Int64s) -> Int64s:
    """The same of the last."""
    return len(these) - 1 - _first(these[::-1], of_time[-1] - of_time[::-1])[::-1]
