"""Words that cannot be meant as the file says: which order or type they may be meant in."""

from __future__ import annotations

import struct

import pytest

from firmware_bridge.modbus_register import ModbusRegister
from firmware_bridge.other_readings import other_readings
from firmware_bridge.register_types import words_of


def register(**said: object) -> ModbusRegister:
    return ModbusRegister.model_validate({"name": "r", "quantity": "flow", "address": 4, **said})


def others(words: list[int], within: tuple[float, float] | None = (-50.0, 100.0), **said: object) -> list[str]:
    told = register(**said)
    return other_readings(told, {(told.table, 4 + n): word for n, word in enumerate(words)}, within)


@pytest.mark.parametrize("within", [(-50.0, 100.0), None])
@pytest.mark.parametrize("true", ["ABCD", "CDAB", "BADC", "DCBA"])
@pytest.mark.parametrize("told", ["ABCD", "CDAB", "BADC", "DCBA"])
@pytest.mark.parametrize("value", [0.1, 3.14, -1.5, 55.32])
def test_the_true_order_of_a_float_is_among_those_named(
    value: float, told: str, true: str, within: tuple[float, float] | None
) -> None:
    register_ = register(type="float32")
    found = others(words_of(register_.type, true, value), within, type="float32", order=told)
    if told == true:
        assert found == []
    elif found:  # by chance a wrong order can be meant, too
        assert f"order: {true} would be {value:g}" in found


def test_swapped_words_of_a_float() -> None:
    swapped = list(struct.unpack(">HH", struct.pack(">f", 0.1)))[::-1]
    assert others(swapped, type="float32") == ["order: CDAB would be 0.1"]
    assert others(swapped, None, type="float32") == ["order: CDAB would be 0.1"]


def test_what_shows_as_nothing_may_be_something() -> None:
    assert others([0x0000, 0x4048], type="float32") == ["order: CDAB would be 3.125"]


def test_another_type() -> None:
    words = list(struct.unpack(">HH", struct.pack(">f", 0.1)))
    assert others(words, type="int32") == ["type: float32 would be 0.1"]
    assert others([0xFFFF, 0xFFF6], type="uint32") == ["type: int32 would be -10"]
    assert others([0xFFF6], type="uint16") == ["type: int16 would be -10"]
    assert others([0x0A00], type="uint16") == ["order: BA would be 10"]


def test_no_number_may_be_a_float_of_another_order() -> None:
    assert others([0x0000, 0x7FC1], type="float32", order="CDAB") == ["order: DCBA would be -15.938"]
    assert others([0xA07F, 0x3F80], type="float32", order="BADC") == ["order: CDAB would be 1.005"]
    assert others([0xFFFF, 0x7FFF], type="float32", order="CDAB", missing_raw=[1e9]) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([0x3FC0, 0], {"type": "float32"}),  # 1.5, as it should be
        ([0, 0], {"type": "float32"}),
        ([0xFFFF, 0xFFFF], {"type": "float32"}),
        ([0x7FFF, 0xFFFF], {"type": "int32", "missing_raw": [0x7FFFFFFF]}),  # the device says so
        ([0x1234], {"bit": 3, "type": "bit"}),
        ([0x8000], {"values": {1: 0, 2: 1}}),
    ],
)
def test_where_there_is_nothing_to_say(words: list[int], said: dict[str, object]) -> None:
    assert others([*words, 0], **said) == []
