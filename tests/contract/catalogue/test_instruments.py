"""Where an instrument hangs: there and back, and settings that no instrument has."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.catalogue.instruments import Instrument, placed, unplaced

BENT = ((0.0, 0.1), (1.0, 1.2), (2.0, 2.0))


def test_calibration_then_height_then_datum() -> None:
    assert placed(0.5, BENT, None, None) == pytest.approx(0.65)
    assert placed(0.5, BENT, 3.0, None) == pytest.approx(2.35)
    assert placed(0.5, BENT, 3.0, 80.0) == pytest.approx(82.35)
    assert placed(0.5, None, None, None) == 0.5
    assert math.isnan(placed(math.nan, BENT, 3.0, 80.0))


def test_beyond_its_points_a_curve_goes_straight_on() -> None:
    assert placed(-1.0, BENT, None, None) == pytest.approx(-1.0)
    assert placed(4.0, BENT, None, None) == pytest.approx(3.6)


@given(
    st.floats(-10, 10),
    st.sampled_from([None, BENT, ((0.0, 5.0), (1.0, 4.0), (3.0, 1.0))]),
    st.sampled_from([None, 3.4]),
    st.sampled_from([None, 84.25]),
)
def test_there_and_back(
    reading: float, curve: tuple[tuple[float, float], ...] | None, height_m: float | None, datum_m: float | None
) -> None:
    value = placed(reading, curve, height_m, datum_m)
    assert unplaced(value, curve, height_m, datum_m) == pytest.approx(reading, abs=1e-9)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"calibration": [[0, 0]]}, "a curve has two points or more"),
        ({"calibration": [[0, 0], [0, 1]]}, "0 stands behind 0: write the points with what the instrument says rising"),
        ({"calibration": [[1, 0], [0.5, 1]]}, "0.5 stands behind 1"),
        ({"scale": 0}, "a scale of 0 would make every value the same"),
        ({"scale": "1/0"}, "'1/0' is no fraction"),
        ({"height": 3}, "Extra inputs are not permitted"),
    ],
)
def test_what_no_instrument_has_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Instrument.model_validate(settings)
    (error,) = caught.value.errors()
    assert said in error["msg"]


def test_a_scale_may_be_a_fraction() -> None:
    assert Instrument.model_validate({"scale": "1/3600"}).scale == 1 / 3600
