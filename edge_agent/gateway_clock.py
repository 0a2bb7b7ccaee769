"""The clock of a gateway: monotonic time plus what the timekeeper believes, under a scaled scenario, too."""

from __future__ import annotations

from pathlib import Path

from contract.clock import Clock
from edge_agent.timekeeping import Timekeeper

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class GatewayClock:
    """See `contract.clock.Clock`. Its `now_ms` does not jump when somebody sets the wall clock.

    earliest_ms: a wall clock that shows less is not believed. boot: of the machine; None: ask the kernel.
    """

    def __init__(self, under: Clock, earliest_ms: int, boot: str | None = None) -> None:
        self._under = under
        self.keeper = Timekeeper(boot or boot_id(), under.now_ms(), under.monotonic_ms(), earliest_ms)

    def now_ms(self) -> int:
        return self.keeper.now_ms(self._under.now_ms(), self._under.monotonic_ms())

    def monotonic_ms(self) -> int:
        return self._under.monotonic_ms()

    def real_s(self, scenario_s: float) -> float:
        return self._under.real_s(scenario_s)

    async def sleep(self, scenario_s: float) -> None:
        await self._under.sleep(scenario_s)


def boot_id() -> str:
    """Of this boot of the machine. Without one, monotonic times of an earlier run must not be trusted: a fresh id."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        import secrets

        return secrets.token_hex(16)
