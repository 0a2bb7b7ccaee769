"""A machine whose clocks a test moves."""

from __future__ import annotations

from host.kernel_time import KernelTime

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


class Machine:
    """Its clocks go on by `wait`; `step` sets the wall clock. A `contract.clock.Clock`, and its kernel."""

    def __init__(self, speed: float = 1.0) -> None:
        self.wall_ms, self.mono_ms, self.speed = NOW_MS, 50_000, speed
        self.synchronised: bool | None = False
        self.real_wall_ms: int | None = None  # what the kernel shows, where a process is shown another

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_ms(self) -> int:
        return self.mono_ms

    def real_s(self, scenario_s: float) -> float:
        return scenario_s / self.speed

    async def sleep(self, scenario_s: float) -> None:
        self.wait(scenario_s)

    def wait(self, seconds: float) -> None:
        self.wall_ms += round(seconds * 1000)
        self.mono_ms += round(seconds * 1000)

    def step(self, seconds: float) -> None:
        self.wall_ms += round(seconds * 1000)

    def reboot(self, off_s: float) -> None:
        """Monotonic time begins anew."""
        self.wait(off_s)
        self.mono_ms = 9000

    def kernel(self) -> KernelTime | None:
        if self.synchronised is None:
            return None
        return KernelTime(self.synchronised, self.wall_ms if self.real_wall_ms is None else self.real_wall_ms)
