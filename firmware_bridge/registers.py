"""Modbus words <-> numbers, as a device file's `ModbusRegister` says. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, MutableMapping, Sequence
from functools import partial
from typing import NamedTuple

from firmware_bridge.modbus_register import Condition, ModbusRegister, ScaleFrom
from firmware_bridge.raw_numbers import Number, Words, matches, read_raw, span, write_raw
from firmware_bridge.register_types import Table, is_plain_word


def width(register: ModbusRegister) -> int:
    """How many words (or bits, of a coil or discrete input) there are from its first to its last. Raises ValueError
    when they do not stand in one table."""
    first, *_, last = [*register.spans()] * 2
    if first.table is not last.table:
        raise ValueError(f"{register.name} takes words of tables {first.table} and {last.table}: use value_of")
    return last.end - first.address


def decode(register: ModbusRegister, words: Sequence[int]) -> float:
    """`value_of` a register whose words stand in one table.

    words: from its first address on, as they came, each 0 to 65535; of a coil or discrete input its bit. Raises
    ValueError when their number is not `width(register)`.
    """
    if len(words) != width(register):
        raise ValueError(f"{register.name} takes {width(register)} words, got {len(words)}")
    first = register.spans()[0]
    return value_of(register, {(first.table, first.address + n): word for n, word in enumerate(words)})


def encode(register: ModbusRegister, value: float) -> list[int]:
    """`write_value` of a register whose words stand in one table: its words, and 0 for what is not its own."""
    words: dict[tuple[Table, int], int] = {}
    write_value(register, value, words)
    first = register.spans()[0]
    return [words.get((first.table, first.address + n), 0) for n in range(width(register))]


def value_of(register: ModbusRegister, words: Words) -> float:
    """The value in the channel's unit; NaN where the device says "no reading", says NaN or infinity, has bcd digits
    that are none, or says by another word that the value does not hold.

    words: at least those of `register.spans()`; raises KeyError when one is not there.
    """
    doubts = register.valid_if and [c for c in register.valid_if if not _holds(c, register, words)]
    raw = _raw(register, words)
    factor = 1.0 if register.scale_from is None else _factor(register.scale_from, register, words)
    if doubts or raw is None or factor is None:
        return math.nan
    if register.values is not None:
        meant = register.values.get(int(raw), register.other) if raw == int(raw) else register.other
        value = math.nan if meant is None else meant
    else:
        value = raw * register.scale * factor + register.offset
    if register.is_placed:
        value = register.placed(value)
    return round(value, register.decimals) if math.isfinite(value) else math.nan


def reader_of(register: ModbusRegister) -> Callable[[Words], float]:
    """`value_of` of this register; quicker where it is a plain word, as most are: it is called at every reading."""
    r = register
    if not _is_scaled_word(r):
        return partial(value_of, register)
    place, signed, scale, offset, decimals = (r.table, r.address), r.kind.signed, r.scale, r.offset, r.decimals

    def read(words: Words) -> float:
        raw = words[place]
        return round((raw - 65536 if signed and raw > 32767 else raw) * scale + offset, decimals)

    return read


class Plain(NamedTuple):
    """Of a register that is one word, and its value that word divided: the highest word that is not negative, and by
    what it is divided."""

    highest: int
    divisor: float


def plain(register: ModbusRegister) -> Plain | None:
    """None of any other register. `value_of` gives the same: a word times a power of ten, rounded to at least as many
    decimals, is the float nearest to the quotient."""
    r = register
    if r.offset or not _is_scaled_word(r):
        return None
    divisor = next((10.0**n for n in range(r.decimals + 1) if r.scale == float(f"1e-{n}")), None)
    return None if divisor is None else Plain(32767 if r.kind.signed else 65535, divisor)


def _is_scaled_word(r: ModbusRegister) -> bool:
    beside = r.parts is not None or r.values is not None or bool(r.valid_if) or r.scale_from is not None
    cut = r.bit is not None or r.mask is not None or r.shift > 0 or bool(r.missing_raw)
    return not (beside or cut or r.is_placed or r.table.of_bits) and is_plain_word(r.kind, r.order)


def write_value(register: ModbusRegister, value: float, words: MutableMapping[tuple[Table, int], int]) -> None:
    """Puts the words that a device would hold for a value among `words`; out of its range, the nearest it can hold.

    What the value depends on is written with it: a code by which it holds, a scale of 1 where the words there say
    none. NaN becomes the register's first `missing_raw`, a float's NaN, or a condition that does not hold; raises
    ValueError when it has none of these.
    """
    if math.isnan(value):
        _write_missing(register, words)
        return
    for condition in register.valid_if:
        if not _held(condition, register, words):
            write_raw(condition, condition.table or register.table, _code(condition, good=True), words)
    if register.is_placed:
        value = register.unplaced(value)
    factor = _written_factor(register, value, words)
    if register.values is not None:
        meaning = register.values.items()
        raw: Number = min(meaning, key=lambda pair: abs(pair[1] - value))[0]
    else:
        raw = (value - register.offset) / (register.scale * factor)
    if register.parts is None:
        write_raw(register, register.table, raw, words)
        return
    rest = raw
    for part in sorted(register.parts, key=lambda p: abs(p.weight), reverse=True):
        share = rest / part.weight
        if not part.kind.floating:  # but for the last, what is whole of it; then what is left
            share = math.floor(share + 1e-9) if part.weight * rest > 0 else 0
            limits = part.kind.raw_range or (0, 0)
            share = min(max(share, limits[0]), limits[1])
        write_raw(part, part.table or register.table, share, words)
        rest -= share * part.weight


def _raw(register: ModbusRegister, words: Words) -> Number | None:
    if register.parts is None:
        return read_raw(register, register.table, words)
    numbers = [(part.weight, read_raw(part, part.table or register.table, words)) for part in register.parts]
    if any(number is None for _, number in numbers):
        return None
    return sum(weight * number for weight, number in numbers if number is not None)


def _holds(condition: Condition, register: ModbusRegister, words: Words) -> bool:
    raw = read_raw(condition, condition.table or register.table, words)
    if raw is None:
        return False
    if condition.good:
        return any(matches(condition.kind, code, raw) for code in condition.good)
    return not any(matches(condition.kind, code, raw) for code in condition.bad)


def _factor(source: ScaleFrom, register: ModbusRegister, words: Words) -> float | None:
    raw = read_raw(source, source.table or register.table, words)
    if raw is None:
        return None
    if source.power_of_ten:
        return 10.0**raw if abs(raw) <= 18 else None
    if source.factors:
        return source.factors.get(int(raw)) if raw == int(raw) else None
    return float(raw) if raw else None


def _held(condition: Condition, register: ModbusRegister, words: Words) -> bool:
    """Whether the words that are there make it hold."""
    place = span(condition, condition.table or register.table)
    there = all((place.table, at) in words for at in range(place.address, place.end))
    return there and _holds(condition, register, words)


def _written_factor(register: ModbusRegister, value: float, words: MutableMapping[tuple[Table, int], int]) -> float:
    """What the device's scale is: as its words say, or else made so that it holds the value, and some more."""
    source = register.scale_from
    if source is None:
        return 1.0
    table = source.table or register.table
    place = span(source, table)
    if all((table, at) in words for at in range(place.address, place.end)):
        factor = _factor(source, register, words)
        if factor is not None:
            return factor
    most = (register.kind.raw_range or (0, math.inf))[1] * abs(register.scale)
    raw = max(math.ceil(4 * max(abs(value), 25.0) / most), 1) if most < abs(value) else 1
    if source.power_of_ten or source.factors:
        raw = 0 if source.power_of_ten else min(source.factors)
    write_raw(source, table, raw, words)
    return _factor(source, register, words) or 1.0


def _write_missing(register: ModbusRegister, words: MutableMapping[tuple[Table, int], int]) -> None:
    for number, table in register.numbers():
        write_raw(number, table, 0, words)
    for number, table in register.numbers():
        if number.missing_raw:
            first = number.missing_raw[0]
            whole = number.model_copy(update={"bit": None, "mask": None, "shift": 0, "type": number.kind})
            code = first[0] if isinstance(first, tuple) else first
            if whole.kind.signed and code >= 2 ** (whole.kind.bits - 1):
                code -= 2**whole.kind.bits
            write_raw(whole, table, code, words)
            return
        if number.kind.floating:
            write_raw(number, table, math.nan, words)
            return
    if not register.valid_if:
        raise ValueError(f"{register.name} has no raw value that means missing")
    condition = register.valid_if[0]
    write_raw(condition, condition.table or register.table, _code(condition, good=False), words)


def _code(condition: Condition, good: bool) -> Number:
    """A raw number by which the condition holds, or does not."""
    listed = condition.good or condition.bad
    ends = [code if isinstance(code, tuple) else (code, code) for code in listed]
    if good == bool(condition.good):
        return ends[0][0]
    others = (0, *(high + 1 for _, high in ends), *(low - 1 for low, _ in ends))
    return next(n for n in others if not any(matches(condition.kind, code, n) for code in listed))
