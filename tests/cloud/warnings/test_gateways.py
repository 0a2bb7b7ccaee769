"""Whose readings speak of a target."""

from __future__ import annotations

from cloud.warnings.gateways import gateways_of
from contract.catalogue.catalogue import Catalogue
from contract.conditions.targets import Target


def test_channels_stations_and_zones(small_district: Catalogue) -> None:
    found = gateways_of(small_district)
    assert found[Target.of_channel(101)] == found[Target.of_station("u1")] == {"gw-1"}
    assert found[Target.of_zone("north")] == {"gw-1"}
    assert found[Target.of_zone("south")] == {"gw-2"}
    assert Target.of_zone("nowhere") not in found
