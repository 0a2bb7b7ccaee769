"""The table of quantities: each has a name for files, a unit, a kind and a meaning; an unknown one is refused."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from contract.catalogue.devices import Register
from contract.catalogue.quantities import Quantity, QuantityKind


@pytest.mark.parametrize("quantity", Quantity)
def test_every_line_is_whole(quantity):
    assert re.fullmatch(r"[a-z][a-z_]*", quantity.value)
    assert quantity.name.lower() == quantity.value == str(quantity)
    assert quantity.unit
    assert isinstance(quantity.kind, QuantityKind)
    assert len(quantity.meaning) > 8


def test_units_and_kinds_of_those_that_stand_in_stored_data():
    expected = {
        "depth": ("m", "state"),
        "stage": ("m", "state"),
        "wet_well": ("m", "state"),
        "rain_total": ("mm", "counter"),
        "pump_running": ("1", "event"),
        "pump_fault": ("1", "event"),
        "mains": ("1", "event"),
        "run_hours": ("h", "counter"),
        "starts": ("1", "counter"),
        "voltage": ("V", "state"),
        "code": ("1", "event"),
    }
    assert {q: (Quantity(q).unit, Quantity(q).kind.value) for q in expected} == expected


@pytest.mark.parametrize(
    "name",
    [
        "flow",
        "velocity",
        "rain_intensity",
        "rain_event",
        "gate_position",
        "current",
        "power",
        "temperature",
        "signal_strength",
        "battery",
        "door",
    ],
)
def test_a_register_may_have_any_of_them(name):
    assert Register(name="x", quantity=name).quantity is Quantity(name)


def test_an_unknown_one_is_refused_with_those_there_are():
    with pytest.raises(ValidationError, match=r"'depth'.*'battery'"):
        Register(name="x", quantity="dept")
