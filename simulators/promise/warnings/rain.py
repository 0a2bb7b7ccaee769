"""Rain with a known truth, and a counting gauge over it that wraps, starts anew, misses tips, fails, falls silent."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from contract.readings import Flag
from simulators.promise.warnings.sensors import Row
from simulators.promise.warnings.water import MINUTE_MS

TIP_MM, WRAPS_AT_MM = 0.2, 13107.2  # of the gauge that `district` takes: see its device file


class Burst(NamedTuple):
    """Rain that falls evenly from one moment to another."""

    from_ms: int
    to_ms: int
    mm_per_h: float


@dataclass(frozen=True, slots=True)
class Rain:
    """What falls at one place."""

    bursts: tuple[Burst, ...]

    def until_mm(self, ms: int) -> float:
        """What has fallen by then, since the beginning."""
        return sum(b.mm_per_h * max(0, min(ms, b.to_ms) - b.from_ms) / 3_600_000 for b in self.bursts)


def some_rain(rng: random.Random, start_ms: int, minutes: int) -> Rain:
    """None, one or two bursts, of drizzle up to twice a cloudburst; over a quarter of an hour before `minutes` are."""
    bursts, at = [], rng.uniform(2, 15)
    for _ in range(rng.choice((0, 1, 1, 2))):
        length = rng.uniform(5, 20)
        end = min(at + length, minutes - 15)
        if end > at:
            bursts.append(
                Burst(
                    start_ms + int(at * MINUTE_MS),
                    start_ms + int(end * MINUTE_MS),
                    rng.choice((6.0, 25.0, 60.0, 120.0)),
                )
            )
        at = end + rng.uniform(1, 15)
    return Rain(tuple(bursts))


class GaugeFault(StrEnum):
    """What may be wrong with a gauge for a while, or once."""

    RESET = "gauge-reset"  # at the beginning of its spell it begins again from nought
    MISS = "gauge-miss"  # every second tip is not counted
    FAIL = "gauge-fail"  # it says something, and says that it is wrong
    SUSPECT = "gauge-suspect"
    DEAD = "gauge-dead"


class GaugeSpell(NamedTuple):
    """A fault from one moment to another."""

    fault: GaugeFault
    from_ms: int
    to_ms: int


class Gauge:
    """One channel's counter, read at every round. begins_mm: what it has counted before the run."""

    def __init__(self, channel: int, rain: Rain, begins_mm: float, spells: Collection[GaugeSpell]) -> None:
        self.channel, self.rain, self.spells = channel, rain, tuple(spells)
        self._counted_mm, self._fallen_mm = begins_mm, 0.0
        self._resets = sorted(s.from_ms for s in spells if s.fault is GaugeFault.RESET)

    def measure(self, now_ms: int) -> list[Row]:
        """What it sends at this moment, if anything."""
        fallen_mm = self.rain.until_mm(now_ms)
        missing = self._is(GaugeFault.MISS, now_ms)
        self._counted_mm += (fallen_mm - self._fallen_mm) * (0.5 if missing else 1.0)
        self._fallen_mm = fallen_mm
        while self._resets and self._resets[0] <= now_ms:
            self._resets.pop(0)
            self._counted_mm = 0.0
        if self._is(GaugeFault.DEAD, now_ms):
            return []
        shown_mm = math.floor(self._counted_mm / TIP_MM + 1e-9) * TIP_MM % WRAPS_AT_MM
        if self._is(GaugeFault.FAIL, now_ms):
            return [Row(self.channel, now_ms, round(shown_mm / 2, 1), Flag.FAIL)]
        flag = Flag.SUSPECT if self._is(GaugeFault.SUSPECT, now_ms) else Flag.PASS
        return [Row(self.channel, now_ms, round(shown_mm, 1), flag)]

    def sound(self, from_ms: int, to_ms: int) -> bool:
        """No fault touched it in between."""
        return not any(s.from_ms <= to_ms and from_ms <= s.to_ms for s in self.spells)

    def _is(self, fault: GaugeFault, now_ms: int) -> bool:
        return any(s.fault is fault and s.from_ms <= now_ms <= s.to_ms for s in self.spells)


def some_gauge(rng: random.Random, channel: int, start_ms: int, minutes: int) -> Gauge:
    """One that may stand shortly before its wrap, or else has none, one or two faults. Who starts anew just before it
    would have wrapped cannot be told from one that wraps: nobody is asked to."""
    rain = some_rain(rng, start_ms, minutes)
    if rng.random() < 0.3:
        return Gauge(channel, rain, WRAPS_AT_MM - rng.choice((1.0, 4.0, 12.0)), ())
    spells = []
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        begin_ms = start_ms + int(rng.uniform(2, minutes - 20) * MINUTE_MS)
        length_min = rng.choice((3, 10, 25))
        to_ms = min(begin_ms + length_min * MINUTE_MS, start_ms + (minutes - 3) * MINUTE_MS)
        spells.append(GaugeSpell(rng.choice(list(GaugeFault)), begin_ms, to_ms))
    return Gauge(channel, rain, rng.choice((0.0, 40.0, 1200.0)), _one_after_the_other(spells))


def _one_after_the_other(spells: Sequence[GaugeSpell]) -> list[GaugeSpell]:
    out: list[GaugeSpell] = []
    for spell in sorted(spells, key=lambda s: s.from_ms):
        if not out or spell.from_ms > out[-1].to_ms:
            out.append(spell)
    return out
