"""Raw numbers: halves, bits, masks and shifts, and the codes that mean there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from firmware_bridge.raw_numbers import RawNumber, Span, read_raw, span, write_raw
from firmware_bridge.register_types import Table

HOLDING = Table.HOLDING


def raw(words: list[int], **settings: object) -> float | None:
    source = RawNumber.model_validate({"address": 7, **settings})
    return read_raw(source, HOLDING, {(HOLDING, 7 + n): word for n, word in enumerate(words)})


@pytest.mark.parametrize(
    ("settings", "words", "number"),
    [
        ({"type": "uint8", "half": "high"}, [0x12FE], 0x12),
        ({"type": "int8", "half": "low"}, [0x12FE], -2),
        ({"type": "int8"}, [0x12FE], -2),
        ({"bit": 0}, [0x8001], 1),
        ({"bit": 15}, [0x8001], 1),
        ({"bit": 3}, [0x8001], 0),
        ({"type": "bit", "bit": 15}, [0x8000], 1),
        ({"type": "uint32", "bit": 16}, [0x0001, 0x0000], 1),
        ({"type": "uint32", "order": "CDAB", "bit": 16}, [0x0000, 0x0001], 1),
        ({"mask": 0x0F00, "shift": 8}, [0x1A34], 0xA),
        ({"mask": 0x0F00}, [0x1A34], 0xA00),
        ({"shift": 4}, [0x1A34], 0x1A3),
        ({"type": "int16", "shift": 4}, [0xFFF0], -1),  # a signed value of 12 bits in the upper ones
        ({"type": "int16", "mask": 0x0FFF}, [0x0FFE], -2),
        ({"type": "int16", "mask": 0x0FFF}, [0xF7FE], 0x7FE),
    ],
)
def test_a_part_of_a_word(settings: dict[str, object], words: list[int], number: float) -> None:
    assert raw(words, **settings) == number


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"type": "int16", "missing_raw": [65535]}, [0xFFFF]),
        ({"type": "int16", "missing_raw": [-1]}, [0xFFFF]),
        ({"type": "int16", "missing_raw": [[65530, 65535]]}, [0xFFFA]),
        ({"type": "int16", "missing_raw": [32767]}, [0x7FFF]),
        ({"type": "int32", "missing_raw": [0x7FFFFFFF]}, [0x7FFF, 0xFFFF]),
        ({"type": "int32", "missing_raw": [0x80000000]}, [0x8000, 0]),
        ({"type": "int32", "missing_raw": ["0x7FFFFFFF"]}, [0x7FFF, 0xFFFF]),
        ({"missing_raw": ["65535"]}, [0xFFFF]),
        ({"type": "int64", "missing_raw": [2**63 - 1]}, [0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF]),
        ({"type": "float32", "missing_raw": [999.99]}, [0x4479, 0xFF5C]),
        ({"type": "float32", "missing_raw": [[-9999.9, -9999.9]]}, [0xC61C, 0x3F9A]),
        ({"type": "float16", "missing_raw": [0.1]}, [0x2E66]),
        ({"missing_raw": [[65520, 65534], 65535]}, [0xFFF5]),
        ({"missing_raw": [0xFFFF], "bit": 2}, [0xFFFF]),  # the whole word says so
        ({"type": "bcd16"}, [0xFFFF]),
    ],
)
def test_no_reading(settings: dict[str, object], words: list[int]) -> None:
    assert raw(words, **settings) is None


@pytest.mark.parametrize(
    ("settings", "words", "number"),
    [
        ({"type": "int64", "missing_raw": [2**63 - 1]}, [0x7FFF, 0xFFFF, 0xFFFF, 0xFFFE], 2**63 - 2),
        ({"missing_raw": [[65520, 65534]]}, [0xFFFF], 65535),
        ({"type": "int16", "missing_raw": [65535]}, [0xFFFE], -2),
        ({"type": "float32", "missing_raw": [999.99]}, [0x4479, 0xFF5D], 999.99005126953125),
    ],
)
def test_what_is_beside_a_code_is_a_reading(settings: dict[str, object], words: list[int], number: float) -> None:
    assert raw(words, **settings) == number


@pytest.mark.parametrize(
    ("settings", "key", "said"),
    [
        ({"type": "float32", "bit": 1}, "bit", "a float32 has no bits to take"),
        ({"bit": 16}, "bit", "a uint16 has bits 0 to 15, no bit 16"),
        ({"bit": 1, "mask": 3}, "bit", "say one of them"),
        ({"mask": 0x10000}, "mask", "mask 0x10000 is wider than a uint16"),
        ({"mask": 0x0F, "shift": 4}, "shift", "nothing is left after a shift by 4"),
        ({"type": "bcd16", "shift": 4}, "shift", "a bcd16 has no bits to take"),
        ({"half": "high"}, "half", "half is for uint8 and int8"),
        ({"type": "uint8", "order": "DCBA"}, "order", "say which with half: high or half: low"),
        ({"type": "uint32", "order": "BA"}, "order", "'BA' is no order for the 4 bytes of a uint32"),
        ({"missing_raw": [[5, 1]]}, "missing_raw", "5 to 1 is upside down"),
        ({"missing_raw": [[1, 2, 3]]}, "missing_raw", "a range has two ends"),
        ({"missing_raw": ["6553x"]}, "missing_raw", "'6553x' is no number"),
        ({"type": "int16", "missing_raw": [[-5, 65535]]}, "missing_raw", "mixes signed values and bit patterns"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, object], key: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RawNumber.model_validate(settings)
    (error,) = caught.value.errors()
    assert (error["loc"][0], said in error["msg"]) == (key, True), error


CUT = st.sampled_from(
    [
        {"type": "uint8", "half": "high"},
        {"type": "int8", "half": "low"},
        {"bit": 5},
        {"type": "uint32", "order": "CDAB", "bit": 20},
        {"mask": 0x0FF0, "shift": 4},
        {"type": "int16", "mask": 0x07FF},
        {"type": "int32", "order": "DCBA", "mask": 0x00FFFF00, "shift": 8},
        {"type": "uint64", "order": "EFGHABCD", "mask": 0xFF0000000000, "shift": 40},
    ]
)


@given(
    CUT,
    st.lists(st.integers(0, 65535), min_size=4, max_size=4),
    st.lists(st.integers(0, 65535), min_size=4, max_size=4),
)
def test_what_is_written_comes_back_and_what_is_beside_it_stays(
    settings: dict[str, object], held: list[int], other: list[int]
) -> None:
    """The number read from some words, written over others, reads the same there, twice written or once."""
    source = RawNumber.model_validate(settings)
    words = {(HOLDING, n): word for n, word in enumerate(held)}
    over = {(HOLDING, n): word for n, word in enumerate(other)}
    number = read_raw(source, HOLDING, words)
    assert number is not None
    write_raw(source, HOLDING, number, over)
    assert read_raw(source, HOLDING, over) == number
    before = dict(over)
    elsewhere = read_raw(source, HOLDING, {(HOLDING, n): word for n, word in enumerate(other)})
    assert elsewhere is not None
    write_raw(source, HOLDING, elsewhere, before)
    assert [before[HOLDING, n] for n in range(4)] == other  # nothing but its own bits had moved


def test_a_coil_is_one_bit() -> None:
    source = RawNumber(address=3)
    assert span(source, Table.COIL) == Span(Table.COIL, 3, 1)
    assert read_raw(source, Table.COIL, {(Table.COIL, 3): 1}) == 1
    with pytest.raises(KeyError):
        read_raw(source, Table.COIL, {})
