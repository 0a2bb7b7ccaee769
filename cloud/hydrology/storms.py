"""What an engineer asks of rain that has fallen: the greatest sums of each duration, and where one event ends and the
next begins. Pure; minute by minute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cloud.hydrology.rainfall import Hyetograph
from contract.readings import Bools, Int64s

MINUTE_MS = 60_000
_NOTHING_MM = 1e-9  # less than any gauge tells: what is left of rounding


@dataclass(frozen=True, slots=True)
class Greatest:
    """The greatest sum of a duration. begin_ms: of the first time that had it. mm, begin_ms: None where the time that
    was asked for is shorter. at_least, uncertain: see `cloud.hydrology.rainfall.Rain`, of that time."""

    minutes: int
    mm: float | None
    begin_ms: int | None
    at_least: bool
    uncertain: bool


@dataclass(frozen=True, slots=True)
class RainEvent:
    """From its first wet minute to its last. may_go_on: the time that was asked for ends before the dry time is over
    that would end it. greatest: of each duration that was asked for; of a shorter event all of its rain."""

    begin_ms: int
    end_ms: int
    mm: float
    at_least: bool
    uncertain: bool
    may_go_on: bool
    greatest: tuple[Greatest, ...]


def minutes_of(start_ms: int, end_ms: int) -> Int64s:
    """Edges a minute apart, the last one at the end."""
    return np.append(np.arange(start_ms, end_ms, MINUTE_MS, dtype=np.int64), end_ms)


def greatest(fallen: Hyetograph, minutes: int) -> Greatest:
    """fallen: by the minute. Only times that lie wholly in it are looked at."""
    sums = _sliding(fallen.mm, minutes)
    if not len(sums):
        return Greatest(minutes, None, None, bool(fallen.at_least.any()), bool(fallen.uncertain.any()))
    place = int(np.flatnonzero(sums >= sums.max() - _NOTHING_MM)[0])  # of equal ones the first, whatever rounding says
    of = slice(place, place + minutes)
    return Greatest(
        minutes,
        float(sums[place]),
        int(fallen.start_ms[place]),
        bool(fallen.at_least[of].any()),
        bool(fallen.uncertain[of].any()),
    )


def events(fallen: Hyetograph, dry_minutes: int, durations: tuple[int, ...] = ()) -> list[RainEvent]:
    """fallen: by the minute. Two wet minutes with at least so many dry ones between them are of different events."""
    wet = np.flatnonzero((fallen.mm > _NOTHING_MM) | fallen.at_least)
    if not len(wet):
        return []
    cuts = np.flatnonzero(np.diff(wet) > dry_minutes)
    firsts, lasts = wet[np.append(0, cuts + 1)], wet[np.append(cuts, len(wet) - 1)]
    return [_event(fallen, int(a), int(b), dry_minutes, durations) for a, b in zip(firsts, lasts, strict=True)]


def _event(fallen: Hyetograph, first: int, last: int, dry_minutes: int, durations: tuple[int, ...]) -> RainEvent:
    of = slice(first, last + 1)
    mine = Hyetograph(fallen.start_ms[of], fallen.mm[of], fallen.uncertain[of], fallen.at_least[of])
    found = tuple(_replaced(greatest(mine, m), mine) for m in durations)
    return RainEvent(
        int(mine.start_ms[0]),
        int(mine.start_ms[-1]) + MINUTE_MS,
        float(mine.mm.sum()),
        _any(mine.at_least),
        _any(mine.uncertain),
        len(fallen.mm) - 1 - last < dry_minutes,
        found,
    )


def _replaced(found: Greatest, event: Hyetograph) -> Greatest:
    if found.mm is not None:
        return found
    return Greatest(found.minutes, float(event.mm.sum()), int(event.start_ms[0]), found.at_least, found.uncertain)


def _any(of: Bools) -> bool:
    return bool(of.any())


def _sliding(mm: np.ndarray, minutes: int) -> np.ndarray:
    """The sum of so many minutes from each one on: shape (n - minutes + 1,), empty where n is less."""
    total = np.concatenate(([0.0], np.cumsum(mm)))
    return total[minutes:] - total[:-minutes] if minutes < len(total) else np.empty(0)
