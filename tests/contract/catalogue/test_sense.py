"""What a district cannot work with is found; the loader's tests hold its file and line."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import ValidationError

from contract.catalogue import sense
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.channel_settings import Quality, RainGauge
from contract.catalogue.places import DistrictFile, StationKind
from contract.catalogue.quantities import Quantity
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
    assert len(changed(small_district, stale_after_s=1.0, on_delay_s=0.5)) == 2


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


RISE = {"id": "own", "detector": "rate_of_rise", "hysteresis": 0.5, "stale_after_s": 80_000.0, "channels": [101]}
TOTAL = {"id": "own", "levels": {"red": 50}, "stale_after_s": 80_000.0}
RAIN = {"id": "own", "detector": "rain_window", "hysteresis": 5, "stale_after_s": 80_000.0, "station_kind": "rain"}


@pytest.mark.parametrize(
    ("rule", "where", "said"),
    [
        (RISE | {"levels": {"red": 6}}, None, ""),
        (RISE | {"levels": {"red": 0.06}}, ("levels", "red"), "rate_of_rise is in cm/min, write 0.2 to 100"),
        (RISE | {"levels": {"blue": 1, "red": 6}, "hysteresis": 1}, ("hysteresis",), "write a hysteresis below 1"),
        (RISE | {"levels": {"red": 6}, "settings": {"window_s": 60}}, None, ""),
        (
            RISE | {"levels": {"red": 6}, "channels": [201], "settings": {"window_s": 60}},
            ("settings",),
            "of 120 or more",
        ),
        (RISE | {"levels": {"red": 0.6}, "settings": {"floor_m": 7.8}}, None, ""),
        (RISE | {"levels": {"red": 90}, "settings": {"floor_m": 7.5}}, ("levels",), "is never reached"),
        (RISE | {"levels": {"red": 6}, "settings": {"least_points": 12}}, None, ""),
        (
            RISE | {"levels": {"red": 6}, "channels": [201], "settings": {"least_points": 9}},
            ("settings",),
            "channel 201 is read every 60 s: write a window_s of 480 or more, or fewer least_points",
        ),
        (
            RISE | {"levels": {"red": 6}, "channels": [101, 301]},
            ("channels", 1),
            "channel 301 measures rain_total, of which rate_of_rise knows nothing: name channels of depth, stage",
        ),
        (
            RAIN | {"levels": {"red": 9}, "station_kind": None, "channels": [101], "settings": {"window_s": 3600}},
            ("channels", 0),
            "channel 101 measures depth, of which rain_window knows nothing",
        ),
        (TOTAL | {"channels": [301]}, ("levels",), "for rain within a time write `detector: rain_window`"),
        (TOTAL | {"station_kind": "rain", "quantity": "rain_total"}, ("levels",), "a level would always stand"),
        (RAIN | {"levels": {"red": 100}, "settings": {"window_s": 10_800}}, None, ""),
        (RAIN | {"levels": {"red": 0.1}, "settings": {"window_s": 3600}}, ("levels", "red"), "rain_window is in mm"),
        (
            RAIN | {"levels": {"red": 60}, "settings": {"window_s": 300}},
            ("levels",),
            "counts 41.6667 mm in 0.0833333 h",
        ),
    ],
)
def test_levels_that_a_detector_cannot_mean_or_find(
    small_district: Catalogue, rule: dict[str, object], where: tuple[str, ...] | None, said: str
) -> None:
    one = Rule.model_validate(rule)
    gauge = dataclasses.replace(
        small_district.channels[101],
        id=301,
        station=small_district.channels[101].station.model_copy(update={"id": "r", "kind": StationKind.RAIN}),
        register=small_district.channels[101].register.model_copy(update={"quantity": Quantity.RAIN_TOTAL}),
        quality=Quality(rain_gauge=RainGauge(tip_mm=0.2)),
    )
    stations = {**small_district.stations, "r": gauge.station}
    channels = {**small_district.channels, 301: gauge}
    catalogue = dataclasses.replace(small_district, rules=(one,), stations=stations, channels=channels)
    found = list(sense.of_rules(catalogue))
    assert [path for path, _ in found] == ([] if where is None else [("rules", 0, *where)])
    assert all(said in what for _, what in found)


def test_a_rule_that_says_what_another_says_is_refused(small_district: Catalogue) -> None:
    def said(*rules: dict[str, object]) -> list[tuple[tuple[str | int, ...], str]]:
        made = [Rule.model_validate({"levels": {"red": 0.5}, "stale_after_s": 80_000.0} | rule) for rule in rules]
        return list(sense.of_rules(dataclasses.replace(small_district, rules=tuple(made))))

    here: dict[str, object] = {"id": "a", "channels": [101]}
    assert said(here, here | {"id": "b", "levels": {"red": 0.6}}) == []
    assert said(here, here | {"id": "b"}) == [
        (("rules", 1, "id"), "rule 'b' says the same as rule 'a': take one of them out")
    ]


def test_a_station_that_has_nothing_of_the_kind_is_refused(small_district: Catalogue) -> None:
    one = Rule.model_validate({"id": "own", "stations": ["s1"], "quantity": "stage", "levels": {"red": 3}})
    ((path, what),) = sense.of_rules(dataclasses.replace(small_district, rules=(one,)))
    assert path == ("rules", 0, "stations", 0)
    assert what == "rule 'own': station 's1' has no channel of stage"


def test_water_is_not_deeper_than_it_can_be_at_a_site(small_district: Catalogue) -> None:
    """Where the channel has no range of its own: 40 was meant as centimetres."""
    channel = dataclasses.replace(small_district.channels[201], quality=Quality())
    catalogue = dataclasses.replace(small_district, channels={201: channel})
    rule = {"id": "own", "channels": [201], "levels": {"red": 40}, "stale_after_s": 80_000.0}
    ((_, what),) = sense.of_rules(dataclasses.replace(catalogue, rules=(Rule.model_validate(rule),)))
    assert "no water stands so deep at a street (5 m at most)" in what


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
