"""Instruments and controllers as Modbus servers, TCP or RTU; a register is worked out at the moment it is read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware_bridge.modbus import ModbusModel
from firmware_bridge.modbus_register import ModbusRegister
from firmware_bridge.register_types import Table
from firmware_bridge.registers import encode, width

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_FUNCTION_TABLE = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}

# What a device holds now, by register name; and what to do with the words it has just answered.
Values = Callable[[], Mapping[str, float]]
Served = Callable[[ModbusRegister, list[int]], None]


@dataclass(slots=True)
class DeviceFaults:
    """dead: no answer at all. exception: refuses every read with this Modbus exception code."""

    dead: bool = False
    exception: int = 0


@dataclass(slots=True)
class ModbusUnit:
    """One device on a bus."""

    unit: int
    model: ModbusModel
    values: Values
    served: Served
    faults: DeviceFaults = field(default_factory=DeviceFaults)

    def sim_device(self) -> SimDevice:
        tables = {table: [r for r in self.model.registers if r.table is table] for table in Table}
        blocks = (
            _bits(tables[Table.COIL]),
            _bits(tables[Table.DISCRETE]),
            _words(tables[Table.HOLDING]),
            _words(tables[Table.INPUT]),
        )
        return SimDevice(self.unit, simdata=blocks, action=self._action)

    async def _action(
        self, function: int, start: int, address: int, count: int, held: list[int], written: object
    ) -> ExcCodes | None:
        if self.faults.dead:
            raise NoSuchIdException(f"unit {self.unit} is dead")
        if self.faults.exception:
            return ExcCodes(self.faults.exception)
        if written is not None:
            return ExcCodes.ILLEGAL_FUNCTION  # instruments here are read, not written
        table = _FUNCTION_TABLE[function]
        bits = table.of_bits
        values = self.values()
        for register in self.model.registers:
            if register.table is not table:
                continue
            words = encode(register, values[register.name])
            if bits:
                word, bit = divmod(register.address, 16)
                held[word - start] = held[word - start] & ~(1 << bit) | (words[0] << bit)
            else:
                held[register.address - start : register.address - start + len(words)] = words
            # Bits come as whole words of sixteen: `count` counts those words.
            asked = (address // 16 * 16, (address // 16 + count) * 16) if bits else (address, address + count)
            if asked[0] <= register.address and register.address + width(register) <= asked[1]:
                self.served(register, words)
        return None


def tcp_server(units: list[ModbusUnit], port: int = 0) -> ModbusTcpServer:
    return ModbusTcpServer(_devices(units), address=("127.0.0.1", port), ignore_missing_devices=True)


def rtu_server(units: list[ModbusUnit], path: str, baud_rate: int) -> ModbusSerialServer:
    return ModbusSerialServer(
        _devices(units), framer=FramerType.RTU, port=path, baudrate=baud_rate, ignore_missing_devices=True
    )


def _devices(units: list[ModbusUnit]) -> list[SimDevice]:
    return [
        SimDevice(0, simdata=[SimData(0, datatype=DataType.REGISTERS)], action=_nobody),
        *(u.sim_device() for u in units),
    ]


async def _nobody(*_: object) -> ExcCodes | None:
    """A unit that is not there says nothing; the library would answer for it."""
    raise NoSuchIdException("no such unit")


def _words(registers: list[ModbusRegister]) -> list[SimData]:
    if not registers:
        return [SimData(0, datatype=DataType.REGISTERS)]
    low = min(r.address for r in registers)
    high = max(r.address + width(r) for r in registers)
    return [SimData(low, count=high - low, values=0, datatype=DataType.REGISTERS)]


def _bits(registers: list[ModbusRegister]) -> list[SimData]:
    words = max((r.address for r in registers), default=0) // 16 + 1
    return [SimData(0, count=words, values=0, datatype=DataType.BITS)]
