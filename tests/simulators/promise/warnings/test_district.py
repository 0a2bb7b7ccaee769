"""The small districts of the second campaign, and what changes in them at restarts."""

from __future__ import annotations

import random

from contract.catalogue.catalogue import Catalogue
from simulators.promise.warnings.district import first_edition, head_of, next_edition


def whole(catalogue: Catalogue) -> None:
    """What the loader would have made sure of."""
    for channel, info in catalogue.channels.items():
        assert info.station.zone in catalogue.zones
        assert catalogue.stations[info.station.id] is info.station
        assert info.station.zone == catalogue.stations[info.station.id].zone
        assert info.gateway in catalogue.gateways
        assert catalogue.rules_by_channel.get(channel)
    for rule in catalogue.rules:
        assert set(rule.channels) <= catalogue.channels.keys()
        values = list(rule.levels.values())
        assert values == sorted(values)
        assert values[0] > rule.hysteresis


def test_every_edition_is_a_whole_district() -> None:
    said: set[str] = set()
    for seed in range(60):
        rng = random.Random(seed)
        edition = first_edition(rng)
        whole(edition.catalogue)
        for _ in range(3):
            edition = next_edition(edition, rng)
            said.add(edition.what.split()[0])
            whole(edition.catalogue)
    assert {"deep", "flat", "zone", "without"} <= said


def test_two_zones_share_incidents_under_any_name() -> None:
    rng = random.Random(1)
    edition = first_edition(rng, together=True)
    first, second, *others = edition.catalogue.zones
    assert head_of(edition.catalogue, second) == head_of(edition.catalogue, first) == first
    assert all(head_of(edition.catalogue, zone) == zone for zone in others)
    for _ in range(6):
        edition = next_edition(edition, rng)
    first, second, *_ = edition.catalogue.zones
    assert head_of(edition.catalogue, second) == first
    apart = first_edition(random.Random(1)).catalogue
    assert all(head_of(apart, zone) == zone for zone in apart.zones)
