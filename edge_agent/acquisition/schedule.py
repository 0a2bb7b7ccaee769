"""When to ask whom: one bus, many devices, each with a cadence and a back-off of its own. Pure.

Times are UTC ms of the scenario. A device is asked at whole multiples of its period, so that readings of a district
fall on the same seconds; one that speaks by itself only when it has been silent for too long. A device that fails is
asked ever more seldom, but never less often than every `MAX_PERIODS` of its periods; its neighbours do not notice, but
for the time-out it costs the bus when it is tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.drivers.base import DeviceFault, DeviceInfo

MAX_PERIODS = 32
_PATIENCE = 2  # failures in a row before the first pause: a single lost frame is nothing


@dataclass(slots=True)
class DeviceState:
    """What became of asking a device, or of hearing it. last_good_ms: None before its first answer."""

    info: DeviceInfo
    due_ms: int
    failures: int = 0
    last_good_ms: int | None = None
    last_fault: str = ""
    reads: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def period_ms(self) -> int:
        """Its period, scenario ms."""
        return round(self.info.period_s * 1000)

    @property
    def back_off_periods(self) -> int:
        """How many of its periods lie between two tries: 1 while it answers, doubled from the second failure on."""
        return 1 if self.failures < _PATIENCE else min(2 ** (self.failures - _PATIENCE + 1), MAX_PERIODS)


class Schedule:
    """The devices of one bus. They are due from the start, until `expect` says how long they may be silent."""

    def __init__(self, devices: Sequence[DeviceInfo], now_ms: int) -> None:
        self.devices = [DeviceState(d, now_ms) for d in devices]
        self._by_id = {d.info.device.id: d for d in self.devices}
        self._silent_periods = 0
        self._expected = False

    def expect(self, silent_periods: int, now_ms: int) -> None:
        """silent_periods: of the driver (`Driver.silent_periods`). Once said it stays: what was heard by a driver that
        has stopped still counts."""
        self._silent_periods = silent_periods
        if not self._expected:
            self._expected = True
            for d in self.devices:
                d.due_ms = self._silent_until(d, now_ms)

    def next(self) -> DeviceState | None:
        """The device to ask next, the longest due first; of equals, one that answers before one that does not."""
        return min(self.devices, key=lambda d: (d.due_ms, d.failures), default=None)

    def longest_wait_ms(self, device: DeviceState) -> int:
        """No device is due later than this from now, unless the clock has been set back."""
        return (self._silent_periods + device.back_off_periods + 1) * device.period_ms

    def restart(self, now_ms: int) -> None:
        """The clock was put right: times of before say nothing any more, and the devices are due as at the start."""
        for d in self.devices:
            d.due_ms = self._silent_until(d, now_ms)
            d.last_good_ms = None if d.last_good_ms is None else now_ms

    def answered(self, device: DeviceState, now_ms: int, faults: Sequence[DeviceFault] = ()) -> bool:
        """faults: of parts of the answer that did not come. True when there are some, and there were none before."""
        whole = not device.last_fault
        device.reads += 1
        device.failures = 0
        device.faults.update(f.fault.value for f in faults)
        device.last_fault = "; ".join(str(f) for f in faults)
        device.last_good_ms = now_ms
        device.due_ms = _following(now_ms, device.period_ms)
        return whole and bool(faults)

    def spoke(self, device: str, time_ms: int, now_ms: int) -> None:
        """A device was heard unasked; time_ms: of what it said, perhaps older than what it said last."""
        d = self._by_id[device]
        if d.last_good_ms is None or time_ms > d.last_good_ms:
            d.last_good_ms = time_ms
            d.reads += 1
        d.failures = 0
        d.last_fault = ""
        if self._silent_periods:
            d.due_ms = self._silent_until(d, now_ms)

    def failed(self, device: DeviceState, fault: DeviceFault, now_ms: int) -> bool:
        """True when this failure ends a time in which the device answered: its silence is news."""
        device.reads += 1
        device.failures += 1
        device.faults[fault.fault.value] += 1
        device.last_fault = str(fault)
        device.due_ms = _following(now_ms, device.period_ms) + (device.back_off_periods - 1) * device.period_ms
        return device.failures == _PATIENCE

    def _silent_until(self, device: DeviceState, now_ms: int) -> int:
        return now_ms + self._silent_periods * device.period_ms


def _following(now_ms: int, period_ms: int) -> int:
    """The next whole multiple of the period after now."""
    return (now_ms // period_ms + 1) * period_ms
