"""What a district cannot work with is found; the loader's tests hold its file and line."""

from __future__ import annotations

import dataclasses

from contract.catalogue import sense
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.places import DistrictFile
from contract.catalogue.rules import Level


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
