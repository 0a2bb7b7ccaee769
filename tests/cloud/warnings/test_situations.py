"""The made-up situations meet everything that a message may be for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloud.warnings.cap import CapWriter
from cloud.warnings.model import Why
from cloud.warnings.readable import readable
from cloud.warnings.settings import WarningSettings
from cloud.warnings.situations import situations, template_mistakes, untellable, written
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from host.district_folder import load

JINSHUI = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"

NOW_MS = 1_626_768_240_000


def test_every_why_is_met(small_district: Catalogue) -> None:
    for zone in small_district.zones:
        assert {s.announcement.why for s in situations(small_district, zone, NOW_MS)} == set(Why)


def test_a_district_without_channels_has_none(small_district: Catalogue) -> None:
    assert list(situations(replace(small_district, channels={}), "north", NOW_MS)) == []
    assert template_mistakes(small_district) == []  # no templates of its own


def test_they_read_as_people_read_them(small_district: Catalogue) -> None:
    by_name = dict(written(small_district, WarningSettings(), "north", NOW_MS))
    lines = readable(by_name["worse"].cap_xml).splitlines()
    assert lines[0] == "Update (Actual, Evacuate), 2021-07-20T16:14:00+08:00, until 2021-07-20T17:14:00+08:00"
    assert lines[2].startswith("- **en**: Red waterlogging warning, North: First Underpass, 60 cm of water")
    assert "  - sign (26): DEEP WATER, NO ENTRY 60 cm" in lines


def test_check_finds_a_zone_that_cannot_be_told(small_district: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(untellable(small_district, WarningSettings())) == []
    plain = CapWriter.write

    def write(self, announcement, *rest):
        if announcement.incident.zone == "south" and announcement.incident.level is Level.RED:
            raise OverflowError("date value out of range")
        return plain(self, announcement, *rest)

    monkeypatch.setattr(CapWriter, "write", write)
    (said,) = untellable(small_district, WarningSettings())
    assert said == "zone 'south', 'worse' cannot be told: OverflowError: date value out of range"


def test_check_finds_what_no_consumer_could_read(small_district: Catalogue) -> None:
    zone = small_district.zones["south"]
    ring = ((91.0, 0.0), (91.0, 1.0), (92.0, 1.0))
    bent = replace(small_district, zones={**small_district.zones, "south": zone.model_copy(update={"area": ring})})
    (said,) = untellable(bent, WarningSettings())
    assert said.startswith("zone 'south', 'opened' cannot be told: ")


def test_rain_alone_is_tried_and_shown_where_a_rule_is_of_it() -> None:
    jinshui = load(JINSHUI)
    named = dict(written(jinshui, WarningSettings(), "shakou", NOW_MS))
    colours = ("blue", "yellow", "orange", "red")
    assert [n for n in named if n.startswith("rain")] == [f"rain, {c}{e}" for c in colours for e in ("", ", ended")]
    red = readable(named["rain, red"].cap_xml)
    assert "Red rain warning, Shakou Road: Shakou Rain Gauge, 120.0 mm of rain in 3 h" in red
    assert "water" not in red.lower().replace("waterlog", "")
    assert "Ended: rain warning" in readable(named["rain, red, ended"].cap_xml)
    assert not [n for n, _ in written(replace(jinshui, rules=()), WarningSettings(), "shakou", NOW_MS) if "rain," in n]
