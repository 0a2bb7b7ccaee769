"""What the words of a Modbus device may be: types, tables, and the order in which words and bytes come. Pure.

Words are what the wire carries, 16 bits each, most significant byte first (Modbus application protocol V1.1b3, 4.2);
which word and which byte of a longer value comes first is each maker's choice.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Self

_STRAIGHT = ("ABCD", "CDAB", "AB")  # of one word
_FLOATS = {"float16": ">e", "float32": ">f", "float64": ">d"}


class RegisterType(StrEnum):
    """What the words of a register are; floats as in IEEE 754, negative integers as two's complement.

    8 bits are one half of a word. bcd: four decimal digits a word, each in four bits (8-4-2-1). words: how many words
    of 16 bits it takes (of a coil or discrete input: bits). bits: how many its number has. whole: a binary integer, of
    which bits may be taken. raw_range: the least and the greatest raw value; None of a float.
    """

    # Told once for each: they are asked for at every reading.
    words: int
    bits: int
    of_half_a_word: bool
    floating: bool
    decimal_digits: bool
    whole: bool
    signed: bool
    raw_range: tuple[int, int] | None

    def __new__(cls, name: str) -> Self:
        made = str.__new__(cls, name)
        made._value_ = name
        made.floating = name in _FLOATS
        made.decimal_digits = name.startswith("bcd")
        made.whole = name.startswith(("int", "uint"))
        made.signed = name.startswith("int")
        made.of_half_a_word = name.endswith("int8")
        made.words = {"32": 2, "64": 4}.get(name[-2:], 1)
        made.bits = 1 if name == "bit" else 8 if made.of_half_a_word else 16 * made.words
        if made.floating:
            made.raw_range = None
        elif made.decimal_digits:
            made.raw_range = 0, 10 ** (made.bits // 4) - 1
        elif made.signed:
            made.raw_range = -(2 ** (made.bits - 1)), 2 ** (made.bits - 1) - 1
        else:
            made.raw_range = 0, 2**made.bits - 1
        return made

    BIT = "bit"
    UINT8 = "uint8"
    INT8 = "int8"
    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT16 = "float16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    BCD64 = "bcd64"


class Table(StrEnum):
    """Modbus data tables (Modbus application protocol V1.1b3, 4.3). of_bits: it holds single bits; else words of 16."""

    of_bits: bool

    def __new__(cls, name: str) -> Self:
        made = str.__new__(cls, name)
        made._value_ = name
        made.of_bits = name in ("coil", "discrete")
        return made

    # Words are looked up by table and address, at every reading: an enum's own hash takes ten times as long.
    __hash__ = str.__hash__

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


@lru_cache(256)
def byte_order(order: str, words: int) -> str:
    """Which byte of the value, A the most significant, each byte of the wire is. Raises ValueError for no such order.

    order: as device files write it. Of four letters, of a value of another width: its bytes swapped within words
    (BADC), its words reversed (CDAB), both (DCBA), or neither (ABCD). Else a letter for each byte of the value.

    >>> byte_order("CDAB", 4), byte_order("BADC", 1), byte_order("EFGHABCD", 4)
    ('GHEFCDAB', 'BA', 'EFGHABCD')
    """
    straight = "ABCDEFGH"[: 2 * words]
    pairs = [straight[i : i + 2] for i in range(0, len(straight), 2)]
    if order in ("ABCD", "CDAB", "BADC", "DCBA"):
        if order in ("CDAB", "DCBA"):
            pairs.reverse()
        return "".join(pair[::-1] if order in ("BADC", "DCBA") else pair for pair in pairs)
    told = [order[i : i + 2] for i in range(0, len(order), 2)]
    for swapped in (False, True):
        if sorted(pair[::-1] if swapped else pair for pair in told) == pairs:
            return order
    raise ValueError(f"{order!r} is no order of {2 * words} bytes")


def is_plain_word(kind: RegisterType, order: str) -> bool:
    """Whether its number is one word as it stands, but for its sign."""
    return kind.words == 1 and kind.whole and not kind.of_half_a_word and order in _STRAIGHT


def number_of(kind: RegisterType, order: str, words: Sequence[int], high_half: bool = False) -> float | int | None:
    """The raw number in these words, exact; None of bcd whose digits are none, and of a float that is no number.

    high_half: which half of its word an 8-bit value is.
    """
    if kind is RegisterType.BIT:
        return int(bool(words[0]))
    if kind.of_half_a_word:
        half = (words[0] >> 8 if high_half else words[0]) & 0xFF
        return half - 256 if kind.signed and half > 127 else half
    if kind.words == 1 and kind.whole and order in _STRAIGHT:
        return words[0] - 65536 if kind.signed and words[0] > 32767 else words[0]
    data = _from_wire(struct.pack(f">{len(words)}H", *words), byte_order(order, kind.words))
    if kind.floating:
        number: float = struct.unpack(_FLOATS[kind], data)[0]
        return number if number - number == 0 else None
    if kind.decimal_digits:
        digits = data.hex()
        return int(digits) if digits.isdecimal() else None
    return int.from_bytes(data, "big", signed=kind.signed)


def words_of(kind: RegisterType, order: str, number: float, high_half: bool = False) -> list[int]:
    """The words that hold a number; out of the type's range, the nearest it can hold. NaN: of a float only.

    Of an 8-bit value the other half of the word is 0.
    """
    limits = kind.raw_range
    if limits is None:
        data = _float_bytes(kind, number)
        return _to_words(_to_wire(data, byte_order(order, kind.words)))
    whole = min(max(round(number), limits[0]), limits[1])
    if kind is RegisterType.BIT:
        return [int(number != 0)]
    if kind.of_half_a_word:
        return [(whole & 0xFF) << 8 if high_half else whole & 0xFF]
    size = 2 * kind.words
    if kind.decimal_digits:
        data = bytes.fromhex(str(whole).rjust(2 * size, "0"))
    else:
        data = whole.to_bytes(size, "big", signed=kind.signed)
    return _to_words(_to_wire(data, byte_order(order, kind.words)))


def nearest(kind: RegisterType, number: float) -> float:
    """A number as the type holds it: 999.99 of a float32 is 999.989990234375; whole types hold it as it is."""
    if not kind.floating or number - number != 0:
        return number
    value: float = struct.unpack(_FLOATS[kind], _float_bytes(kind, number))[0]
    return value


def _float_bytes(kind: RegisterType, number: float) -> bytes:
    try:
        return struct.pack(_FLOATS[kind], float(number))
    except OverflowError:
        greatest = {"float16": 65504.0, "float32": (2 - 2**-23) * 2.0**127, "float64": sys.float_info.max}[kind.value]
        return struct.pack(_FLOATS[kind], greatest if number > 0 else -greatest)


def _from_wire(data: bytes, order: str) -> bytes:
    return bytes([data[at] for at in _places(order)])


@lru_cache(256)
def _places(order: str) -> tuple[int, ...]:
    """Where on the wire each byte of the value is, the most significant first."""
    return tuple(order.index(letter) for letter in sorted(order))


def _to_wire(data: bytes, order: str) -> bytes:
    return bytes(data[ord(letter) - 65] for letter in order)


def _to_words(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data))
