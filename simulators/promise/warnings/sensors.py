"""Sensors over known water: what they send, polled or by exception, while they blink, spike, stick, drift, drown.

Some chatter for ten minutes: far more readings than one a period, as of a gateway that is set up wrongly."""

from __future__ import annotations

import math
import random
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from contract.readings import Flag
from simulators.promise.warnings.water import MINUTE_MS, Water

NOISE_M = 0.003
_DEADBAND_M, _HEARTBEAT_MS = 0.012, 300_000
_CHATTER, _CHATTER_EVERY_MS, _CHATTER_FOR_MS = 24, 25, 600_000


class Row(NamedTuple):
    """One reading. value: metres."""

    channel: int
    time_ms: int
    value: float
    flag: int


class Fault(StrEnum):
    """What may be wrong with a sensor for a while."""

    BLINK = "blink"  # echoes get lost: 0.00 now and then
    SPIKE = "spike"  # one echo too many, alone; corrected with FAIL one sample later, or not
    STICK = "stick"
    DRIFT = "drift"
    DROWN = "drown"  # under water it says nothing of use
    PARK = "park"  # something stands under it: a step to a constant
    SUSPECT = "suspect"  # right, and flagged
    DEAD = "dead"


# With these the sensor still shows how deep it is, most of the time.
SHOWING = frozenset({Fault.BLINK, Fault.SUSPECT})


@dataclass(frozen=True, slots=True)
class Spell:
    """A fault from one moment to another. size, flag, marked: as the kind needs them."""

    fault: Fault
    from_ms: int
    to_ms: int
    size: float
    flag: Flag
    marked: bool


class Sensor:
    """One channel's. by_exception: sends what has changed, and a sign of life every five minutes.

    chatters_ms: from when on it sends two dozen readings with each of its readings, for ten minutes; None: never.
    """

    def __init__(
        self,
        rng: random.Random,
        channel: int,
        water: Water,
        by_exception: bool,
        spells: Collection[Spell],
        chatters_ms: int | None = None,
    ) -> None:
        self._rng, self.channel, self.water = rng, channel, water
        self.by_exception, self.spells = by_exception, tuple(spells)
        self._chatters_ms, self._chatter_rng = chatters_ms, random.Random(f"chatter of {channel}")
        self._sent: Row | None = None
        self._spiked: Row | None = None
        self._stuck: dict[Spell, float] = {}

    def measure(self, now_ms: int) -> list[Row]:
        """What it sends at this moment: perhaps a correction of the reading before, perhaps a reading."""
        out: list[Row] = []
        row = self._row(now_ms)
        if row is None:
            return out
        if self._spiked is not None:
            if self._spiked.flag == Flag.FAIL:
                out.append(self._spiked)
            self._spiked = None
        elif (spell := self._spell(now_ms, Fault.SPIKE)) is not None and self._rng.random() < 0.2:
            row = row._replace(value=row.value + spell.size, flag=spell.flag)
            self._spiked = row._replace(flag=Flag.FAIL) if spell.marked else row
        last = self._sent
        news = last is None or last.flag != row.flag or self._spiked is not None or bool(out)
        if last is not None and not news:
            news = not abs(row.value - last.value) < _DEADBAND_M or now_ms - last.time_ms >= _HEARTBEAT_MS
        if news or not self.by_exception:
            self._sent = row
            if self._spiked is None:
                out += self._chatter(row)
            out.append(row)
        return out

    def _chatter(self, row: Row) -> list[Row]:
        """What it sends within the second before this reading: the same, with the noise of each."""
        if self._chatters_ms is None or not 0 <= row.time_ms - self._chatters_ms <= _CHATTER_FOR_MS:
            return []
        noise_m = [self._chatter_rng.uniform(-NOISE_M, NOISE_M) for _ in range(_CHATTER)]
        return [
            row._replace(time_ms=row.time_ms - n * _CHATTER_EVERY_MS, value=round(max(0.0, row.value + more), 3))
            for n, more in zip(range(_CHATTER, 0, -1), noise_m, strict=True)
        ]

    def sound(self, from_ms: int, to_ms: int, but: Collection[Fault] = ()) -> bool:
        """No fault touched it in between, but for those."""
        return not any(s.from_ms <= to_ms and from_ms <= s.to_ms and s.fault not in but for s in self.spells)

    def _row(self, now_ms: int) -> Row | None:
        """As it measures, but for spikes; None: it says nothing."""
        value = max(0.0, self.water.depth_m(now_ms) + self._rng.uniform(-NOISE_M, NOISE_M))
        row = Row(self.channel, now_ms, round(value, 3), Flag.PASS)
        for spell in self.spells:
            if spell.from_ms <= now_ms <= spell.to_ms:
                changed = self._under(spell, row)
                if changed is None:
                    return None
                row = changed
        return row

    def _under(self, spell: Spell, row: Row) -> Row | None:
        match spell.fault:
            case Fault.DEAD:
                return None
            case Fault.BLINK if self._rng.random() < spell.size:
                row = row._replace(value=0.0, flag=spell.flag)
            case Fault.SUSPECT:
                row = row._replace(flag=Flag.SUSPECT)
            case Fault.STICK:
                row = row._replace(value=self._stuck.setdefault(spell, row.value))
            case Fault.DRIFT:
                drifted = row.value + spell.size * (row.time_ms - spell.from_ms) / 3_600_000
                row = row._replace(value=round(drifted, 3))
            case Fault.PARK:
                row = row._replace(value=self._stuck.setdefault(spell, round(row.value + spell.size, 3)))
            case Fault.DROWN if row.value > 0.3:
                flag = Flag.FAIL if spell.marked else Flag.MISSING
                row = row._replace(value=row.value if spell.marked else math.nan, flag=flag)
        return row

    def _spell(self, now_ms: int, fault: Fault) -> Spell | None:
        return next((s for s in self.spells if s.fault is fault and s.from_ms <= now_ms <= s.to_ms), None)


def some_spells(rng: random.Random, start_ms: int, minutes: int) -> list[Spell]:
    """None, one or two faults in so many minutes."""
    out = []
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        fault = rng.choice(list(Fault))
        length = rng.choice((3, 10, 25, 60)) if fault is not Fault.BLINK else rng.choice((15, 30, 60))
        begin = rng.uniform(2, max(3, minutes - length - 5))
        size = {
            Fault.BLINK: rng.choice((0.2, 0.3)),
            Fault.SPIKE: rng.choice((0.3, 0.6, 1.4)),
            Fault.DRIFT: rng.choice((0.1, 0.3, -0.1)),
            Fault.PARK: rng.choice((0.3, 1.4)),
        }.get(fault, 0.0)
        flag = rng.choice((Flag.SUSPECT, Flag.PASS, Flag.NOT_EVALUATED))
        from_ms = start_ms + int(begin * MINUTE_MS)
        to_ms = start_ms + int(min(begin + length, minutes - 3) * MINUTE_MS)
        out.append(Spell(fault, from_ms, to_ms, size, flag, rng.random() < 0.5))
    return out
