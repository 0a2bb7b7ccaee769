"""Cars that park under a street's level sensor, by seed: what the sensor reads while one stands there. Pure.

A step of 0.2 to 1.5 m, steady within a centimetre, for 10 minutes to 48 hours (the longer, the rarer); half of them on
a road that is wet already. Of labelled points of street sensors 9 % belong to such boxes (FloodNet).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

_LEAST_S, _MOST_S = 600.0, 48 * 3600.0


@dataclass(frozen=True, slots=True)
class Car:
    """comes_s: when it parks, from the beginning. step_m: its height above the water that stands there, wet_m."""

    comes_s: float
    stays_s: float
    step_m: float
    wet_m: float

    @classmethod
    def of(cls, seed: int, comes_s: float = 3600.0) -> Car:
        """The car of this seed."""
        chance = random.Random(f"car {seed}")
        stays_s = math.exp(chance.uniform(math.log(_LEAST_S), math.log(_MOST_S)))
        wet_m = chance.uniform(0.02, 0.3) if chance.random() < 0.5 else 0.0
        return cls(comes_s, stays_s, chance.uniform(0.2, 1.5), wet_m)

    def reads(self, at_s: float, noise: random.Random) -> float:
        """What the sensor reads at a moment, m: the road, or the car; noise is uniform, 1 cm up and down."""
        parked = self.comes_s <= at_s < self.comes_s + self.stays_s
        level_m = self.wet_m + (self.step_m if parked else 0.0)
        return round(max(level_m + (noise.uniform(-0.01, 0.01) if level_m else 0.0), 0.0), 3)
