"""A rule watches what its detector can judge, and says it once; the loader's tests hold its file and line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contract.catalogue import fitting
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level


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


@pytest.mark.parametrize(
    ("fault", "rule", "where", "said"),
    [
        (
            fitting.waits_longer_than_evidence_holds,
            {"on_delay_s": 1200.0, "stale_after_s": 1200.0},
            "on_delay_s",
            "no shorter",
        ),
        (fitting.waits_longer_than_evidence_holds, {"on_delay_s": 1199.0, "stale_after_s": 1200.0}, "", ""),
        (fitting.rises_from_where_nothing_reads, {"settings": {"floor_m": 5.0}}, "settings", "reads 4 m at most"),
        (fitting.rises_from_where_nothing_reads, {"settings": {"floor_m": 3.9}}, "", ""),
        (fitting.rises_from_where_nothing_reads, {}, "", ""),
        (fitting.within_noise, {"levels": {Level.BLUE: 0.001, Level.RED: 0.5}}, "levels", "a level of 1 mm"),
        (fitting.within_noise, {"levels": {Level.BLUE: 0.0}}, "levels", "a level of 0 mm"),
        (fitting.within_noise, {"levels": {Level.BLUE: 0.01}}, "", ""),
    ],
)
def test_what_could_not_be_meant(
    small_district: Catalogue, fault: Any, rule: dict[str, Any], where: str, said: str
) -> None:
    watch = next(w for w in small_district.watches if w.rule.detector == "threshold")
    detector = "rate_of_rise" if fault is fitting.rises_from_where_nothing_reads else "threshold"
    altered = replace(watch, rule=watch.rule.model_copy(update={"detector": detector, **rule}))
    channels = {
        c: replace(info, quality=info.quality.model_copy(update={"fail_range": (-0.05, 4.0)}))
        for c, info in small_district.channels.items()
    }
    found = list(fault(altered, channels))
    assert [path for path, _ in found] == ([(where,)] if where else [])
    assert said in "".join(what for _, what in found)
