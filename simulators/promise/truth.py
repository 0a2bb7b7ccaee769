"""What the gateways made, and what became certain on the way: what the checks compare with."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from contract.readings import Flag, ReadingBatch

Key = tuple[int, int]  # channel, time_ms
Value = tuple[float, int]  # value (a stand-in for NaN), flag
MISSING_VALUE = -9999.0


@dataclass(slots=True)
class Truth:
    """made: every reading. committed: those the spool said were durable; no fault may take one of these.

    excused: what was set aside with a replaced spool, or thrown out of a full one by name.
    """

    made: dict[Key, Value] = field(default_factory=dict)
    committed: set[Key] = field(default_factory=set)
    thrown: set[Key] = field(default_factory=set)
    replaced: set[Key] = field(default_factory=set)
    number: int = 0


def rows(batch: ReadingBatch) -> Iterator[tuple[Key, Value]]:
    columns = (batch.channel, batch.time_ms, batch.value, batch.flag)
    for c, t, v, f in zip(*(x.tolist() for x in columns), strict=True):
        yield (c, t), (MISSING_VALUE if math.isnan(v) else v, f)


def keys(batch: ReadingBatch) -> set[Key]:
    return {key for key, _ in rows(batch)}


class Water:
    """Levels that rise and fall through every threshold, a little different at each reading."""

    def __init__(self, truth: Truth, channels: list[int], rng: random.Random) -> None:
        self._truth, self._channels, self._rng = truth, channels, rng
        self._phase = {c: rng.random() * 2 * math.pi for c in channels}
        self._period_s = {c: rng.uniform(1200, 6000) for c in channels}

    def readings(self, clock_ms: int, true_s: float) -> ReadingBatch:
        """Some channels, now by the gateway's clock; no channel and time is ever made twice."""
        rng = self._rng
        time, channel, value, flag = [], [], [], []
        for c in self._channels:
            if rng.random() < 0.3 and (time or c != self._channels[-1]):  # one at least
                continue
            t = clock_ms // 1000 * 1000
            while (c, t) in self._truth.made:
                t += 1000
            self._truth.number += 1
            depth = max(0.0, 0.3 * math.sin(self._phase[c] + true_s * 2 * math.pi / self._period_s[c]))
            v = round(depth, 2) + self._truth.number * 1e-6
            f = rng.choice((Flag.PASS, Flag.PASS, Flag.PASS, Flag.SUSPECT, Flag.FAIL, Flag.MISSING))
            if f is Flag.MISSING:
                v = math.nan
            self._truth.made[c, t] = (MISSING_VALUE if f is Flag.MISSING else v, int(f))
            time.append(t)
            channel.append(c)
            value.append(v)
            flag.append(int(f))
        return ReadingBatch.of(time, channel, value, flag)
