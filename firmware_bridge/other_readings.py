"""How else the words of a register may be meant, when its value cannot be: another order of bytes, another type. Pure.

Makers write "float" and mean one of four orders, and a wrong one gives a number all the same: 0.1 read with its words
swapped is -1.1e8. So where a value lies outside what the register can show, or is no number, the orders and types are
named by which the same words give a value that it can.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from firmware_bridge.modbus_register import ModbusRegister
from firmware_bridge.raw_numbers import Words, read_raw
from firmware_bridge.register_types import RegisterType, number_of
from firmware_bridge.registers import value_of

_ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
_TYPES = {
    16: (RegisterType.INT16, RegisterType.UINT16),
    32: (RegisterType.FLOAT32, RegisterType.INT32, RegisterType.UINT32),
    64: (RegisterType.FLOAT64, RegisterType.INT64, RegisterType.UINT64),
}
# What instruments show, where the file does not say: beyond, most orders of a float lie.
_LEAST, _MOST = 1e-4, 1e6
_NAMED = 3


def other_readings(register: ModbusRegister, words: Words, within: tuple[float, float] | None) -> list[str]:
    """Words such as "order: CDAB would be 0.1"; [] of a value that can be, and of one that the device says is none.

    within: the least and the greatest value that there can be (`fail_range`); None: nobody said.
    """
    plain = register.parts is None and register.values is None and register.bit is None and register.mask is None
    kind = register.type
    if not plain or register.table.of_bits or register.shift or kind.bits not in _TYPES:
        return []
    own = [words[register.table, register.address + n] for n in range(kind.words)]
    value = value_of(register, words)
    if _can_be(value, within) and not (value == 0 and any(own) and kind.floating):  # 1e-40 shows as 0
        return []
    said_missing = read_raw(register, register.table, words) is None
    if said_missing and not (kind.floating and number_of(kind, register.order, own) is None):
        return []
    if kind.words > 1 and len(set(own)) == 1:  # 0, or FFFF: the same in every order
        return []
    found: dict[float, str] = {}
    for said, value in _others(register, words):
        if value != 0 and _can_be(value, within):
            found.setdefault(value, said)
    return [f"{said} would be {value:g}" for value, said in list(found.items())[:_NAMED]]


def _others(register: ModbusRegister, words: Words) -> Iterator[tuple[str, float]]:
    """The nearest at hand first."""
    for kind in (register.type, *(k for k in _TYPES[register.type.bits] if k is not register.type)):
        for order in _ORDERS:
            if kind.words == 1 and order not in ("ABCD", "BADC"):
                continue
            changed = {"order": order} if order != register.order else {}
            if kind is not register.type:
                changed["type"] = kind
            if changed:
                said = ", ".join(f"{key}: {_as_written(kind, what)}" for key, what in sorted(changed.items()))
                yield said, value_of(register.model_copy(update=changed), words)


def _as_written(kind: RegisterType, what: str) -> str:
    return {"ABCD": "AB", "BADC": "BA"}.get(what, what) if kind.words == 1 else what


def _can_be(value: float, within: tuple[float, float] | None) -> bool:
    if math.isnan(value):
        return False
    if within is not None:
        return within[0] <= value <= within[1]
    return value == 0 or _LEAST <= abs(value) <= _MOST
