"""Texts by which Modbus devices tell who they are, and examples in device files."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from firmware_bridge.modbus import IdentityText, ModbusModel

HEAD = {"model": "m", "description": "d", "protocol": "modbus", "period_s": 1}


def text_of(order: str, **more: int) -> IdentityText:
    return IdentityText.model_validate({"name": "id", "address": 40050, "words": 8, "order": order, **more})


def test_an_identity_as_the_maker_prints_it() -> None:
    """Lambrecht rain[e]observer, operating instructions, page 31: "00.16480.000130"."""
    reply = bytes.fromhex("30302E31363438302E30303031333000")
    assert text_of("AB").text(struct.unpack(">8H", reply)) == "00.16480.000130"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=16), st.sampled_from(["AB", "BA"]))
def test_a_text_comes_back(text: str, order: str) -> None:
    padded = text.encode().ljust(16, b"\0")
    words = struct.unpack(">8H" if order == "AB" else "<8H", padded)
    assert text_of(order).text(words) == text


def test_blanks_and_what_cannot_be_printed_are_left_out() -> None:
    assert text_of("AB").text([0x5330, 0x3120, 0x2020]) == "S01"
    assert text_of("AB").text([0x0753, 0xFF31]) == "S1"


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ({"words": [1234]}, "'depth' takes holding 2, too: add it to words, or under beside"),
        ({"words": [1234], "beside": {2: 1}}, "these words are no reading, as the file stands"),
        ({"words": [1235], "beside": {2: 0}}, "these words are 1.235, as the file stands"),
    ],
)
def test_an_example_that_does_not_come_out_is_refused(example: dict[str, object], said: str) -> None:
    depth = {"name": "depth", "quantity": "depth", "scale": 0.001, "valid_if": [{"address": 2, "good": [0]}]}
    told = {"register": "depth", "value": 1.234, "origin": "example in the manual", **example}
    with pytest.raises(ValidationError) as caught:
        ModbusModel.model_validate({**HEAD, "registers": [depth], "examples": [told]})
    (error,) = caught.value.errors()
    assert said in error["msg"]
