"""What fell in any time that ends now, of one gauge, reading by reading, in bounded memory. Pure.

The rain since the beginning is kept as a line of corners (time, millimetres): between two of them it fell evenly. How a
counter's steps count is `contract.quality.counting`'s, when it fell `cloud.hydrology.rainfall`'s: a sum here is what
`rainfall.rain` gives of the same readings.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from cloud.hydrology.rainfall import Gauge, fell_within_ms
from contract.quality.counting import LOSES_COUNT, Memory, Step, judge

KEPT_MS = 24 * 3_600_000
_MOST = 1600  # corners: a reading a minute for a day and more; of more, every second one of the older half goes
_MOST_LOST = 64


@dataclass(slots=True)
class FallenRain:
    """times_ms, mm: the corners, rising. lost_ms: when an unknown amount was lost, newest last. newest_ms: of the last
    reading. counter: what is known of the gauge's counter. intensity: the last one told, in millimetres an hour."""

    newest_ms: int
    counter: Memory = field(default_factory=Memory)
    intensity: float = 0.0
    times_ms: list[int] = field(default_factory=list)
    mm: list[float] = field(default_factory=list)
    lost_ms: list[int] = field(default_factory=list)

    @classmethod
    def after(cls, time_ms: int, total_mm: float | None) -> FallenRain:
        """Nothing fell up to that reading. total_mm: of a counter; None of another gauge."""
        return cls(time_ms, Memory() if total_mm is None else Memory((time_ms, total_mm)))

    def hold(self, gauge: Gauge, time_ms: int, mm_per_h: float) -> None:
        """A reading of an intensity, newer than all before it. The one before held until now, while it was heard."""
        since_ms, until_ms = self.newest_ms, time_ms
        if until_ms - since_ms > gauge.heard_ms:
            self.lost_ms = [*self.lost_ms, time_ms][-_MOST_LOST:]
            until_ms = since_ms + gauge.heard_ms
        self.newest_ms = time_ms
        self.add(since_ms, until_ms, self.intensity * (until_ms - since_ms) / 3_600_000)
        self.intensity = max(mm_per_h, 0.0)

    def collect(self, gauge: Gauge, time_ms: int, mm: float) -> None:
        """A reading of an amount since the reading before, newer than all before it."""
        since_ms, self.newest_ms = self.newest_ms, time_ms
        self.add(max(since_ms, time_ms - gauge.heard_ms), time_ms, mm)

    def count(self, gauge: Gauge, time_ms: int, total_mm: float) -> None:
        """A reading of a counter, newer than all before it."""
        self.newest_ms = time_ms
        base, waited = self.counter.base, self.counter.waits
        verdict = judge(gauge.counter, self.counter, time_ms, total_mm)
        went_on = waited is not None and verdict.settled not in (None, Step.GLITCH)
        if waited is not None and base is not None and went_on:
            self._add(gauge, base[0], waited[0], verdict.settled_counts)
        since = waited if waited is not None and went_on else base
        if since is not None:
            self._add(gauge, since[0], time_ms, verdict.counts)
        if waited is not None and verdict.settled in LOSES_COUNT:
            self.lost_ms = [*self.lost_ms, waited[0]][-_MOST_LOST:]
        self._forget(time_ms)

    def add(self, begin_ms: int, end_ms: int, mm: float) -> None:
        """Rain that fell evenly between two times, in any order; `end_ms` after `begin_ms`."""
        if mm > 0:
            self._corner(begin_ms)
            place = self._corner(end_ms)
            first = bisect_left(self.times_ms, begin_ms)
            for k in range(first + 1, place):
                self.mm[k] += mm * (self.times_ms[k] - begin_ms) / (end_ms - begin_ms)
            for k in range(place, len(self.mm)):
                self.mm[k] += mm
        self._forget(max(end_ms, self.newest_ms))

    def since(self, begin_ms: int, end_ms: int) -> float:
        """What fell from begin to end, mm."""
        return self._until(end_ms) - self._until(begin_ms)

    def lost_since(self, begin_ms: int) -> bool:
        """Is a part of what fell since then unknown?"""
        waits = self.counter.waits
        return (bool(self.lost_ms) and self.lost_ms[-1] > begin_ms) or (waits is not None and waits[2] in LOSES_COUNT)

    @property
    def calm(self) -> bool:
        """Is there nothing to remember but the last reading?"""
        return not self.times_ms and not self.lost_ms and self.counter.waits is None and self.intensity == 0

    def _add(self, gauge: Gauge, since_ms: int, end_ms: int, mm: float) -> None:
        if mm > 0:
            self.add(max(since_ms, end_ms - fell_within_ms(gauge, since_ms, end_ms, mm)), end_ms, mm)

    def _until(self, time_ms: int) -> float:
        times, place = self.times_ms, bisect_right(self.times_ms, time_ms)
        if place == 0:
            return self.mm[0] if times else 0.0
        if place == len(times):
            return self.mm[-1]
        before, after = times[place - 1], times[place]
        share = (time_ms - before) / (after - before)
        return self.mm[place - 1] + share * (self.mm[place] - self.mm[place - 1])

    def _corner(self, time_ms: int) -> int:
        """The place of a corner at that time; made if there is none."""
        place = bisect_left(self.times_ms, time_ms)
        if place == len(self.times_ms) or self.times_ms[place] != time_ms:
            mm = self._until(time_ms)
            self.times_ms.insert(place, time_ms)
            self.mm.insert(place, mm)
        return place

    def _forget(self, now_ms: int) -> None:
        oldest_ms = now_ms - KEPT_MS
        if self.times_ms and self.times_ms[0] < oldest_ms:
            gone = bisect_right(self.times_ms, oldest_ms) - 1  # the corner before the day stays: the line goes on to it
            if gone == len(self.times_ms) - 1:
                gone += 1
            del self.times_ms[:gone], self.mm[:gone]
        if len(self.times_ms) > _MOST:
            del self.times_ms[1 : _MOST // 2 : 2], self.mm[1 : _MOST // 2 : 2]
        if self.lost_ms and self.lost_ms[0] <= oldest_ms:
            self.lost_ms = [t for t in self.lost_ms if t > oldest_ms]
