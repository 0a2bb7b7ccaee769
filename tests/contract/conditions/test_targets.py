"""Targets and keys: their texts, and the order in which results of one moment stand."""

from __future__ import annotations

import doctest

import pytest

from contract.conditions import targets
from contract.conditions.targets import ConditionKey, Target

ALL = [
    Target.of_channel(2),
    Target.of_channel(101),
    Target.of_channel(4_000_000_000),
    Target.of_station("101"),
    Target.of_station("u1"),
    Target.of_zone("north/2"),
]


@pytest.mark.parametrize("target", ALL)
def test_a_text_gives_the_target_again(target: Target) -> None:
    assert Target.parse(target.text) == target


@pytest.mark.parametrize("text", ["", "channel", "channel/", "channel/x", "river/1", "/1", "101"])
def test_another_text_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no target|not a valid TargetKind|invalid literal"):
        Target.parse(text)


def test_keys_sort_by_target_and_then_by_rule() -> None:
    keys = [ConditionKey(target, rule) for target in ALL for rule in ("a", "b")]
    assert sorted(set(keys)) == keys


def test_the_examples() -> None:
    assert doctest.testmod(targets).failed == 0
