"""A machine's clock that is wrong in the ways that clocks are, as a file says that may be replaced at any time.

`boot`: the id of this boot of the machine; `wall_ms`: by how much the wall clock is off; `ppm`: by how much the crystal
is fast, from `since_ms` on (true UTC ms). Agents get it by `simulators.wrong_clocks.agent` alone.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from contract.clock import Clock

_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Wrongness:
    boot: str
    wall_ms: int = 0
    ppm: float = 0.0
    since_ms: int = 0

    def gained_ms(self, true_ms: int) -> int:
        return round((true_ms - self.since_ms) * self.ppm / 1e6)

    def write(self, path: Path) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(path)

    @classmethod
    def read(cls, path: Path) -> Wrongness:
        return cls(**json.loads(path.read_text()))


@dataclass(slots=True)
class WrongClock:
    """See `contract.clock.Clock`. true: of the scenario. Wall and monotonic time hang on one crystal."""

    true: Clock
    path: Path
    _now: Wrongness = field(init=False)
    _looked_s: float = field(init=False, default=-1.0)

    def __str__(self) -> str:
        return f"{self.true}, as {self.path.name} has it"

    def now_ms(self) -> int:
        true_ms, wrong = self.true.now_ms(), self._wrongness()
        return true_ms + wrong.wall_ms + wrong.gained_ms(true_ms)

    def monotonic_ms(self) -> int:
        return self.true.monotonic_ms() + self._wrongness().gained_ms(self.true.now_ms())

    def real_s(self, scenario_s: float) -> float:
        return self.true.real_s(scenario_s)

    async def sleep(self, scenario_s: float) -> None:
        await self.true.sleep(scenario_s)

    def _wrongness(self) -> Wrongness:
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._now, self._looked_s = Wrongness.read(self.path), time.monotonic()
        return self._now
