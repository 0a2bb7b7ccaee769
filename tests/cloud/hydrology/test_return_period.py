"""The formula solved for the return period, against the formula itself and a storm that was measured."""

from __future__ import annotations

import math

import pytest

from cloud.hydrology.return_period import depth_mm, return_period_years
from contract.catalogue.places import RainFormula

# q = 2679.226 (1 + 0.775 lg P) / (t + 14.138)^0.751 L/(s ha)
FORMULA = RainFormula(a=2679.226 / 166.7, c=0.775, b=14.138, n=0.751)


@pytest.mark.parametrize("years", [1, 2, 5, 20, 50, 100])
@pytest.mark.parametrize("minutes", [5, 15, 60, 180])
def test_it_is_the_formula_turned_round(years: float, minutes: float) -> None:
    q = 2679.226 * (1 + 0.775 * math.log10(years)) / (minutes + 14.138) ** 0.751  # L/(s ha)
    mm = q * 60 * minutes / 10_000
    assert return_period_years(FORMULA, mm, minutes) == pytest.approx(years, rel=2e-3)
    assert depth_mm(FORMULA, years, minutes) == pytest.approx(mm, rel=1e-3)


def test_beyond_the_formula_nothing_is_said() -> None:
    assert return_period_years(FORMULA, 50, 720) is None
    assert return_period_years(FORMULA, 0, 60) is None
    longer = FORMULA.model_copy(update={"longest_min": 1440.0})
    assert return_period_years(longer, 50, 720) is not None


def test_the_storm_of_20_july_2021_is_rarer_than_any_that_is_designed_for() -> None:
    """201.9 mm from 16 to 17 h in Zhengzhou."""
    found = return_period_years(FORMULA, 201.9, 60)
    assert found is not None
    assert found > 1000
