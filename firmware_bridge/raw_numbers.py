"""Where a raw number stands on a Modbus device, and how its words make it: what every register, part of a sum,
condition and scale of a device file has in common. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, FailFast, Field, model_validator

from contract.catalogue.devices import WholeNumber
from contract.refusing import Place, refusal, refusals
from contract.settings_model import SettingsModel
from firmware_bridge.register_types import RegisterType, Table, byte_order, nearest, number_of, words_of

LAST_ADDRESS = 65535

# What is known of a device's tables: table and address -> word; of a coil or discrete input, its bit.
Words = Mapping[tuple[Table, int], int]
Number = int | float


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """`count` words (bits of a coil or discrete table) from `address` on that must come in one reply."""

    table: Table
    address: int
    count: int

    @property
    def end(self) -> int:
        """The address behind the last."""
        return self.address + self.count


def _plain(found: object) -> Number:
    if isinstance(found, str):
        with suppress(ValueError):
            plain = found.strip().lower().lstrip("+-")
            found = (
                int(found, 0 if plain.startswith("0x") else 10)
                if plain[:2] == "0x" or plain.isdecimal()
                else float(found)
            )
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise refusal(f"{found!r} is no number: write a raw value, or [lowest, highest] for a range of them")
    return found


def _codes(found: object) -> object:
    if not isinstance(found, list | tuple):
        return _plain(found)
    if len(found) != 2:
        raise refusal(f"a range has two ends, [lowest, highest], not {len(found)} numbers")
    low, high = _plain(found[0]), _plain(found[1])
    if low > high:
        raise refusal(f"{low:g} to {high:g} is upside down: write the lower end first")
    return low, high


# A raw value, or a range of them with both its ends.
Codes = Annotated[int | float | tuple[int | float, int | float], BeforeValidator(_codes)]
CodeList = Annotated[tuple[Codes, ...], FailFast()]


def _known_order(order: str) -> str:
    for words in (1, 2, 4):
        try:
            byte_order(order, words)
        except ValueError:
            continue
        return order
    raise refusal(
        f"no byte order {order!r}: say ABCD, CDAB, BADC or DCBA, or every byte of a 64-bit value as it comes, "
        "such as EFGHABCD"
    )


class RawNumber(SettingsModel):
    """A raw number of a device.

    address: counts from 0, as on the wire. order: how the bytes of the value come, A the most significant: ABCD
    (big-endian), CDAB, BADC or DCBA; of 64 bits likewise by words and bytes, or all eight in their order. half: of an
    8-bit value, which half of its word (low). bit: only that bit of the word, 0 the least significant. mask, shift:
    (raw and mask) shifted right; of a signed type the mask's highest bit is the sign. missing_raw: values, or ranges
    of them, by which the device says "no reading", as the type holds them and before bit, mask and shift; of a signed
    type also as its bits are printed (65535 of an int16 is -1).
    """

    address: Annotated[WholeNumber, Field(ge=0, le=LAST_ADDRESS)] = 0
    type: RegisterType = RegisterType.UINT16
    order: Annotated[str, Field(pattern="^[A-H]{2,8}$"), AfterValidator(_known_order)] = "ABCD"
    half: Literal["high", "low"] | None = None
    bit: Annotated[WholeNumber, Field(ge=0, le=63)] | None = None
    mask: Annotated[WholeNumber, Field(ge=1, lt=2**64)] | None = None
    shift: Annotated[WholeNumber, Field(ge=0, le=63)] = 0
    missing_raw: CodeList = ()

    @property
    def kind(self) -> RegisterType:
        """The type of its words: a single bit is one of a word of 16."""
        return RegisterType.UINT16 if self.type is RegisterType.BIT and self.bit is not None else self.type

    @property
    def end(self) -> int:
        """The address behind its last word or bit."""
        return self.address + self.type.words

    @property
    def shape(self) -> tuple[object, ...]:
        """What tells it from another number of the same table."""
        return self.address, self.type, self.order, self.half, self.bit, self.mask, self.shift

    @model_validator(mode="after")
    def _can_be_read(self) -> RawNumber:
        found = [*self._place_mistakes(), *self._cut_mistakes()]
        for n, code in enumerate(self.missing_raw):
            if what := self._never(code):
                found.append((("missing_raw", n), what))
        if found:
            raise refusals("RawNumber", found)
        return self

    def _place_mistakes(self) -> list[tuple[Place, str]]:
        found: list[tuple[Place, str]] = []
        if self.end - 1 > LAST_ADDRESS:
            what = f"a {self.type} at {self.address} ends at {self.end - 1}, and the last address is {LAST_ADDRESS}"
            found.append((("address",), what))
        if self.type.of_half_a_word and "order" in self.model_fields_set:
            found.append((("order",), f"a {self.type} has one byte: say which with half: high or half: low"))
        elif not self.type.of_half_a_word and self.half is not None:
            found.append((("half",), f"a {self.type} takes whole words: half is for uint8 and int8"))
        else:
            try:
                byte_order(self.order, self.type.words)
            except ValueError:
                bytes_ = 2 * self.type.words
                what = (
                    f"{self.order!r} is no order for the {bytes_} bytes of a {self.type}: say ABCD, CDAB, BADC or DCBA"
                )
                found.append((("order",), what))
        return found

    def _cut_mistakes(self) -> list[tuple[Place, str]]:
        """Of bit, mask and shift."""
        if self.bit is None and self.mask is None and not self.shift:
            return []
        key, what = "", ""
        if self.bit is not None and (self.mask is not None or self.shift):
            key, what = "bit", "bit with mask or shift: say one of them, a mask for several bits together"
        elif not self.kind.whole:
            key = "bit" if self.bit is not None else "mask" if self.mask is not None else "shift"
            what = f"a {self.type} has no bits to take: {key} is for int and uint types"
        elif self.bit is not None and self.bit >= self.kind.bits:
            key, what = "bit", f"a {self.kind} has bits 0 to {self.kind.bits - 1}, no bit {self.bit}"
        elif self.mask is not None and self.mask >= 2**self.kind.bits:
            key, what = "mask", f"mask {self.mask:#x} is wider than a {self.type}: it has {self.kind.bits} bits"
        elif (self.mask if self.mask is not None else 2**self.kind.bits - 1) >> self.shift == 0:
            key, what = "shift", f"nothing is left after a shift by {self.shift}: it is wider than the mask"
        return [((key,), what)] if key else []

    def _never(self, code: Number | tuple[Number, Number]) -> str:
        """Why the type never holds such a code; "" when it does."""
        limits = self.kind.raw_range
        if limits is None:
            return ""
        highest = 2**self.kind.bits - 1 if self.kind.signed else limits[1]
        low, high = code if isinstance(code, tuple) else (code, code)
        for raw in (low, high):
            if not (limits[0] <= raw <= highest and raw == int(raw)):
                return f"a {self.type} is never {raw:g}: it holds whole numbers from {limits[0]} to {limits[1]}"
        if low < 0 and high > limits[1]:
            return f"{low:g} to {high:g} mixes signed values and bit patterns: write two ranges"
        return ""


def span(source: RawNumber, table: Table) -> Span:
    """What must be read for it."""
    return Span(table, source.address, 1 if table.of_bits else source.type.words)


def read_raw(source: RawNumber, table: Table, words: Words) -> Number | None:
    """The raw number; None where the device says that it has none. Raises KeyError when a word is not there."""
    kind, first = source.kind, source.address
    if table.of_bits:
        number: Number | None = int(bool(words[table, first]))
    else:
        own = [words[table, at] for at in range(first, first + kind.words)]
        number = number_of(kind, source.order, own, source.half == "high")
    if number is None or (source.missing_raw and any(matches(kind, code, number) for code in source.missing_raw)):
        return None
    if source.bit is not None:
        return int(number) >> source.bit & 1
    if source.mask is None and not source.shift:
        return number
    mask = source.mask if source.mask is not None else 2**kind.bits - 1
    field = (int(number) & mask) >> source.shift
    width = mask.bit_length() - source.shift
    return field - 2**width if kind.signed and field >> (width - 1) else field


def write_raw(source: RawNumber, table: Table, raw: Number, words: MutableMapping[tuple[Table, int], int]) -> None:
    """Puts the words in which a device holds a raw number among `words`; what shares a word with it stays.

    Out of the type's range, the nearest it can hold. A NaN is for floats alone.
    """
    addresses = range(source.address, span(source, table).end)
    if table.of_bits:
        words[table, source.address] = int(raw != 0)
        return
    kind = source.kind
    held = [words.get((table, at), 0) for at in addresses]
    if kind.of_half_a_word:
        (half,) = words_of(kind, source.order, raw, source.half == "high")
        other = 0x00FF if source.half == "high" else 0xFF00
        new = [held[0] & other | half]
    elif source.bit is None and source.mask is None and not source.shift:
        new = words_of(kind, source.order, raw)
    else:
        new = _with_field(source, raw, held)
    words.update(((table, at), word) for at, word in zip(addresses, new, strict=True))


def matches(kind: RegisterType, code: Number | tuple[Number, Number], number: Number) -> bool:
    """Whether a number is the code, or within its range, as the type holds them."""
    low, high = code if isinstance(code, tuple) else (code, code)
    if kind.floating:
        return nearest(kind, low) <= number <= nearest(kind, high)
    if kind.signed and high > 2 ** (kind.bits - 1) - 1:  # as its bits are printed
        number = int(number) % 2**kind.bits
    return low <= number <= high


def _with_field(source: RawNumber, raw: Number, held: list[int]) -> list[int]:
    """The words with the bits that are this number's own set to it."""
    kind = source.kind
    unsigned = RegisterType(kind.value.removeprefix("u").replace("int", "uint"))
    if source.bit is not None:
        mask, shift, raw = 1 << source.bit, source.bit, int(raw != 0)
    else:
        mask, shift = source.mask if source.mask is not None else 2**kind.bits - 1, source.shift
    width = mask.bit_length() - shift
    low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if kind.signed and source.bit is None else (0, 2**width - 1)
    field = min(max(round(raw), low), high) % 2**width << shift & mask
    before = number_of(unsigned, source.order, held)
    assert isinstance(before, int)
    whole = number_of(kind, source.order, held)
    if any(matches(kind, code, whole or 0) for code in source.missing_raw):  # else it would say "no reading" still
        before = 0
    return words_of(unsigned, source.order, before & ~mask | field)
