"""Words and numbers, in every order makers have thought of."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.catalogue.quantities import Quantity
from firmware_bridge.modbus_register import ModbusRegister
from firmware_bridge.raw_numbers import Span
from firmware_bridge.register_types import RegisterType, Table
from firmware_bridge.registers import decode, encode, plain, reader_of, value_of, width, write_value


def register(**settings: object) -> ModbusRegister:
    return ModbusRegister.model_validate({"name": "r", "quantity": Quantity.DEPTH, **settings})


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("ABCD", [0x3E80, 0x0000]),
        ("CDAB", [0x0000, 0x3E80]),
        ("BADC", [0x803E, 0x0000]),
        ("DCBA", [0x0000, 0x803E]),
    ],
)
def test_a_quarter_metre_as_float32_in_each_order(order: str, words: list[int]) -> None:
    r = register(type="float32", order=order)
    assert decode(r, words) == 0.25
    assert encode(r, 0.25) == words


def test_scaled_integers_come_out_as_written() -> None:
    assert decode(register(type="uint16", scale=0.2, decimals=1), [65535]) == 13107.0
    assert decode(register(type="int32", order="BADC", scale=0.001), [0xFFFF, 0x18FC]) == -1.0
    assert decode(register(type="uint16", scale=0.001), [127]) == 0.127
    assert decode(register(type="bit", table="coil", decimals=0), [1]) == 1.0


def test_no_reading_is_nan() -> None:
    assert math.isnan(decode(register(type="uint16", missing_raw=[65535]), [65535]))
    for pattern in (math.nan, math.inf, -math.inf):
        words = list(struct.unpack(">2H", struct.pack(">f", pattern)))
        assert math.isnan(decode(register(type="float32"), words))
    assert encode(register(type="uint16", missing_raw=[65535]), math.nan) == [65535]
    with pytest.raises(ValueError, match="no raw value that means missing"):
        encode(register(type="uint16"), math.nan)


def test_a_device_out_of_its_range_holds_its_last_value() -> None:
    assert encode(register(type="uint16", scale=0.001), 99.0) == [65535]
    assert encode(register(type="uint16", scale=0.001), -1.0) == [0]


def test_the_wrong_number_of_words_is_refused() -> None:
    with pytest.raises(ValueError, match="takes 2 words, got 1"):
        decode(register(type="float32"), [1])


def words_at(table: Table, **at: int) -> dict[tuple[Table, int], int]:
    return {(table, int(name[1:])): word for name, word in at.items()}


@pytest.mark.parametrize(
    ("settings", "words", "value"),
    [
        # sums of weighted registers
        ({"parts": [{"address": 0, "weight": 10000}, {"address": 1}], "decimals": 0}, [123, 4567], 1234567),
        (
            {
                "parts": [{"address": 0, "weight": 3600}, {"address": 1, "weight": 60}, {"address": 2}],
                "scale": "1/3600",
            },
            [12, 30, 36],
            12.51,
        ),
        ({"parts": [{"type": "uint8", "half": "high", "weight": 100}, {"type": "uint8"}]}, [0x0C22], 1234),
        # codes and bits
        ({"bit": 4, "decimals": 0}, [0x0010], 1),
        ({"values": {1: 0, 2: 1}}, [1], 0),
        ({"values": {1: 0, 2: 1}}, [2], 1),
        ({"values": {1: 0, 2: 1}}, [3], math.nan),
        ({"values": {1: 0, 2: 1}, "other": 0}, [3], 0),
        ({"mask": 0x0300, "shift": 8, "values": {2: 1}, "other": 0}, [0x0255], 1),
        # a scale that the device tells
        ({"scale_from": {"address": 1, "type": "int16", "power_of_ten": True}}, [1234, 0xFFFE], 12.34),
        (
            {"scale_from": {"address": 1, "type": "int16", "power_of_ten": True, "missing_raw": [0x8000]}},
            [1, 0x8000],
            math.nan,
        ),
        ({"scale_from": {"address": 1, "factors": {0: 1, 1: 0.01, 2: 0.001}}}, [1234, 2], 1.234),
        ({"scale_from": {"address": 1, "factors": {0: 1, 1: 0.01, 2: 0.001}}}, [1234, 3], math.nan),
        ({"scale": 0.1, "scale_from": {"address": 1}}, [1234, 10], 1234),
        # a word that says whether the value holds
        ({"type": "float32", "valid_if": [{"address": 2, "good": [0]}]}, [0x3F9D, 0xF3B6, 0], 1.234),
        ({"type": "float32", "valid_if": [{"address": 2, "good": [0]}]}, [0x3F9D, 0xF3B6, 13], math.nan),
        ({"scale": 0.001, "valid_if": [{"address": 1, "bad": [[10, 20], 99]}]}, [1234, 13], math.nan),
        ({"scale": 0.001, "valid_if": [{"address": 1, "bad": [[10, 20], 99]}]}, [1234, 9], 1.234),
        ({"scale": 0.001, "valid_if": [{"address": 1, "bit": 3, "bad": [1]}]}, [1234, 0x0008], math.nan),
        ({"scale": 0.001, "valid_if": [{"address": 1, "bit": 3, "bad": [1]}]}, [1234, 0xFFF7], 1.234),
        ({"scale": 0.001, "valid_if": [{"address": 1, "missing_raw": [7], "bad": [1]}]}, [1234, 7], math.nan),
        # where this instrument hangs
        ({"scale": 0.001, "mounting_height_m": 3.4}, [1234], 2.166),
        ({"scale": 0.001, "datum_m": 84.25}, [1234], 85.484),
        ({"scale": 0.001, "mounting_height_m": 3.4, "datum_m": 80.0}, [1234], 82.166),
        ({"scale": 0.001, "calibration": [[0, 0.01], [1, 1.02], [2, 2.0]]}, [500], 0.515),
        ({"scale": 0.001, "calibration": [[0, 0.01], [1, 1.02], [2, 2.0]]}, [3000], 2.98),
        # no reading is none, wherever it hangs
        ({"missing_raw": [65535], "scale": 0.001, "mounting_height_m": 3.4}, [65535], math.nan),
        ({"type": "int16", "scale": 0.001, "missing_raw": [65535]}, [65535], math.nan),
        ({"type": "float32", "missing_raw": [999.99]}, [0x4479, 0xFF5C], math.nan),
    ],
)
def test_what_a_device_file_can_say(settings: dict[str, object], words: list[int], value: float) -> None:
    r = register(**settings)
    assert decode(r, words) == pytest.approx(value, abs=1e-9, nan_ok=True)
    if not math.isnan(value):
        held = {(r.table, n): word for n, word in enumerate(words)}
        write_value(r, 0.0 if r.values is not None or r.bit is not None else value / 2, held)
        write_value(r, value, held)
        assert value_of(r, held) == pytest.approx(value, abs=1e-9)


def test_words_from_several_places() -> None:
    r = register(
        address=0, type="uint32", table="input", scale=0.1, valid_if=[{"table": "discrete", "address": 9, "good": [1]}]
    )
    assert r.spans() == [Span(Table.DISCRETE, 9, 1), Span(Table.INPUT, 0, 2)]
    words = {(Table.INPUT, 0): 0, (Table.INPUT, 1): 55, (Table.DISCRETE, 9): 1}
    assert value_of(r, words) == 5.5
    assert math.isnan(value_of(r, words | {(Table.DISCRETE, 9): 0}))
    with pytest.raises(KeyError):
        value_of(r, words_at(Table.INPUT, w0=0, w1=55))
    with pytest.raises(ValueError, match="words of tables discrete and input"):
        width(r)


def test_parts_side_by_side_come_in_one_reply() -> None:
    r = register(parts=[{"address": 5}, {"address": 4, "weight": 10000}, {"address": 9, "weight": 1e8}])
    assert r.spans() == [Span(Table.HOLDING, 4, 2), Span(Table.HOLDING, 9, 1)]


@pytest.mark.parametrize(
    "settings",
    [
        {"missing_raw": [65535]},
        {"type": "int16", "missing_raw": [65535]},
        {"type": "int32", "missing_raw": [[0x7FFFFF00, 0x7FFFFFFF]]},
        {"type": "float64", "order": "CDAB"},
        {"bit": 3, "missing_raw": [0xFFFF]},
        {"valid_if": [{"address": 9, "good": [1, 2]}]},
        {"valid_if": [{"address": 9, "bad": [[1, 20], 0]}]},
        {"parts": [{"address": 0, "weight": 10000, "missing_raw": [65535]}, {"address": 1}]},
        {"parts": [{"address": 0}, {"address": 1}], "valid_if": [{"table": "coil", "address": 9, "good": [0]}]},
    ],
)
def test_no_reading_is_written_as_the_device_says_it(settings: dict[str, object]) -> None:
    r = register(**settings)
    words: dict[tuple[Table, int], int] = {}
    write_value(r, math.nan, words)
    assert math.isnan(value_of(r, words))
    write_value(r, 1.0, words)
    assert value_of(r, words) == 1.0


KINDS = st.sampled_from([k for k in RegisterType if k is not RegisterType.BIT])
SCALES = st.sampled_from([1.0, 0.1, 0.001, -0.01, 10.0, 0.2])


@given(KINDS, SCALES, st.sampled_from([0.0, 3.5, -100.0]), st.integers(-120, 120), st.booleans(), st.booleans())
def test_whatever_the_scale_a_value_comes_back(
    kind: RegisterType, scale: float, offset: float, raw: int, hangs: bool, curved: bool
) -> None:
    if not kind.floating and not kind.signed:
        raw = abs(raw)
    r = register(
        type=kind,
        scale=scale,
        offset=offset,
        mounting_height_m=7.25 if hangs else None,
        calibration=[[-5000, -4000], [0, 0], [5000, 6000]] if curved else None,
        decimals=6,
    )
    value = r.placed(raw * scale + offset)
    assert decode(r, encode(r, value)) == pytest.approx(value, rel=1e-3 if kind.value == "float16" else 1e-6, abs=1e-6)


@given(st.integers(0, 99_999_999), st.sampled_from([10000, 65536, 10000.0]))
def test_a_sum_of_registers_comes_back(total: int, weight: float) -> None:
    total = min(total, int(65535 * weight) - 1)
    r = register(parts=[{"address": 1}, {"address": 0, "weight": weight}], decimals=0)
    words: dict[tuple[Table, int], int] = {}
    write_value(r, total, words)
    assert value_of(r, words) == total


@given(
    KINDS,
    SCALES,
    st.sampled_from([0.0, 3.5]),
    st.lists(st.integers(0, 65535), min_size=4, max_size=4),
    st.sampled_from([{}, {"missing_raw": [7]}, {"mounting_height_m": 7.25}, {"decimals": 1}, {"order": "swapped"}]),
)
def test_the_quicker_reader_says_the_same(
    kind: RegisterType, scale: float, offset: float, held: list[int], more: dict[str, object]
) -> None:
    if "order" in more:
        more = {} if kind.of_half_a_word else {"order": "BA" if kind.words == 1 else "DCBA"}
    r = register(address=3, type=kind, scale=scale, offset=offset, **more)
    words = {(Table.HOLDING, 3 + n): word for n, word in enumerate(held)}
    assert reader_of(r)(words) == pytest.approx(value_of(r, words), abs=0, rel=0, nan_ok=True)


@pytest.mark.parametrize("decimals", range(10))
@pytest.mark.parametrize("kind", ["uint16", "int16"])
def test_a_plain_word_divided_is_the_value_to_the_last_bit(kind: str, decimals: int) -> None:
    for power in range(decimals + 1):
        r = register(address=3, type=kind, scale=float(f"1e-{power}"), decimals=decimals)
        how = plain(r)
        assert how is not None
        for word in range(0, 65536, 7):
            number = word if word <= how.highest else word - 65536
            assert number / how.divisor == value_of(r, {(Table.HOLDING, 3): word})


@pytest.mark.parametrize(
    "more",
    [{"scale": 0.2}, {"scale": 0.0001}, {"offset": 1.0}, {"missing_raw": [7]}, {"order": "BA"}, {"type": "int32"}],
)
def test_what_is_no_plain_word(more: dict[str, object]) -> None:
    assert plain(register(address=3, **more)) is None
