"""A rule watches what its detector can judge, and says it once; the loader's tests hold its file and line."""

from __future__ import annotations

from dataclasses import replace

from contract.catalogue import fitting
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity


def test_rules_that_fit_are_not_complained_of(small_district: Catalogue) -> None:
    channels = small_district.channels
    for watch in small_district.watches:
        assert list(fitting.not_taken(watch, channels)) == []
        assert list(fitting.counts_on(watch, channels)) == []
        assert list(fitting.never_points_enough(watch, channels)) == []
    assert list(fitting.said_twice(small_district.rules)) == []


def test_a_level_of_a_total_that_only_rises_would_always_stand(small_district: Catalogue) -> None:
    watch = next(w for w in small_district.watches if w.rule.detector == "threshold")
    channel = next(iter(watch.channels))
    info = small_district.channels[channel]
    register = info.register.model_copy(update={"quantity": Quantity.RAIN_TOTAL})
    channels = {**small_district.channels, channel: replace(info, register=register)}
    ((where, what),) = fitting.counts_on(watch, channels)
    assert where == ("levels",)
    assert "`detector: rain_window`" in what


def test_the_same_rule_by_another_name_is_said_twice(small_district: Catalogue) -> None:
    rule = small_district.rules[0]
    ((where, what),) = fitting.said_twice([rule, rule.model_copy(update={"id": "again"})])
    assert where == ("rules", 1, "id")
    assert f"'again' says the same as rule {rule.id!r}" in what
