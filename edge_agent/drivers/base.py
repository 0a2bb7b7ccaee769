"""What a driver is: it gets readings from the devices of one bus and hands them on. It derives nothing.

A protocol is one module in this folder (`DriverModule`), named in `edge_agent.drivers.table`. What its device files and
buses may say stands in its module of `firmware_bridge`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.devices import Bus, Device, DeviceModel
from contract.clock import Clock
from contract.readings import ReadingBatch


class Fault(StrEnum):
    """What went wrong with a read, by what to do about it."""

    TIMEOUT = "timeout"  # no answer: back off; see to power and wiring
    EXCEPTION = "exception"  # the device refuses: the register table does not fit it
    BAD_REPLY = "bad_reply"  # noise or a neighbour's answer: try again; see to termination
    BUS_DOWN = "bus_down"  # the port or the socket is gone: open it again


class DeviceFault(Exception):
    """A read that gave nothing. detail: what happened, with the unit, and what was asked."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(f"{fault.value}: {detail}")
        self.fault = fault
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Missing:
    """A part of an answer that did not come: the channels that got no reading, and why."""

    channels: tuple[int, ...]
    fault: DeviceFault


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device said when asked: at least one reading, and what of it is missing."""

    readings: ReadingBatch
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device with its model and the channels it feeds, at least one."""

    device: Device
    model: DeviceModel
    channels: tuple[ChannelInfo, ...]

    @property
    def period_s(self) -> float:
        """How often it is asked, or speaks by itself: the device's own period, else the model's."""
        return self.device.period_s or self.model.period_s

    @property
    def timeout_s(self) -> float:
        """How long it may take to answer, real seconds: the device's own, else the model's."""
        return self.device.timeout_s or self.model.timeout_s


# Device id, and what it said by itself.
Heard = Callable[[str, ReadingBatch], None]


class Driver(Protocol):
    """The devices of one bus, polled or heard; whoever runs it need not know which.

    Readings carry the device's own times where it has them; else the time at which they came, in whole seconds for a
    device with a period of a second or more (`stamp_ms`). A value is NaN where the device itself says "no reading".
    """

    @property
    def silent_periods(self) -> int:
        """For how many of its periods a device may be silent before `read` is called. 0: it speaks only when asked."""
        ...

    async def read(self, device: DeviceInfo) -> Answer:
        """Asks a device of this bus for all its channels. One call at a time; any time is right for it.

        Raises DeviceFault when nothing came; of a device that cannot be asked, TIMEOUT: it should have spoken. Never
        takes one register's value for another's, however late or damaged a reply comes.
        """
        ...

    async def listen(self, heard: Heard) -> None:
        """Hands on what devices say by themselves, as it comes, until cancelled; of a bus where none does, just waits.

        Raises DeviceFault(BUS_DOWN) when the port is gone; call it again to open it again.
        """
        ...

    def line_faults(self) -> Mapping[str, int]:
        """Counts of what came over the line and could not be understood, by name; of no device in particular."""
        ...

    async def close(self) -> None:
        """Gives the port back. Nothing is called afterwards."""
        ...


class DriverModule(Protocol):
    """What a module of this folder offers that stands in `edge_agent.drivers.table`."""

    async def open_driver(self, bus: Bus, devices: Sequence[DeviceInfo], address: str, clock: Clock) -> Driver:
        """A driver for the bus; a port that cannot be opened is told by `read` and `listen`, not here.

        devices: those that feed a channel. address: where this gateway finds the bus.
        """
        ...

    def describe(self, device: DeviceInfo) -> str:
        """What will be asked of the device, for `headwater-edge check`; "" when nothing will."""
        ...


def stamp_ms(now_ms: int, period_s: float) -> int:
    """The time of a reading without a time of its own, UTC ms: whole seconds for a device that is read every second or
    less often (they store five times smaller)."""
    return now_ms // 1000 * 1000 if period_s >= 1 else now_ms
