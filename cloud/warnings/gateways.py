"""Whose readings speak of a target, and by what zone its incidents go. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from cloud.log.origin import Origin
from contract.catalogue.catalogue import Catalogue
from contract.conditions.targets import Target


def zones_of_targets(catalogue: Catalogue) -> dict[Target, str]:
    """In which zone each channel, station and zone is; a gateway is where its first channel is, and in no zone without
    any."""
    found: dict[Target, str] = {}
    for _, info in sorted(catalogue.channels.items()):
        found.setdefault(Target.of_gateway(info.gateway), info.station.zone)
    found |= {Target.of_channel(c): info.station.zone for c, info in catalogue.channels.items()}
    found |= {Target.of_station(s.id): s.zone for s in catalogue.stations.values()}
    return found | {Target.of_zone(zone): zone for zone in catalogue.zones}


def gateways_of(catalogue: Catalogue) -> Mapping[Target, frozenset[str]]:
    """Of each channel its gateway, of each station and zone those of its channels, of each gateway itself; none for a
    target without any."""
    stations: dict[str, set[str]] = defaultdict(set)
    zones: dict[str, set[str]] = defaultdict(set)
    found: dict[Target, frozenset[str]] = {}
    alone = {gateway: frozenset({gateway}) for gateway in {info.gateway for info in catalogue.channels.values()}}
    found |= {Target.of_gateway(gateway): frozenset({gateway}) for gateway in alone}
    for channel, info in catalogue.channels.items():
        found[Target.of_channel(channel)] = alone[info.gateway]
        stations[info.station.id].add(info.gateway)
        zones[info.station.zone].add(info.gateway)
    found |= {Target.of_station(station): frozenset(gateways) for station, gateways in stations.items()}
    return found | {Target.of_zone(zone): frozenset(gateways) for zone, gateways in zones.items()}


def heads_of(catalogue: Catalogue) -> dict[str, str]:
    """Each zone, and the zone by which its incidents go: the first that names the same group, or itself."""
    first: dict[str, str] = {}
    return {
        zone.id: zone.id if zone.incident_group is None else first.setdefault(zone.incident_group, zone.id)
        for zone in catalogue.zones.values()
    }


def heads_by_gateway(catalogue: Catalogue) -> dict[str, frozenset[str]]:
    """Of each gateway the zones by which incidents of its channels go."""
    head = heads_of(catalogue)
    found: dict[str, set[str]] = defaultdict(set)
    for channel in catalogue.channels.values():
        found[channel.gateway].add(head[channel.station.zone])
    return {gateway: frozenset(zones) for gateway, zones in found.items()}


@dataclass(frozen=True, slots=True)
class Said:
    """simulated, real: gateways that say so of themselves."""

    simulated: frozenset[str] = frozenset()
    real: frozenset[str] = frozenset()

    def hearing(self, origin: Origin) -> Said:
        """The same after one more word."""
        heard = {origin.gateway}
        if origin.simulated:
            return Said(self.simulated | heard, self.real - heard)
        return Said(self.simulated - heard, self.real | heard)


class Played:
    """Of the gateways that call themselves simulated those that are believed. Not so one that shares incidents with a
    real one: its readings are refused (`cloud.ingest.origins`), and what it says of itself alters nothing for others.

    Found once for what they say.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._heads = heads_by_gateway(catalogue)
        self._said = Said()
        self._found: frozenset[str] = frozenset()

    def __call__(self, said: Said) -> frozenset[str]:
        if self._said != said:
            nowhere: frozenset[str] = frozenset()
            taken = nowhere.union(*(self._heads.get(gateway, nowhere) for gateway in said.real))
            believed = (g for g in said.simulated if taken.isdisjoint(self._heads.get(g, nowhere)))
            self._said, self._found = said, frozenset(believed)
        return self._found
