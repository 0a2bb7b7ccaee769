"""A rain gauge's tip and wrap against the register that counts it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from contract.catalogue.channel_settings import RainGauge
from firmware_bridge.counter_settings import counter_trouble
from firmware_bridge.modbus_register import ModbusRegister


def trouble(gauge: dict[str, float], **settings: object) -> list[tuple[str, str]]:
    register = ModbusRegister.model_validate({"name": "rain", "quantity": "rain_total", **settings})
    return [(str(place[-1]), what) for place, what in counter_trouble(RainGauge.model_validate(gauge), register)]


@pytest.mark.parametrize(
    ("settings", "gauge"),
    [
        ({"scale": 0.2}, {"tip_mm": 0.2, "wraps_at_mm": 13107.2}),
        ({"scale": 0.1}, {"tip_mm": 0.2}),  # it counts tenths of a millimetre, whatever its bucket
        ({"scale": 0.1}, {"tip_mm": 0.1, "wraps_at_mm": 1000}),  # it begins anew by itself
        ({"scale": 0.5}, {"tip_mm": 0.5, "wraps_at_mm": 64}),
        ({"scale": 0.1, "type": "uint32"}, {"tip_mm": 0.1, "wraps_at_mm": 6553.6}),
        ({"type": "float32"}, {"tip_mm": 0.2}),
        ({"type": "bcd16", "scale": 0.1}, {"tip_mm": 0.1, "wraps_at_mm": 1000}),
        ({"scale": 0.254, "counts": "tips"}, {"tip_mm": 0.254}),
    ],
)
def test_what_fits(settings: dict[str, object], gauge: dict[str, float]) -> None:
    assert trouble(gauge, **settings) == []


@pytest.mark.parametrize(
    ("settings", "gauge", "key", "said"),
    [
        (
            {"scale": 0.1},
            {"tip_mm": 0.1, "wraps_at_mm": 13107.2},
            "wraps_at_mm",
            "with scale 0.1 it wraps at 6553.6 mm",
        ),
        ({"scale": 0.2}, {"tip_mm": 0.2, "wraps_at_mm": 6553.6}, "wraps_at_mm", "with that it wraps at 13107.2 mm"),
        (
            {"scale": 0.2},
            {"tip_mm": 0.2, "wraps_at_mm": 999.9},
            "wraps_at_mm",
            "no whole number of the register's steps",
        ),
        ({"type": "bcd16", "scale": 0.1}, {"tip_mm": 0.1, "wraps_at_mm": 6553.6}, "wraps_at_mm", "wraps at 1000 mm"),
        (
            {"scale": 0.2},
            {"tip_mm": 0.1},
            "tip_mm",
            "a tip of 0.1 mm is no whole number of the register's steps of 0.2",
        ),
        ({"scale": 1}, {"tip_mm": 0.2}, "tip_mm", "no whole number"),
        ({"scale": 0.25, "decimals": 1}, {"tip_mm": 0.25}, "tip_mm", "are lost when values are rounded to 1 decimals"),
        ({"scale": 0.1, "counts": "tips"}, {"tip_mm": 0.2}, "tip_mm", "it counts tips of 0.2 mm, and scale is 0.1"),
    ],
)
def test_what_does_not(settings: dict[str, object], gauge: dict[str, float], key: str, said: str) -> None:
    ((where, what),) = trouble(gauge, **settings)
    assert (where, said in what) == (key, True), what


def counts(quantity: str = "run_hours", counter: dict[str, float] | None = None, **settings: object) -> str:
    """What is wrong with a register that counts; "" when nothing is."""
    said = {"step": 0.1, "most_per_h": 1.0} | (counter or {})
    told = {"name": "r", "quantity": quantity, "address": 0, "scale": 0.1, "quality": {"counter": said}, **settings}
    try:
        ModbusRegister.model_validate(told)
    except ValidationError as error:
        return str(error)
    return ""


def test_hours_and_starts_are_held_against_their_register() -> None:
    assert counts() == ""
    assert counts(counter={"wraps_at": 6553.6}) == ""
    assert "with scale 0.1 it wraps at 6553.6, never at 65536" in counts(counter={"wraps_at": 65536})
    assert "a count of 0.25 is no whole number of the register's steps of 0.1" in counts(counter={"step": 0.25})
    assert "raise decimals" in counts(decimals=0)
    assert "depth is no total of hours or starts" in counts("depth")
    assert "rain_total is no total of hours or starts" in counts("rain_total")
    assert counts("starts", {"step": 1, "most_per_h": 60}, scale=1.0, decimals=0) == ""
