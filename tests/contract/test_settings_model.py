"""What every part of a configuration refuses, whatever it holds."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from contract.settings_model import ClockText, Id, Many, NotNegative, Positive, SettingsModel


class Part(SettingsModel):
    id: Id = "a"
    period_s: Positive = 1.0
    deadband: NotNegative = 0.0
    clock: ClockText = "system"
    numbers: Many[float] = ()


@pytest.mark.parametrize(
    "good",
    [
        {"id": "gw-1.a_B"},
        {"id": "x" * 64},
        {"period_s": 1e-9},
        {"deadband": 0},
        {"clock": "scaled:1626796800000,60,0"},
        {"numbers": [1, 2.5]},
    ],
)
def test_what_is_taken(good: dict[str, object]) -> None:
    Part.model_validate(good)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "-a"},
        {"id": "a/b"},  # a topic's separator
        {"id": "a+"},
        {"id": "a#"},
        {"id": "a\n"},
        {"id": "x" * 65},
        {"period_s": 0},
        {"period_s": float("nan")},
        {"period_s": float("inf")},
        {"deadband": -0.001},
        {"clock": "sundial"},
        {"numbers": [1, "two"]},
        {"perod_s": 1},
    ],
)
def test_what_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Part.model_validate(wrong)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        setattr(Part(), "period_s", 2.0)  # noqa: B010 -- a type checker refuses the plain form


def test_a_mapping_without_end_is_refused_at_once() -> None:
    with pytest.raises(ValidationError, match="1001 settings: no part of a configuration has so many"):
        Part.model_validate({f"k{i}": 1 for i in range(1001)})


def test_of_a_list_of_plain_values_the_first_mistake_is_enough() -> None:
    with pytest.raises(ValidationError) as found:
        Part.model_validate({"numbers": ["x"] * 100})
    assert found.value.error_count() == 1
