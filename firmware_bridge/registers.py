"""Modbus words <-> numbers, as a device file's `ModbusRegister` says.

value = round(raw x scale + offset, decimals). Words are what the wire carries,
16 bits each, most significant byte first (Modbus application protocol V1.1b3,
4.2); which word and byte of a longer value comes first is each maker's choice.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from firmware_bridge.modbus import ModbusRegister, RegisterType

_FORMAT = {
    RegisterType.BIT: ">H",
    RegisterType.UINT16: ">H",
    RegisterType.INT16: ">h",
    RegisterType.UINT32: ">I",
    RegisterType.INT32: ">i",
    RegisterType.FLOAT32: ">f",
    RegisterType.FLOAT64: ">d",
}
_FLOATS = (RegisterType.FLOAT32, RegisterType.FLOAT64)


def width(register: ModbusRegister) -> int:
    """How many words (or bits, of a coil or discrete input) the register takes."""
    return register.type.words


def decode(register: ModbusRegister, words: Sequence[int]) -> float:
    """The value in the channel's unit; NaN where the device says "no reading", or says NaN or infinity.

    words: as they came, each 0 to 65535; of a coil or discrete input its bit. Raises ValueError when their number is
    not `width(register)`.
    """
    if len(words) != width(register):
        raise ValueError(f"{register.name} takes {width(register)} words, got {len(words)}")
    if register.type is RegisterType.BIT:
        raw = float(bool(words[0]))
    else:
        raw = float(
            struct.unpack(_FORMAT[register.type], _arrange(struct.pack(f">{len(words)}H", *words), register.order))[0]
        )
    if not math.isfinite(raw) or raw in register.missing_raw:
        return math.nan
    value = raw * register.scale + register.offset
    return round(value, register.decimals) if math.isfinite(value) else math.nan


def encode(register: ModbusRegister, value: float) -> list[int]:
    """The words a device would hold for a value; out of its range, the nearest it can hold.

    NaN becomes the register's first `missing_raw`, or a float's NaN; ValueError when it has neither.
    """
    if math.isnan(value):
        if register.missing_raw:
            raw: float = register.missing_raw[0]
        elif register.type in _FLOATS:
            raw = math.nan
        else:
            raise ValueError(f"{register.name} has no raw value that means missing")
    else:
        raw = (value - register.offset) / register.scale
    if register.type is RegisterType.BIT:
        return [int(raw != 0)]
    form = _FORMAT[register.type]
    limits = register.type.raw_range
    data = struct.pack(form, raw if limits is None else min(max(round(raw), limits[0]), limits[1]))
    return list(struct.unpack(f">{len(data) // 2}H", _arrange(data, register.order)))


def _arrange(data: bytes, order: str) -> bytes:
    """Between a maker's order and big-endian; each order is its own inverse."""
    if order in ("BADC", "DCBA"):  # bytes swapped within words
        data = b"".join(data[i + 1 : i + 2] + data[i : i + 1] for i in range(0, len(data), 2))
    if order in ("CDAB", "DCBA"):  # words the other way round
        data = b"".join(data[i : i + 2] for i in range(len(data) - 2, -1, -2))
    return data
