"""Types and orders: every one there and back, and the words that makers print."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.register_types import RegisterType, byte_order, nearest, number_of, words_of

ORDERS = {
    1: ["ABCD", "CDAB", "BADC", "DCBA", "AB", "BA"],
    2: ["ABCD", "CDAB", "BADC", "DCBA"],
    4: ["ABCD", "CDAB", "BADC", "DCBA"]
    + ["".join(pairs) for pairs in permutations(("AB", "CD", "EF", "GH"))]
    + ["".join(pairs) for pairs in permutations(("BA", "DC", "FE", "HG"))],
}
WIDE = [(kind, order) for kind in RegisterType for order in ORDERS[kind.words]]


@pytest.mark.parametrize(
    ("kind", "order", "words", "number"),
    [
        ("int8", "ABCD", [0x12FE], -2),
        ("uint8", "ABCD", [0x12FE], 254),
        ("int16", "ABCD", [0xFFFF], -1),
        ("int16", "BA", [0xFEFF], -2),
        ("uint32", "CDAB", [0x0001, 0x0002], 0x20001),
        ("int32", "DCBA", [0xFFFF, 0xFF7F], 0x7FFFFFFF),
        ("uint64", "ABCD", [0, 0, 0x0001, 0x0002], 65538),
        ("uint64", "GHEFCDAB", [0x0002, 0x0001, 0, 0], 65538),
        ("uint64", "EFGHABCD", [0x0001, 0x0002, 0, 0], 65538),
        ("int64", "ABCD", [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], -2),
        ("uint64", "ABCD", [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF], 2**64 - 1),
        ("float16", "ABCD", [0x3E00], 1.5),
        ("float32", "CDAB", [0x0000, 0x3FC0], 1.5),
        ("float64", "ABCD", [0x3FF8, 0, 0, 0], 1.5),
        ("float64", "CDAB", [0, 0, 0, 0x3FF8], 1.5),
        ("bcd16", "ABCD", [0x1234], 1234),
        ("bcd16", "BA", [0x3412], 1234),
        ("bcd32", "ABCD", [0x1234, 0x5678], 12345678),
        ("bcd32", "CDAB", [0x5678, 0x1234], 12345678),
        ("bcd64", "ABCD", [0x0000, 0x0012, 0x3456, 0x7890], 1234567890),
    ],
)
def test_words_as_makers_print_them(kind: str, order: str, words: list[int], number: float) -> None:
    assert number_of(RegisterType(kind), order, words) == number
    expected = [words[0] & 0xFF] if kind.endswith("int8") else words
    assert words_of(RegisterType(kind), order, number) == expected


@given(st.sampled_from(WIDE), st.data())
def test_every_type_in_every_order_survives_the_way(case: tuple[RegisterType, str], data: st.DataObject) -> None:
    kind, order = case
    if kind.floating:
        width = {"float16": 16, "float32": 32, "float64": 64}[kind.value]
        number = data.draw(st.floats(width=width, allow_nan=False, allow_infinity=False))
    else:
        number = data.draw(st.integers(*(kind.raw_range or (0, 0))))
    high = data.draw(st.booleans())
    words = words_of(kind, order, number, high)
    assert len(words) == kind.words
    assert all(0 <= word <= 65535 for word in words)
    assert number_of(kind, order, words, high) == number


@given(st.sampled_from([case for case in WIDE if not case[0].of_half_a_word]), st.data())
def test_every_word_that_means_a_number_comes_back(case: tuple[RegisterType, str], data: st.DataObject) -> None:
    kind, order = case
    most = 1 if kind is RegisterType.BIT else 65535
    words = data.draw(st.lists(st.integers(0, most), min_size=kind.words, max_size=kind.words))
    number = number_of(kind, order, words)
    if number is not None:
        assert words_of(kind, order, number) == words


def test_what_is_no_number_is_none() -> None:
    assert number_of(RegisterType.BCD16, "ABCD", [0x12A4]) is None
    assert number_of(RegisterType.FLOAT32, "ABCD", [0x7FC0, 0]) is None
    assert number_of(RegisterType.FLOAT16, "ABCD", [0x7C00]) is None


def test_out_of_range_is_the_nearest() -> None:
    assert words_of(RegisterType.INT8, "ABCD", 200) == [127]
    assert words_of(RegisterType.BCD16, "ABCD", 12345) == [0x9999]
    assert words_of(RegisterType.FLOAT16, "ABCD", 1e9) == [0x7BFF]
    assert words_of(RegisterType.FLOAT16, "ABCD", -(10**400)) == [0xFBFF]
    assert words_of(RegisterType.FLOAT64, "ABCD", 10**400) == [0x7FEF, 0xFFFF, 0xFFFF, 0xFFFF]
    assert words_of(RegisterType.FLOAT32, "ABCD", -1e99) == [0xFF7F, 0xFFFF]
    assert words_of(RegisterType.FLOAT32, "ABCD", math.nan)[0] & 0x7FC0 == 0x7FC0


@pytest.mark.parametrize(("order", "words"), [("ABDC", 2), ("AB", 2), ("ABCDEFGH", 2), ("BACDEFGH", 4), ("", 1)])
def test_an_order_that_is_none_is_refused(order: str, words: int) -> None:
    with pytest.raises(ValueError, match="is no order"):
        byte_order(order, words)


def test_a_float_is_what_its_type_holds() -> None:
    assert nearest(RegisterType.FLOAT32, 999.99) == 999.989990234375
    assert nearest(RegisterType.UINT16, 999.99) == 999.99
