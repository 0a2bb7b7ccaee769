"""The catalogue: District > Zone > Station > Channel, and Gateway > Bus > Device.

A folder of YAML files, read by `host.district_folder` and checked as a whole by `contract.catalogue.loader`:

    district.yaml       the district, its zones, its stations and their channels
    gateways.yaml       gateways, their buses, the devices on them
    rules.yaml          thresholds
    response_plan.yaml  what each level calls for

Device models stand in `devices/` of the same folder, or in the `devices/`
beside the folder's parent (`configs/devices` for `configs/districts/<name>`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from contract.catalogue.channel_settings import Quality, Reporting
from contract.catalogue.devices import Device, DeviceModel, Gateway, Register
from contract.catalogue.names import Language
from contract.catalogue.neighbours import neighbours_of
from contract.catalogue.places import District, Station, Subdistrict, Zone
from contract.catalogue.plan import ResponsePlanFile
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Rule


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
        return self.device.period_s or self.model.period_s


@dataclass(frozen=True)
class Catalogue:
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
    def rule_by_channel(self) -> Mapping[int, Rule]:
        """The rule that watches each channel; one that names the channel goes before one that names its kind."""
        out: dict[int, Rule] = {}
        for rule in self.rules:
            if rule.station_kind is not None:
                for c in self.channels.values():
                    if c.quantity is rule.quantity and c.station.kind is rule.station_kind:
                        out[c.id] = rule
        for rule in self.rules:
            for number in rule.channels:
                out[number] = rule
        return out

    def station_channels(self, station: str) -> Sequence[ChannelInfo]:
        return [self.channels[c.id] for c in self.stations[station].channels]
