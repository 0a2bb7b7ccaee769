"""Water with a known truth: how deep it stands at one place, at every moment of a run."""

from __future__ import annotations

import bisect
import random
from dataclasses import dataclass

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Water:
    """Straight lines between knots (UTC milliseconds, metres); before the first and after the last it stands."""

    knots: tuple[tuple[int, float], ...]

    def depth_m(self, ms: int) -> float:
        at = bisect.bisect_right(self.knots, (ms, float("inf")))
        if at == 0:
            return self.knots[0][1]
        if at == len(self.knots):
            return self.knots[-1][1]
        (a, low), (b, high) = self.knots[at - 1], self.knots[at]
        return low + (high - low) * (ms - a) / (b - a)

    def times_above(self, depth_m: float) -> list[tuple[int, int]]:
        """From when to when it stands at or above `depth_m`."""
        out: list[tuple[int, int]] = []
        for (a, low), (b, high) in zip(self.knots, self.knots[1:], strict=False):
            if max(low, high) < depth_m:
                continue
            begin, end = a, b
            if low < depth_m:
                begin = a + round((depth_m - low) / (high - low) * (b - a))
            if high < depth_m:
                end = a + round((low - depth_m) / (low - high) * (b - a))
            if out and out[-1][1] >= begin:
                out[-1] = (out[-1][0], end)
            else:
                out.append((begin, end))
        return out


def some_water(rng: random.Random, start_ms: int, minutes: int) -> Water:
    """Dry at the start and again after `minutes`: never wet, a flash, a rise that stands, a deepening, or two rises."""
    kind = rng.choice(("never", "flash", "stand", "stand", "deepen", "twice"))
    dry = rng.uniform(0.0, 0.02)
    points: list[tuple[float, float]] = [(0, dry)]
    if kind == "never":
        return Water(((start_ms, dry), (start_ms + MINUTE_MS, dry)))
    at = rng.uniform(4, minutes * 0.35)
    points.append((at, dry))
    if kind == "flash":
        peak, up = rng.choice((0.2, 0.35, 0.7, 1.2)), rng.uniform(2, 5)
        points += [(at + up, peak), (at + up + rng.uniform(2, 6), peak), (at + up + rng.uniform(10, 18), dry)]
    elif kind == "stand":
        peak, up = rng.uniform(0.12, 0.9), rng.uniform(4, 15)
        points += [(at + up, peak), (minutes * rng.uniform(0.7, 0.9), peak * rng.uniform(0.9, 1.0))]
    elif kind == "deepen":
        points += [(at + 8, 0.55), (at + 16, 0.6), (at + 24, 1.3), (at + 27, 1.35), (at + 36, rng.uniform(2.8, 4.5))]
    else:
        for _ in range(2):
            peak, up = rng.uniform(0.15, 0.7), rng.uniform(3, 8)
            points += [(at + up, peak), (at + up + 6, peak), (at + up + 12, dry), (at + up + 20, dry)]
            at += up + 20
    points = [p for p in points if p[0] < minutes - 5]
    points += [(minutes, dry), (minutes + 1, dry)]
    return Water(tuple((start_ms + int(m * MINUTE_MS), depth) for m, depth in points))
