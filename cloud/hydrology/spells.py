"""When a value was known, when it was not, and when water stood: spells of one channel's readings. Pure.

A reading holds until the next one, and no longer than a channel may be silent; where it may no longer hold, nothing is
known. No gap is bridged: an event says how much of it is unknown, and whether its ends are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from contract.readings import Bools, Float64s, Int64s, ReadingBatch


@dataclass(frozen=True, slots=True)
class Held:
    """begin_ms, end_ms: int64[n], rising, apart; value: float64[n], what held between them. from_ms, to_ms: of the
    time that was looked at, no later than now."""

    begin_ms: Int64s
    end_ms: Int64s
    value: Float64s
    from_ms: int
    to_ms: int

    @property
    def known_ms(self) -> int:
        return int((self.end_ms - self.begin_ms).sum())

    def gaps(self, least_ms: int = 1) -> tuple[Int64s, Int64s]:
        """Where nothing is known for `least_ms` or longer: beginnings and ends."""
        begins = np.append(self.from_ms, self.end_ms)
        ends = np.append(self.begin_ms, self.to_ms)
        long = ends - begins >= max(least_ms, 1)
        return begins[long], ends[long]


@dataclass(frozen=True, slots=True)
class WaterEvent:
    """Water above a level from begin_ms to end_ms. peak: the greatest value, first there at peak_ms. above_ms: for how
    long it was known to stand above. unknown_ms: of the event. began_unseen, ended_unseen: nothing is known of the
    moment before, or after: it was longer, perhaps. goes_on: it stands at the end of the time that was looked at."""

    begin_ms: int
    end_ms: int
    peak: float
    peak_ms: int
    above_ms: int
    unknown_ms: int
    began_unseen: bool
    ended_unseen: bool
    goes_on: bool


def held(readings: ReadingBatch, counts: Bools, hold_ms: int, from_ms: int, to_ms: int) -> Held:
    """readings: of one channel by time, with one that may hold into the time. counts: shape (n,), which are believed;
    one that is not ends what held before it, and holds nothing. to_ms: no later than now."""
    ends = readings.time_ms + hold_ms
    ends[:-1] = np.minimum(ends[:-1], readings.time_ms[1:])
    begins, ends = np.maximum(readings.time_ms, from_ms), np.minimum(ends, to_ms)
    there = counts & (ends > begins)
    return Held(begins[there], ends[there], readings.value[there], from_ms, to_ms)


def joined(h: Held) -> Held:
    """The same, with neighbours of one value that touch made one: a spell is as long as a state was known to last."""
    if not len(h.value):
        return h
    new = np.append(True, (h.begin_ms[1:] != h.end_ms[:-1]) | (h.value[1:] != h.value[:-1]))
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(new)) - 1
    return Held(h.begin_ms[first], h.end_ms[last], h.value[first], h.from_ms, h.to_ms)


def level_at(h: Held, time_ms: Int64s) -> Float64s:
    """What held at each moment, shape (n,); NaN where nothing is known. At the very end of a spell, where nothing
    follows, its value is still what is known."""
    place = np.searchsorted(h.begin_ms, time_ms, side="right") - 1
    known = place >= 0
    known[known] = time_ms[known] <= h.end_ms[place[known]]
    out = np.full(len(time_ms), np.nan)
    out[known] = h.value[place[known]]
    return out


def water_events(h: Held, above: float, apart_ms: int) -> Iterator[WaterEvent]:
    """In order of time. above: in the value's unit. apart_ms: water that was not seen above for so long is another
    event."""
    wet = np.flatnonzero(h.value > above)
    if not len(wet):
        return
    apart = h.begin_ms[wet[1:]] - h.end_ms[wet[:-1]] >= max(apart_ms, 1)
    for first, last in zip(
        np.append(0, np.flatnonzero(apart) + 1), np.append(np.flatnonzero(apart), len(wet) - 1), strict=True
    ):
        mine = wet[first : last + 1]
        known = slice(int(mine[0]), int(mine[-1]) + 1)
        begin_ms, end_ms = int(h.begin_ms[mine[0]]), int(h.end_ms[mine[-1]])
        top = int(mine[np.argmax(h.value[mine])])
        after = int(mine[-1]) + 1
        before_ms = int(h.end_ms[mine[0] - 1]) if mine[0] else -1
        yield WaterEvent(
            begin_ms,
            end_ms,
            float(h.value[top]),
            int(h.begin_ms[top]),
            int((h.end_ms[mine] - h.begin_ms[mine]).sum()),
            end_ms - begin_ms - int((h.end_ms[known] - h.begin_ms[known]).sum()),
            before_ms != begin_ms,
            end_ms < h.to_ms and (after == len(h.value) or int(h.begin_ms[after]) != end_ms),
            end_ms == h.to_ms,
        )
