"""The catalogue: District > Zone > Station > Channel, and Gateway > Bus > Device.

A folder of YAML files, read by `host.district_folder` and checked as a whole by `contract.catalogue.loader`:

    district.yaml       the district, its zones, its stations and their channels
    gateways.yaml       gateways, their buses, the devices on them
    rules.yaml          thresholds
    response_plan.yaml  what each level calls for

    texts/zh.jinja, texts/en.jinja      what its warnings say, where it says it in its own words; may be absent

Device models stand in `devices/` of the same folder, or in the `devices/`
beside the folder's parent (`configs/devices` for `configs/districts/<name>`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from contract.catalogue.channel_settings import Quality, Reporting
from contract.catalogue.detectors import Watches
from contract.catalogue.devices import Device, DeviceModel, Gateway, Register
from contract.catalogue.names import Language
from contract.catalogue.neighbours import neighbours_of
from contract.catalogue.places import District, Station, StationKind, Subdistrict, Zone
from contract.catalogue.plan import ResponsePlanFile
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level, Rule
from contract.catalogue.texts import TextFile


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A channel with everything that follows from where it stands."""

    id: int
    name: str
    station: Station
    gateway: str
    bus: str
    device: Device
    model: DeviceModel
    register: Register
    quality: Quality
    reporting: Reporting
    names: Mapping[Language, str] = field(default_factory=dict)

    @property
    def quantity(self) -> Quantity:
        return self.register.quantity

    @property
    def unit(self) -> str:
        return self.register.quantity.unit

    @property
    def period_s(self) -> float:
        """How often it is asked, or speaks: the register's own period, else the device's, else the model's."""
        return self.register.period_s or self.device.period_s or self.model.period_s


@dataclass(frozen=True, slots=True)
class Watch:
    """A rule and what it watches.

    channels: by number, rising; of a detector that watches stations those of the quantities that it takes there, of one
    that watches gateways none. stations, gateways: their ids in the catalogue's order; empty of a detector that watches
    something else.
    """

    rule: Rule
    channels: Sequence[int]
    stations: Sequence[str] = ()
    gateways: Sequence[str] = ()


@dataclass(frozen=True)
class Catalogue:
    """A district, checked as a whole: everything that one of its parts names is there.

    zones, stations, gateways, models, subdistricts: by id. channels: by number. rules: in the order of `rules.yaml`.
    digest: SHA-256 of the files, hexadecimal: the same for who reads the same files. texts: the district's own
    templates for what its warnings say; the digest is not of them, for gateways need none.
    """

    district: District
    zones: Mapping[str, Zone]
    stations: Mapping[str, Station]
    gateways: Mapping[str, Gateway]
    models: Mapping[str, DeviceModel]
    channels: Mapping[int, ChannelInfo]
    rules: Sequence[Rule]
    response_plan: ResponsePlanFile
    digest: str
    subdistricts: Mapping[str, Subdistrict] = field(default_factory=dict)
    texts: Mapping[Language, TextFile] = field(default_factory=dict)

    @cached_property
    def channels_by_gateway(self) -> Mapping[str, Sequence[ChannelInfo]]:
        """Every gateway's channels in order of number; a gateway without any has an empty list."""
        out: dict[str, list[ChannelInfo]] = {g: [] for g in self.gateways}
        for info in sorted(self.channels.values(), key=lambda c: c.id):
            out[info.gateway].append(info)
        return out

    @cached_property
    def neighbours(self) -> Mapping[str, Sequence[str]]:
        """Station id -> ids of its neighbours; see `contract.catalogue.neighbours`."""
        return neighbours_of(self.stations)

    @cached_property
    def watches(self) -> Sequence[Watch]:
        """Every rule with what it watches, in the order of `rules.yaml`; which rule goes before which says `Rule`."""
        at_station: dict[tuple[str, Quantity], list[int]] = {}
        for c in sorted(self.channels.values(), key=lambda info: info.id):
            at_station.setdefault((c.station.id, c.quantity), []).append(c.id)
        by_kind: dict[StationKind, list[str]] = {}
        for s in self.stations.values():
            by_kind.setdefault(s.kind, []).append(s.id)

        def there(rule: Rule, stations: Iterable[str]) -> set[int]:
            return {c for s in stations for q in rule.quantities for c in at_station.get((s, q), ())}

        # By what is looked for: what rules name of channels, of channels by their station, of stations and gateways.
        channels: dict[Hashable, set[int]] = defaultdict(set)
        by_station: dict[Hashable, set[int]] = defaultdict(set)
        places: dict[Hashable, set[str]] = defaultdict(set)
        for rule in self.rules:
            channels[rule.looks_for].update(rule.channels)
            by_station[rule.looks_for].update(there(rule, rule.stations))
            places[rule.looks_for].update(rule.stations, rule.gateways)
        out = []
        for rule in self.rules:
            what, watches = rule.looks_for, rule.definition.watches
            stations: Sequence[str] = [s for s in self.stations if s in rule.stations]
            if watches is Watches.GATEWAYS:
                own = [g for g in self.gateways if (g not in places[what] if rule.all_gateways else g in rule.gateways)]
                out.append(Watch(rule, (), (), own))
            elif watches is Watches.STATIONS:
                if rule.station_kind is not None:
                    stations = [s for s in by_kind.get(rule.station_kind, ()) if s not in places[what]]
                out.append(Watch(rule, tuple(sorted(there(rule, stations))), stations))
            else:
                meant = there(rule, stations) - channels[what]
                if rule.station_kind is not None:
                    meant = there(rule, by_kind.get(rule.station_kind, ())) - channels[what] - by_station[what]
                out.append(Watch(rule, tuple(sorted({*rule.channels, *meant}))))
        return out

    @cached_property
    def rules_by_channel(self) -> Mapping[int, Sequence[Rule]]:
        """The rules that watch each channel, in the order of `rules.yaml`; a channel that none watches is absent."""
        out: dict[int, list[Rule]] = {}
        for watch in self.watches:
            for channel in watch.channels:
                out.setdefault(channel, []).append(watch.rule)
        return out

    def thresholds(self, channel: int) -> Mapping[Level, float]:
        """What the channel's own value is compared with, for charts: of its first rule that does so; empty if none."""
        own = (r for r in self.rules_by_channel.get(channel, ()) if r.detector == "threshold")
        return next((r.levels for r in own), {})

    def compared_with(self, channel: int) -> Sequence[float]:
        """All that rules compare the channel's own value with, in its quantity's unit, rising."""
        own = (r for r in self.rules_by_channel.get(channel, ()) if r.detector == "threshold")
        return sorted({value for rule in own for value in rule.levels.values()})

    def station_channels(self, station: str) -> Sequence[ChannelInfo]:
        return [self.channels[c.id] for c in self.stations[station].channels]
