"""The clock of a gateway: monotonic time plus what the timekeeper believes, under a scaled scenario, too."""

from __future__ import annotations

from contract.clock import Clock
from edge_agent.timesync.now import Now
from edge_agent.timesync.timekeeping import Timekeeper
from host.boot import boot_of


class GatewayClock:
    """See `contract.clock.Clock`. Its `now_ms` does not jump when somebody sets the wall clock.

    earliest_ms: a wall clock that shows less is not believed. boot: of the machine; None: ask the kernel.
    """

    def __init__(self, under: Clock, earliest_ms: int, boot: str | None = None) -> None:
        self._under = under
        speed = 1 / under.real_s(1.0)
        self.keeper = Timekeeper(boot or boot_of(under), under.now_ms(), under.monotonic_ms(), earliest_ms, speed)

    def now_ms(self) -> int:
        return self.keeper.now_ms(self._under.now_ms(), self._under.monotonic_ms())

    def monotonic_ms(self) -> int:
        return self._under.monotonic_ms()

    def real_s(self, scenario_s: float) -> float:
        return self._under.real_s(scenario_s)

    async def sleep(self, scenario_s: float) -> None:
        await self._under.sleep(scenario_s)


def now_of(clock: Clock) -> Now:
    """Asks a clock. Only the timekeeper needs monotonic time at a scenario's speed, and works it out again."""
    return Now(clock.now_ms(), clock.real_s(clock.monotonic_ms() / 1000))
