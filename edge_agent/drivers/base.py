"""What a driver is: it asks devices and reports what they said. It derives nothing.

A protocol is one module in this folder with a function `open_driver(bus, devices, address, clock) -> Driver`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.devices import Device, DeviceModel


class Fault(StrEnum):
    """What went wrong with a read, by what to do about it."""

    TIMEOUT = "timeout"  # no answer: back off; see to power and wiring
    EXCEPTION = "exception"  # the device refuses: the register table does not fit it
    BAD_REPLY = "bad_reply"  # noise or a neighbour's answer: try again; see to termination
    BUS_DOWN = "bus_down"  # the port or the socket is gone: open it again


class DeviceFault(Exception):
    """A read that gave nothing."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(f"{fault.value}: {detail}")
        self.fault = fault
        self.detail = detail


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device with its model and the channels it feeds."""

    device: Device
    model: DeviceModel
    channels: tuple[ChannelInfo, ...]

    @property
    def period_s(self) -> float:
        return self.device.period_s or self.model.period_s

    @property
    def timeout_s(self) -> float:
        return self.device.timeout_s or self.model.timeout_s


# channel numbers and values, in step; NaN where the device itself says "no reading"
Values = tuple[Sequence[int], Sequence[float]]


class PolledDriver(Protocol):
    """A bus whose devices answer when asked."""

    async def read(self, device: DeviceInfo) -> Values:
        """Everything the device feeds. Raises DeviceFault. Never answers with another register's value."""
        ...

    async def close(self) -> None: ...


# time_ms, channel, value
Heard = Callable[[int, int, float], None]


@runtime_checkable
class ListeningDriver(Protocol):
    """A bus whose devices speak when they like."""

    async def listen(self, heard: Heard) -> None:
        """Until cancelled. Raises DeviceFault(BUS_DOWN)."""
        ...

    def faults(self) -> dict[str, int]:
        """Counts of what could not be understood, by name."""
        ...

    async def close(self) -> None: ...


Driver = PolledDriver | ListeningDriver
Opener = Callable[..., Awaitable[Driver]]
