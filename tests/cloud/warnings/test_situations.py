"""The made-up situations meet everything that a message may be for."""

from __future__ import annotations

from dataclasses import replace

from cloud.warnings.model import Why
from cloud.warnings.readable import readable
from cloud.warnings.settings import WarningSettings
from cloud.warnings.situations import situations, template_mistakes, written
from contract.catalogue.catalogue import Catalogue

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
