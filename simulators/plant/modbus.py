"""Instruments and controllers as Modbus servers, TCP or RTU; a register is worked out at the moment it is read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware_bridge.modbus import ModbusModel
from firmware_bridge.modbus_register import ModbusRegister
from firmware_bridge.raw_numbers import Span, span
from firmware_bridge.register_types import Table
from firmware_bridge.registers import value_of, write_value

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_FUNCTION_TABLE = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}

# What a device holds now, by register name; and what to do with a value that it has just answered.
Values = Callable[[], Mapping[str, float]]
Served = Callable[[ModbusRegister, float], None]


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
        spans = {s for r in self.model.registers for s in r.spans()}
        tables = {table: [s for s in spans if s.table is table] for table in Table}
        blocks = (
            _bits(tables[Table.COIL]),
            _bits(tables[Table.DISCRETE]),
            _words(tables[Table.HOLDING]),
            _words(tables[Table.INPUT]),
        )
        return SimDevice(self.unit, simdata=blocks, action=self._action)

    def holds(self) -> dict[tuple[Table, int], int]:
        """Every word, and every bit of a coil or discrete input, that the device has now."""
        return words_held(self.model.registers, self.values())

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
        words = self.holds()
        for (of, at), word in words.items():
            if of is not table:
                continue
            if table.of_bits:
                held[at // 16 - start] = held[at // 16 - start] & ~(1 << at % 16) | (word << at % 16)
            else:
                held[at - start] = word
        # Bits come as whole words of sixteen: `count` counts those words.
        asked = (address // 16 * 16, (address // 16 + count) * 16) if table.of_bits else (address, address + count)
        for register in self.model.registers:
            own = [span(number, of) for number, of in register.numbers()]
            if all(s.table is table and asked[0] <= s.address and s.end <= asked[1] for s in own):
                self.served(register, value_of(register, words))
        return None


def words_held(registers: Sequence[ModbusRegister], values: Mapping[str, float]) -> dict[tuple[Table, int], int]:
    """What a device has in its tables when its registers have these values, by name; 0.0 of those that are not there.

    Where registers share a word, bits go over whole words, and a register of its own over what others say of a code.
    """
    words: dict[tuple[Table, int], int] = {}
    for register in sorted(registers, key=_late):
        write_value(register, values.get(register.name, 0.0), words)
    return words


def _late(register: ModbusRegister) -> int:
    cut = register.parts is None and (register.bit is not None or register.mask is not None or register.shift > 0)
    half = register.parts is None and register.type.of_half_a_word
    return 2 if cut or half else 0 if register.valid_if or register.scale_from is not None else 1


def tcp_server(units: list[ModbusUnit], port: int = 0, framer: FramerType = FramerType.SOCKET) -> ModbusTcpServer:
    """framer: RTU for a serial server, which carries a line's frames as they are."""
    address = ("127.0.0.1", port)
    return ModbusTcpServer(_devices(units), framer=framer, address=address, ignore_missing_devices=True)


def serial_server(
    units: list[ModbusUnit], path: str, baud_rate: int, framer: FramerType = FramerType.RTU
) -> ModbusSerialServer:
    return ModbusSerialServer(
        _devices(units), framer=framer, port=path, baudrate=baud_rate, ignore_missing_devices=True
    )


def _devices(units: list[ModbusUnit]) -> list[SimDevice]:
    return [
        SimDevice(0, simdata=[SimData(0, datatype=DataType.REGISTERS)], action=_nobody),
        *(u.sim_device() for u in units),
    ]


async def _nobody(*_: object) -> ExcCodes | None:
    """A unit that is not there says nothing; the library would answer for it."""
    raise NoSuchIdException("no such unit")


def _words(spans: list[Span]) -> list[SimData]:
    if not spans:
        return [SimData(0, datatype=DataType.REGISTERS)]
    low = min(s.address for s in spans)
    high = max(s.end for s in spans)
    return [SimData(low, count=high - low, values=0, datatype=DataType.REGISTERS)]


def _bits(spans: list[Span]) -> list[SimData]:
    words = max((s.address for s in spans), default=0) // 16 + 1
    return [SimData(0, count=words, values=0, datatype=DataType.BITS)]
