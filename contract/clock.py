"""The one door through which time enters Headwater.

Pure rooms take `now_ms` as an argument; shells get a `Clock`. A scaled clock
plays a storm at 60x with every period, age and time stamp consistent. I/O
time-outs are not scaled: a serial line is as slow in a fast storm.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

# Linux' own monotonic clock stands still while the machine is suspended, and its wall clock would seem to jump.
_MONOTONIC: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Where time comes from: the machine, or a scenario that runs faster."""

    def now_ms(self) -> int:
        """UTC, milliseconds since 1970; in scenario time on a scaled clock."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds that only rise, from a start nobody knows, at this clock's speed; no step of the wall clock
        moves them, and they go on while the machine is suspended. Two boots of a machine do not compare."""
        ...

    def real_s(self, scenario_s: float) -> float:
        """How many real seconds a span of this clock's seconds takes."""
        ...

    async def sleep(self, scenario_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own time, at its own speed."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.clock_gettime_ns(_MONOTONIC) // 1_000_000

    def real_s(self, scenario_s: float) -> float:
        return scenario_s

    async def sleep(self, scenario_s: float) -> None:
        await asyncio.sleep(scenario_s)


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """Scenario time = start + (real time - origin) x speed.

    start_ms: UTC ms at which the scenario starts.
    speed: scenario seconds per real second.
    origin_ms: real UTC ms at which it started; processes that share the three
    numbers share one clock.
    """

    start_ms: int
    speed: float
    origin_ms: int

    def now_ms(self) -> int:
        return self.start_ms + int((time.time_ns() / 1_000_000 - self.origin_ms) * self.speed)

    def monotonic_ms(self) -> int:
        return int(time.clock_gettime_ns(_MONOTONIC) / 1_000_000 * self.speed)

    def real_s(self, scenario_s: float) -> float:
        return scenario_s / self.speed

    async def sleep(self, scenario_s: float) -> None:
        await asyncio.sleep(scenario_s / self.speed)

    def __str__(self) -> str:
        return f"scaled:{self.start_ms},{self.speed},{self.origin_ms}"


def parse_clock(text: str) -> Clock:
    """'system', or 'scaled:<start UTC ms>,<speed>,<origin real UTC ms>'.

    Raises ValueError, naming the expected form.
    """
    if text == "system":
        return SystemClock()
    kind, _, rest = text.partition(":")
    parts = rest.split(",")
    if kind == "scaled" and len(parts) == 3:
        try:
            clock = ScaledClock(int(parts[0]), float(parts[1]), int(parts[2]))
        except ValueError:
            clock = None
        if clock is not None and clock.speed > 0:
            return clock
    raise ValueError(f"clock {text!r}: use 'system' or 'scaled:START_MS,SPEED,ORIGIN_MS' with SPEED above 0")


def to_ms(moment: datetime) -> int:
    """UTC ms of an aware datetime; ValueError on a naive one, whose zone nobody knows."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: write e.g. 2021-07-20T16:00:00+08:00")
    return round(moment.timestamp() * 1000)


def from_ms(time_ms: int) -> datetime:
    """UTC milliseconds since 1970 as a datetime in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC)


def iso(time_ms: int) -> str:
    """RFC 3339 UTC with milliseconds only where there are any: 2021-07-20T08:00:00Z."""
    moment = from_ms(time_ms)
    return moment.isoformat(timespec="milliseconds" if time_ms % 1000 else "seconds").replace("+00:00", "Z")
