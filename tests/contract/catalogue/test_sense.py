"""What a district cannot work with is found; the loader's tests hold its file and line."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import ValidationError

from contract.catalogue import sense
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.places import DistrictFile, StationKind
from contract.catalogue.rules import Level, Rule


def changed(catalogue: Catalogue, **of_rules: object) -> list[str]:
    rules = [rule.model_copy(update=of_rules) for rule in catalogue.rules]
    return [what for _, what in sense.of_rules(dataclasses.replace(catalogue, rules=rules))]


def test_a_good_district_makes_sense(small_district: Catalogue) -> None:
    file = DistrictFile(
        district=small_district.district,
        zones=tuple(small_district.zones.values()),
        stations=tuple(small_district.stations.values()),
    )
    assert list(sense.of_places(file)) == []
    assert changed(small_district) == []


def test_silence_comes_after_the_heartbeat_and_one_reading(small_district: Catalogue) -> None:
    slowest_s = max(small_district.channels[c].reporting.heartbeat_s + 60 for c in (101, 201))
    assert changed(small_district, stale_after_s=slowest_s) == []
    assert len(changed(small_district, stale_after_s=1.0)) == 2


def test_a_level_that_is_never_left_is_refused(small_district: Catalogue) -> None:
    assert len(changed(small_district, levels={Level.BLUE: 0.02}, hysteresis=0.02)) == 2
    assert changed(small_district, levels={Level.BLUE: 0.03}, hysteresis=0.02) == []


def test_a_level_beyond_what_a_channel_reads_is_refused(small_district: Catalogue) -> None:
    reads_m = small_district.channels[201].quality.fail_range
    assert reads_m is not None
    assert changed(small_district, levels={Level.BLUE: 0.1, Level.RED: reads_m[1]}) == []
    found = changed(small_district, levels={Level.BLUE: 12.0, Level.RED: 45.0})  # centimetres
    assert len(found) == 2
    assert "'underpass-depth': red at 45 m is never reached: channel 101 reads" in found[0]


def test_one_rule_is_of_one_quantity(small_district: Catalogue) -> None:
    def said(**rule: object) -> list[str]:
        levels = {"blue": 0.1, "red": 0.4}
        one = Rule.model_validate({"id": "own", "levels": levels, "stale_after_s": 80_000.0} | rule)
        return [what for _, what in sense.of_rules(dataclasses.replace(small_district, rules=(one,)))]

    assert said(channels=[101, 201]) == said(channels=[102]) == said(channels=[102], quantity="wet_well") == []
    (both,) = said(channels=[101, 102])
    assert "channel 101 (depth) and channel 102 (wet_well) against the same levels" in both
    (other,) = said(channels=[101], quantity="stage")
    assert "is of stage, its channel 101 of depth" in other


def test_rules_without_a_channel_and_depths_without_a_rule_are_worth_a_word(small_district: Catalogue) -> None:
    assert sense.watches_nothing(small_district) == []
    gully = small_district.rules[1].model_copy(update={"station_kind": StationKind.GULLY})
    assert sense.watches_nothing(dataclasses.replace(small_district, rules=(small_district.rules[0], gully))) == [
        "rule 'street-depth' watches nothing: no station of kind gully has a channel of depth",
        "no rule watches the depth of channel 201: it never warns",
    ]


@pytest.mark.parametrize("delay", ["on_delay_s", "off_delay_s", "min_hold_s", "stale_after_s"])
@pytest.mark.parametrize("seconds", [604_801.0, 1e300])
def test_a_delay_longer_than_any_message_holds_is_refused(delay: str, seconds: float) -> None:
    rule = {"id": "own", "channels": [1], "levels": {"red": 0.4}}
    assert getattr(Rule.model_validate(rule | {delay: 604_800.0}), delay) == 604_800
    with pytest.raises(ValidationError, match="less than or equal to 604800"):
        Rule.model_validate(rule | {delay: seconds})
