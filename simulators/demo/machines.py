"""The machine an agent runs on, as far as its clock goes: its boots, and what truly was when."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path

from contract.clock import Clock
from simulators.wrong_clocks.clock import Wrongness


@dataclass(slots=True)
class Life:
    """One run of an agent, true UTC ms. boot: of its machine, whose wall clock is off by wall_ms at the start.

    ended_ms: killed; None: asked to stop, at the end.
    """

    boot: str
    started_ms: int
    wall_ms: int = 0
    ended_ms: int | None = None


@dataclass(slots=True)
class Machine:
    """path: of the file that says how wrong its clock is. true: of the scenario."""

    path: Path
    true: Clock
    lives: list[Life] = field(default_factory=list)
    _wrong: Wrongness = field(default_factory=lambda: Wrongness(""))

    def boot(self, wall_ms: int | None = 0, ppm: float = 0.0) -> None:
        """A new boot, with its agent. wall_ms: by how much the wall clock is off; None: it shows 1970."""
        now_ms = self.true.now_ms()
        self._write(Wrongness(secrets.token_hex(8), -now_ms if wall_ms is None else wall_ms, ppm, now_ms))
        self.started()

    def set_wall(self, wall_ms: int) -> None:
        """Somebody, or something, sets the wall clock of the running machine."""
        self._write(replace(self._wrong, wall_ms=wall_ms))

    @property
    def wall_ms(self) -> int:
        return self._wrong.wall_ms

    def started(self) -> None:
        """The agent starts, in the same boot."""
        self.lives.append(Life(self._wrong.boot, self.true.now_ms(), self._wrong.wall_ms))

    def killed(self) -> None:
        self.lives[-1].ended_ms = self.true.now_ms()

    def _write(self, wrong: Wrongness) -> None:
        self._wrong = wrong
        wrong.write(self.path)
