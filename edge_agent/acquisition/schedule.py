"""When to ask whom: one bus, many devices, each with a cadence and a back-off of its own. Pure.

Times are UTC ms of the scenario. A device is asked at whole multiples of its period, so that readings of a district
fall on the same seconds. A device that fails is asked ever more seldom, but never less often than every `MAX_PERIODS`
of its periods; its neighbours do not notice, but for the time-out it costs the bus when it is tried.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edge_agent.drivers.base import DeviceFault, DeviceInfo

MAX_PERIODS = 32
_PATIENCE = 2  # failures in a row before the first pause: a single lost frame is nothing


@dataclass(slots=True)
class DeviceState:
    """What became of asking a device. last_good_ms: None before its first answer."""

    info: DeviceInfo
    due_ms: int
    failures: int = 0
    last_good_ms: int | None = None
    last_fault: str = ""
    reads: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def period_ms(self) -> int:
        return round(self.info.period_s * 1000)

    @property
    def back_off_periods(self) -> int:
        return 1 if self.failures < _PATIENCE else min(2 ** (self.failures - _PATIENCE + 1), MAX_PERIODS)


class Schedule:
    """The devices of one bus."""

    def __init__(self, devices: list[DeviceInfo], now_ms: int) -> None:
        self.devices = [DeviceState(d, now_ms) for d in devices]

    def next(self) -> DeviceState | None:
        """The device to ask next, the longest due first; of equals, one that answers before one that does not."""
        return min(self.devices, key=lambda d: (d.due_ms, d.failures), default=None)

    def restart(self, now_ms: int) -> None:
        """The clock was put right: times of before say nothing any more, and every device is due."""
        for d in self.devices:
            d.due_ms = now_ms
            d.last_good_ms = None if d.last_good_ms is None else now_ms

    def answered(self, device: DeviceState, now_ms: int) -> None:
        device.reads += 1
        device.failures = 0
        device.last_fault = ""
        device.last_good_ms = now_ms
        device.due_ms = _following(now_ms, device.period_ms)

    def spoke(self, device: DeviceState, time_ms: int) -> None:
        """A device that speaks by itself was heard; time_ms: of what it said, perhaps older than what it said last."""
        if device.last_good_ms is None or time_ms > device.last_good_ms:
            device.last_good_ms = time_ms
            device.reads += 1
        device.failures = 0
        device.last_fault = ""

    def failed(self, device: DeviceState, fault: DeviceFault, now_ms: int) -> bool:
        """True when this failure ends a time in which the device answered: its silence is news."""
        device.reads += 1
        device.failures += 1
        device.faults[fault.fault.value] += 1
        device.last_fault = str(fault)
        device.due_ms = _following(now_ms, device.period_ms) + (device.back_off_periods - 1) * device.period_ms
        return device.failures == _PATIENCE


def _following(now_ms: int, period_ms: int) -> int:
    """The next whole multiple of the period after now."""
    return (now_ms // period_ms + 1) * period_ms
