"""Whose readings speak of a target. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from contract.catalogue.catalogue import Catalogue
from contract.conditions.targets import Target


def gateways_of(catalogue: Catalogue) -> Mapping[Target, frozenset[str]]:
    """Of each channel its gateway, of each station and zone those of its channels; none for a target without any."""
    found: dict[Target, set[str]] = defaultdict(set)
    for channel, info in catalogue.channels.items():
        for target in (
            Target.of_channel(channel),
            Target.of_station(info.station.id),
            Target.of_zone(info.station.zone),
        ):
            found[target].add(info.gateway)
    return {target: frozenset(gateways) for target, gateways in found.items()}
