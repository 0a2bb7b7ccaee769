"""What a driver is: it gets readings from the devices of one bus and hands them on. It derives nothing.

A protocol is one module in this folder (`DriverModule`), named in `edge_agent.drivers.table`. What its device files and
buses may say stands in its module of `firmware_bridge`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable

from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.devices import Bus, Device, DeviceModel
from contract.clock import Clock
from contract.readings import ReadingBatch


class Fault(StrEnum):
    """What went wrong with a read, by what to do about it (`LOOK_AT`)."""

    TIMEOUT = "timeout"  # nothing was heard
    ECHO = "echo"  # nothing but our own question
    NOISE = "noise"  # bytes, and no frame among them
    BAD_CRC = "bad_crc"  # a reply that was damaged on its way
    OTHER_UNIT = "other_unit"  # another unit answered
    WRONG_FUNCTION = "wrong_function"  # the right unit, to another kind of question
    WRONG_TRANSACTION = "wrong_transaction"  # a reply with another transaction number than was asked with
    TOO_SLOW = "too_slow"  # the answer came after the time-out
    OTHER_MASTER = "other_master"  # somebody else asks on this line
    BAD_REPLY = "bad_reply"  # an answer that does not fit the question
    DEVICE_FAILURE = "device_failure"  # the device says that it has failed (Modbus exceptions 4, 7 and 8)
    GATEWAY = "gateway"  # a gateway on the way has no answer of the device (Modbus exceptions 10 and 11)
    BUSY = "busy"  # the device says: later (Modbus exceptions 5 and 6)
    EXCEPTION = "exception"  # the device refuses
    UNANSWERED = "unanswered"  # the device answers other questions, and never this one
    BUS_DOWN = "bus_down"  # the port or the socket is gone: open it again
    CLOSED = "closed"  # the other side ended the connection
    NAME_NOT_FOUND = "name_not_found"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NO_SUCH_PORT = "no_such_port"
    NO_PERMISSION = "no_permission"
    PORT_LOCKED = "port_locked"

    @property
    def of_bus(self) -> bool:
        """Whether it is the bus that is gone, and no device of it can be asked."""
        return self in _OF_BUS


_OF_BUS = (
    Fault.BUS_DOWN,
    Fault.CLOSED,
    Fault.NAME_NOT_FOUND,
    Fault.REFUSED,
    Fault.UNREACHABLE,
    Fault.NO_SUCH_PORT,
    Fault.NO_PERMISSION,
    Fault.PORT_LOCKED,
)

# What to look at next; told behind the fault itself, and explained in docs/on-a-gateway.md.
LOOK_AT = {
    Fault.TIMEOUT: "see to its power, its wires (A and B swapped?), its unit number, speed and parity",
    Fault.ECHO: "the adapter hears itself, and the device was not heard: see to its power, wires and unit number",
    Fault.NOISE: "see to speed and parity, to termination and bias of the line, and to its screen",
    Fault.BAD_CRC: "see to termination, to the length of stubs, and to two devices that share a unit number",
    Fault.OTHER_UNIT: "see to the unit number: of the device, of the file, of the gateway before it",
    Fault.WRONG_FUNCTION: "see to the table in the device file (holding, input, coil, discrete)",
    Fault.WRONG_TRANSACTION: "a gateway that counts for itself: set transaction_ids: ignore on the bus",
    Fault.TOO_SLOW: "give timeout_s more than it needs",
    Fault.OTHER_MASTER: "see who else asks on this line (a panel, a PLC, a laptop): a line has one master",
    Fault.BAD_REPLY: "see to the register's address, type and table in the device file",
    Fault.DEVICE_FAILURE: "see to the instrument itself: its display, its supply, its log",
    Fault.GATEWAY: "the gateway is there, the device behind it is not heard: see to its power, wires and unit number",
    Fault.BUSY: "ask it less often (period_s), or give it more tries (retries)",
    Fault.EXCEPTION: "see to the register's address and table in the device file",
    Fault.UNANSWERED: "has it that register? See to its address and table in the device file",
    Fault.BUS_DOWN: "is it plugged in, and its server up?",
    Fault.CLOSED: "is another client connected already? Many gateways take but one or two",
    Fault.NAME_NOT_FOUND: "see to the name, or write the address in numbers",
    Fault.REFUSED: "the host is up and nothing listens there: see to the port number and to the service",
    Fault.UNREACHABLE: "see to cable, power, address and network mask of the host",
    Fault.NO_SUCH_PORT: "is the adapter plugged in? `ls /dev/serial/by-id` names those that are",
    Fault.NO_PERMISSION: "put the agent's user into the port's group: usermod -aG dialout headwater",
    Fault.PORT_LOCKED: "another program has it open: `fuser -v` with the port's path names it",
}


class DeviceFault(Exception):
    """A read that gave nothing. detail: what happened, with the unit, and what was asked. asked: the requests behind
    it, where the driver tells. nearer: replies came all the same, though not as many as it takes to believe one."""

    def __init__(self, fault: Fault, detail: str, asked: tuple[Asked, ...] = (), nearer: bool = False) -> None:
        super().__init__(f"{fault.value}: {detail}: {LOOK_AT[fault]}")
        self.fault = fault
        self.detail = detail
        self.asked = asked
        self.nearer = nearer

    def came_nearer(self) -> None:
        """Says of a fault that is on its way to whoever asked that replies came before it."""
        self.nearer = True

    @property
    def asks_again(self) -> bool:
        """Whether the same question may be answered a moment later."""
        return not self.fault.of_bus and self.fault not in (Fault.EXCEPTION, Fault.UNANSWERED)


@dataclass(frozen=True, slots=True)
class Missing:
    """A part of an answer that did not come: the channels that got no reading, and why."""

    channels: tuple[int, ...]
    fault: DeviceFault


@dataclass(slots=True)  # frozen it takes twice as long to make, at every request
class Asked:
    """One request of a read, for people who look on: what was asked, what came (words, or bits of 0 and 1), and after
    how long. words: None when none came; fault: then why."""

    table: str
    address: int
    count: int
    words: tuple[int, ...] | None
    fault: DeviceFault | None
    ms: float


class Answer(NamedTuple):
    """What a device said when asked, and what of it is missing.

    asked: the requests behind it, in their order; () of a driver that does not tell. notes: sentences about what is
    not as the device file says, though the readings came; by kind, of which each is told once.
    """

    readings: ReadingBatch
    missing: tuple[Missing, ...] = ()
    asked: tuple[Asked, ...] = ()
    notes: Mapping[str, str] = MappingProxyType({})


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
        """Asks a device of this bus for its channels, each once. One call at a time; any time is right for it.

        device: with those of its channels that are wanted; all, or those that did not come before. Raises DeviceFault
        when nothing came; of a device that cannot be asked, TIMEOUT: it should have spoken. Never takes one register's
        value for another's, however late or damaged a reply comes.
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

    def traffic(self) -> Mapping[str, int]:
        """Counts of what went over the line: bytes, frames; {} of a driver that does not count."""
        ...

    async def close(self) -> None:
        """Gives the port back. Nothing is called afterwards."""
        ...


@runtime_checkable
class TellsWhoItIs(Protocol):
    """A driver whose devices say by texts who they are: model, serial number, firmware, as their files name them."""

    async def identity(self, device: DeviceInfo) -> Mapping[str, str]:
        """By name, what the device says of itself; {} of one whose file names nothing. Raises DeviceFault."""
        ...


@runtime_checkable
class Tappable(Protocol):
    """A driver that lets others listen in."""

    def tap(self, say: Callable[[Mapping[str, Any]], None] | None) -> None:
        """Tells each frame of the line with its meaning, in plain values (see `modbus_tap`); None: no more."""
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
