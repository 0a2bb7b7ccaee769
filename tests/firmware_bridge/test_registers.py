"""Words and numbers, in every order makers have thought of."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.catalogue.quantities import Quantity
from firmware_bridge.modbus import ModbusRegister, RegisterType
from firmware_bridge.registers import decode, encode, width


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
    assert decode(register(type="bit", decimals=0), [1]) == 1.0


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


@given(
    st.sampled_from(list(RegisterType)),
    st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]),
    st.integers(0, 10_000),
)
def test_every_type_in_every_order_survives_the_way(kind: RegisterType, order: str, raw: int) -> None:
    r = register(type=kind, order=order, decimals=6)
    value = float(raw != 0) if kind is RegisterType.BIT else float(raw)
    words = encode(r, value)
    assert len(words) == width(r)
    assert decode(r, words) == value
