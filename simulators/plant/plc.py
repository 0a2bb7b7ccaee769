"""A two-pump station's controller: duty and assist by level, alternation, run hours, starts, faults, mains.

`step` is pure; the plant calls it on the scaled clock and carries the pumps' settings to the catchment.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Levels:
    """Of the wet well, m: duty pump starts, assist pump starts, all stop."""

    start_duty_m: float = 2.0
    start_assist_m: float = 2.8
    stop_m: float = 0.9


@dataclass(slots=True)
class Pump:
    running: bool = False
    fault: bool = False
    hours: float = 0.0
    starts: int = 0


@dataclass(slots=True)
class Station:
    """Its pumps, its supply, and whose turn it is. hours and starts go on from before the storm."""

    levels: Levels = field(default_factory=Levels)
    pumps: tuple[Pump, Pump] = field(
        default_factory=lambda: (Pump(hours=1204.3, starts=5120), Pump(hours=1188.9, starts=5098))
    )
    mains: bool = True
    duty: int = 0
    wet_well_m: float = 0.0

    def step(self, wet_well_m: float, elapsed_s: float) -> None:
        """One cycle of control, with the level now and the time since the last cycle."""
        for pump in self.pumps:
            if pump.running:
                pump.hours += elapsed_s / 3600
        self.wet_well_m = wet_well_m
        able = [i for i in (self.duty, 1 - self.duty) if self.mains and not self.pumps[i].fault]
        running = [i for i in (0, 1) if self.pumps[i].running]
        if wet_well_m <= self.levels.stop_m:
            wanted: list[int] = []
            if running:
                self.duty = 1 - self.duty  # the other one begins next time
        elif wet_well_m >= self.levels.start_assist_m:
            wanted = able
        elif wet_well_m >= self.levels.start_duty_m:
            wanted = [i for i in running if i in able] or able[:1]
        else:
            wanted = [i for i in running if i in able]
        for i, pump in enumerate(self.pumps):
            on = i in wanted
            if on and not pump.running:
                pump.starts += 1
            pump.running = on

    def trip(self) -> None:
        """Both pumps stop on a fault, and stay stopped."""
        for pump in self.pumps:
            pump.fault = True

    def lose_mains(self) -> None:
        """Nothing runs; the controller goes on from its battery."""
        self.mains = False

    def registers(self) -> dict[str, float]:
        """By the names of the device model plc-pump-2."""
        out = {"wet_well": self.wet_well_m, "mains": float(self.mains)}
        for i, pump in enumerate(self.pumps, 1):
            out[f"p{i}_running"] = float(pump.running)
            out[f"p{i}_fault"] = float(pump.fault)
            out[f"p{i}_hours"] = pump.hours
            out[f"p{i}_starts"] = float(pump.starts)
        return out
