"""Which way a value goes: what changed over a window, and a slope that single echoes do not move. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cloud.hydrology.slopes import median_slope
from cloud.hydrology.spells import Held

_MOST_POINTS = 60  # their pairs are looked at; of more, the newest


@dataclass(frozen=True, slots=True)
class Trend:
    """before, now: what held at both ends of the window; None: nothing is known of that moment. per_ms: the slope of
    Theil (1950) and Sen (1968), in the value's unit; None where too little is known."""

    before: float | None
    now: float | None
    per_ms: float | None

    @property
    def change(self) -> float | None:
        return None if self.before is None or self.now is None else self.now - self.before


def trend(h: Held) -> Trend:
    """Of the window h.from_ms to h.to_ms.

    Readings come by exception, so points of the slope are those at which a value began to hold, and both ends where
    they are known. A slope needs points that span half of the window.
    """
    if not len(h.value):
        return Trend(None, None, None)
    before = float(h.value[0]) if h.begin_ms[0] == h.from_ms else None
    now = float(h.value[-1]) if h.end_ms[-1] == h.to_ms else None
    at_ms, value = h.begin_ms[-_MOST_POINTS:], h.value[-_MOST_POINTS:]
    if now is not None:
        at_ms, value = np.append(at_ms, h.to_ms), np.append(value, now)
    if 2 * (at_ms[-1] - at_ms[0]) < h.to_ms - h.from_ms:
        return Trend(before, now, None)
    return Trend(before, now, float(median_slope(at_ms[None], value[None])[0]))
