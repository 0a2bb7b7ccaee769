"""Modbus in device files and on buses: register maps, units, TCP and RTU.

Words <-> numbers stand in `firmware_bridge.registers`; asking the devices is `edge_agent.drivers.modbus`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from contract.catalogue.devices import Device, DeviceModel, Register, SerialBus, TcpBus, WholeNumber
from contract.catalogue.protocols import ProtocolDefinition
from contract.refusing import Place, refusal, refusals
from contract.settings_model import Many, Some

NAME = "modbus"
_LAST_ADDRESS = 65535


class RegisterType(StrEnum):
    """What the words of a register are; floats as in IEEE 754, negative integers as two's complement."""

    BIT = "bit"
    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    FLOAT32 = "float32"
    FLOAT64 = "float64"

    @property
    def words(self) -> int:
        """How many words of 16 bits it takes (of a coil or discrete input: bits)."""
        return {"32": 2, "64": 4}.get(self.value[-2:], 1)

    @property
    def raw_range(self) -> tuple[int, int] | None:
        """The least and the greatest raw value; None of a float."""
        if self is RegisterType.BIT:
            return 0, 1
        if self in (RegisterType.FLOAT32, RegisterType.FLOAT64):
            return None
        bits = 16 * self.words
        return (0, 2**bits - 1) if self.value.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


class Table(StrEnum):
    """Modbus data tables (Modbus application protocol V1.1b3, 4.3)."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"

    @property
    def of_bits(self) -> bool:
        """Whether it holds single bits; else words of 16."""
        return self in (Table.COIL, Table.DISCRETE)


def _not_nothing(scale: float) -> float:
    if scale == 0:
        raise refusal("a scale of 0 would make every value the same: leave it out for 1")
    return scale


class ModbusRegister(Register):
    """One value a device offers, and how its words become a number.

    value = raw x scale + offset, rounded to `decimals`. address counts from 0, as on the wire. `order` names the bytes
    of a 32-bit value as they come: ABCD (big-endian), CDAB, BADC, DCBA; of a 64-bit value likewise by words and bytes.
    `missing_raw` are raw values by which the device says "no reading". read_alone: never together with others.
    """

    address: Annotated[WholeNumber, Field(ge=0, le=_LAST_ADDRESS)] = 0
    table: Table = Table.HOLDING
    type: RegisterType = RegisterType.UINT16
    order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"
    scale: Annotated[float, AfterValidator(_not_nothing)] = 1.0
    offset: float = 0.0
    decimals: Annotated[WholeNumber, Field(ge=0, le=9)] = 3
    missing_raw: Many[float] = ()
    read_alone: bool = False

    @property
    def step(self) -> float:
        """One raw unit."""
        return abs(self.scale)

    @property
    def end(self) -> int:
        """The address behind its last word or bit."""
        return self.address + self.type.words

    @model_validator(mode="after")
    def _can_be_read(self) -> ModbusRegister:
        found: list[tuple[Place, str]] = []
        if self.end - 1 > _LAST_ADDRESS:
            what = (
                f"a {self.type.value} at {self.address} ends at {self.end - 1}, and the last address is {_LAST_ADDRESS}"
            )
            found.append((("address",), what))
        if self.table.of_bits and self.type.words > 1:
            what = f"a {self.table.value} holds one bit, no {self.type.value}: say bit, or name another table"
            found.append((("type",), what))
        limits = self.type.raw_range
        for n, raw in enumerate(self.missing_raw):
            if limits is not None and not (limits[0] <= raw <= limits[1] and raw == int(raw)):
                what = f"a {self.type.value} is never {raw:g}: it holds whole numbers from {limits[0]} to {limits[1]}"
                found.append((("missing_raw", n), what))
        if found:
            raise refusals("ModbusRegister", found)
        return self


class ModbusModel(DeviceModel):
    """A device file of a Modbus device.

    max_registers_per_read: words that it gives in one reply; V1.1b3, 6.3 allows 125.
    max_gap: unwanted registers worth reading over to save a request.
    """

    max_registers_per_read: Annotated[WholeNumber, Field(ge=1, le=125)] = 100
    max_gap: Annotated[WholeNumber, Field(ge=0, le=64)] = 8
    registers: Some[ModbusRegister]

    @model_validator(mode="after")
    def _map_makes_sense(self) -> ModbusModel:
        found: list[tuple[Place, str]] = []
        for n, register in enumerate(self.registers):
            if not register.table.of_bits and register.type.words > self.max_registers_per_read:
                what = (
                    f"a {register.type.value} takes {register.type.words} registers, and max_registers_per_read is "
                    f"{self.max_registers_per_read}: the device could not be asked for it"
                )
                found.append((("registers", n, "type"), what))
        for n, what in _clashes(self.registers):
            found.append((("registers", n, "address"), what))
        if found:
            raise refusals("ModbusModel", found)
        return self


def _clashes(registers: tuple[ModbusRegister, ...]) -> Iterator[tuple[int, str]]:
    """Registers that cannot both be meant: read from the same words alike, or from words cut in two by another.

    One register within another is common: two halves, or bits, of a status word.
    """
    order = sorted(range(len(registers)), key=lambda n: (registers[n].table.value, registers[n].address, n))
    seen: dict[tuple[object, ...], str] = {}
    before: list[ModbusRegister] = []
    for n in order:
        r = registers[n]
        twin = seen.setdefault((r.table, r.address, r.type, r.order, r.scale, r.offset, r.quantity), r.name)
        if twin != r.name:
            yield n, f"{twin!r} is the same value from the same place: give {r.name!r} its own address"
        before = [b for b in before if b.table is r.table and b.end > r.address]
        for b in before:
            if b.address < r.address and b.end < r.end:
                inside = f"{b.name!r} ({b.type.value} at {b.address}, to {b.end - 1})"
                yield n, f"{r.name!r} begins within {inside} and ends behind it: an address or a type is wrong"
        before.append(r)


def _unit(allowed: str, *also: int) -> AfterValidator:
    def check(unit: int) -> int:
        if not (1 <= unit <= 247 or unit in also):
            raise refusal(f"no Modbus unit {unit}: {allowed}")
        return unit

    return AfterValidator(check)


class RtuDevice(Device):
    """unit: 1 to 247. Modbus over serial line V1.02, 2.2: 0 speaks to all, and nobody answers; 248 to 255 are
    reserved."""

    unit: Annotated[WholeNumber, _unit("on a serial line units are 1 to 247")]


class TcpDevice(Device):
    """unit: 1 to 247, of a device behind a gateway; also 255 or 0, of one that has the port to itself (the unit
    identifier of Modbus messaging on TCP/IP V1.0b)."""

    unit: Annotated[WholeNumber, _unit("units are 1 to 247, or 255 or 0 of a device with a port of its own", 0, 255)]


class ModbusRtuBus(SerialBus):
    """Modbus RTU on a serial line (Modbus over serial line V1.02)."""

    protocol: ClassVar[str] = NAME
    kind: Literal["modbus_rtu"] = "modbus_rtu"
    devices: tuple[RtuDevice, ...] = ()


class ModbusTcpBus(TcpBus):
    """Modbus TCP (Modbus messaging on TCP/IP V1.0b)."""

    protocol: ClassVar[str] = NAME
    kind: Literal["modbus_tcp"] = "modbus_tcp"
    devices: tuple[TcpDevice, ...] = ()


DEFINITION = ProtocolDefinition(NAME, ModbusModel, (ModbusTcpBus, ModbusRtuBus))
