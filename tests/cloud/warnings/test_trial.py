"""Trials of other thresholds say what a replay under such rules says, and what was live under the rules of now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from cloud.ledger.open import open_ledger
from cloud.log.base import Entry
from cloud.warnings.reader import Which
from cloud.warnings.settings import WarningSettings
from cloud.warnings.trial import Trial, depth_rules, readable, with_levels
from cloud.warnings.view import open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level, Rule
from tests.cloud.warnings.city import RULE, city, history

LOWER = {Level.BLUE: 0.05, Level.RED: 0.2}
HIGHER = {Level.YELLOW: 0.6, Level.RED: 0.9}
LOG = history(2, 300)
Found = Mapping[str, tuple[object, ...]]


def tried(catalogue: Catalogue, log: list[Entry], at_once: int) -> Found:
    trial = Trial(catalogue, WarningSettings())
    for n in range(0, len(log), at_once):
        trial.take(readable(log[n : n + at_once]))
    return {
        t.incident.id: (t.incident.opened_ms, t.incident.closed_ms, t.incident.peak_level, t.messages, t.told_ms)
        for t in trial.incidents()
    }


def lived(catalogue: Catalogue, log: list[Entry]) -> Found:
    view = open_view(open_ledger("sqlite://"), catalogue)
    view.apply(log)
    told = view.reader.told([i.id for i in view.reader.listed(Which(), limit=1000)])
    out = {}
    for id, (i, messages) in told.items():
        if i.blind:
            continue
        first: dict[Level, int] = {}
        for m in reversed(messages):
            assert m.level is not None
            first.setdefault(m.level, m.sent_ms)
        out[id] = (i.opened_ms, i.closed_ms, i.peak_level, len(messages), first)
    return out


@pytest.mark.parametrize("at_once", [1, 50, 1000])
@pytest.mark.parametrize("levels", [None, LOWER, HIGHER])
def test_as_if_these_had_been_the_rules(small_district: Catalogue, at_once: int, levels: dict | None) -> None:
    now = city(small_district)
    if levels is None:
        assert tried(depth_rules(now), LOG, at_once) == lived(now, LOG) != {}
        return
    other = replace(now, rules=(RULE.model_copy(update={"levels": levels}),))
    found = tried(with_levels(now, list(now.channels), levels, {}), LOG, at_once)
    assert found == lived(other, LOG) != {}


def test_levels_go_to_the_channels_that_are_meant_and_delays_stay(small_district: Catalogue) -> None:
    now = city(small_district)
    some = sorted(now.channels)[:3]
    found = with_levels(now, some, LOWER, {"on_delay_s": 5.0})
    for channel in now.channels:
        (rule,) = found.rules_by_channel[channel]
        if channel in some:
            assert (rule.levels, rule.on_delay_s, rule.off_delay_s) == (LOWER, 5.0, RULE.off_delay_s)
        else:
            assert (rule.levels, rule.on_delay_s, rule.id) == (RULE.levels, RULE.on_delay_s, RULE.id)


def test_other_rules_do_not_count(small_district: Catalogue) -> None:
    rise = Rule(id="rise", detector="rate_of_rise", channels=(101,), levels={Level.RED: 2.0}, hysteresis=0.5)
    flow = Rule(id="rain", channels=(301,), quantity=Quantity.RAIN_TOTAL, levels={Level.RED: 2.0})
    whole = replace(small_district, rules=(*small_district.rules, rise, flow))
    assert [r.id for r in depth_rules(whole).rules] == [
        w.rule.id
        for w in small_district.watches
        if {small_district.channels[c].quantity for c in w.channels} & {Quantity.DEPTH, Quantity.WET_WELL}
    ]


@pytest.mark.parametrize(
    ("levels", "why"),
    [({Level.BLUE: 0.4, Level.RED: 0.2}, "levels must rise from blue to red"), ({}, "at least 1")],
)
def test_what_no_rule_can_have(small_district: Catalogue, levels: dict[Level, float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        with_levels(small_district, [101], levels, {})
