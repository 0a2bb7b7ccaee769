"""The machine of a run's cloud: its wall clock may step, its monotonic clock does not."""

from __future__ import annotations

from simulators.promise.world import World


class Machine:
    """A `contract.clock.Clock` in virtual time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._step_ms = 0

    def __str__(self) -> str:
        return "played"  # one boot: it lasts as long as the run

    def step(self, by_ms: int) -> None:
        """The wall clock shows so much more than the truth from now on; 0: it is right."""
        self._step_ms = by_ms

    @property
    def right(self) -> bool:
        """Does the wall clock show the truth?"""
        return self._step_ms == 0

    def now_ms(self) -> int:
        return self._world.true_ms + self._step_ms

    def monotonic_ms(self) -> int:
        return self._world.true_ms

    def real_s(self, scenario_s: float) -> float:
        return scenario_s

    async def sleep(self, scenario_s: float) -> None:
        raise AssertionError(f"nobody sleeps {scenario_s} s in virtual time")
