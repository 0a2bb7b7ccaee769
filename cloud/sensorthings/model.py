"""What of a district is what in the data model of SensorThings (OGC 18-088, 8.2), in one table. Pure.

| SensorThings       | Here                                   | id                                       |
| ---                | ---                                    | ---                                      |
| Thing              | a station                              | the station's                            |
| Location           | where the station stands               | the station's                            |
| HistoricalLocation | none: stations stand where they stand  |                                          |
| Datastream         | a channel                              | the channel's number                     |
| Sensor             | a device                               | the device's                             |
| ObservedProperty   | a quantity that a channel measures     | the quantity's name                      |
| Observation        | a reading, its flag as `resultQuality` | the channel's number - UTC milliseconds  |
| FeatureOfInterest  | the station's place                    | the station's                            |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.places import Station
from contract.catalogue.quantities import Quantity, QuantityKind

Id = int | str
GEOJSON = "application/geo+json"
_MEASURED = "http://www.opengis.net/def/observationType/OGC-OM/2.0/"
_TYPES = {QuantityKind.EVENT: _MEASURED + "OM_CountObservation"}
# A unit's name, and the code of UCUM where that is written otherwise than our unit.
_UNITS: Mapping[str, tuple[str, str]] = {
    "m": ("metre", "m"),
    "mm": ("millimetre", "mm"),
    "m/s": ("metre per second", "m/s"),
    "m3/s": ("cubic metre per second", "m3/s"),
    "mm/h": ("millimetre per hour", "mm/h"),
    "cm/min": ("centimetre per minute", "cm/min"),
    "%": ("percent", "%"),
    "h": ("hour", "h"),
    "V": ("volt", "V"),
    "A": ("ampere", "A"),
    "kW": ("kilowatt", "kW"),
    "°C": ("degree Celsius", "Cel"),
    "dBm": ("decibel milliwatt", "dB[mW]"),
    "1": ("one", "1"),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A set of entities. links: navigation property -> the set that it leads to; one: those that lead to one entity.

    properties: what an entity of it has, in the order in which an answer has them.
    """

    name: str
    properties: tuple[str, ...]
    links: Mapping[str, str]
    one: frozenset[str] = frozenset()


_NAMED = ("name", "description", "properties")
KINDS: Mapping[str, Kind] = {
    k.name: k
    for k in (
        Kind("Things", _NAMED, {n: n for n in ("Locations", "HistoricalLocations", "Datastreams")}),
        Kind(
            "Locations",
            ("name", "description", "encodingType", "location", "properties"),
            {n: n for n in ("Things", "HistoricalLocations")},
        ),
        Kind("HistoricalLocations", ("time",), {"Thing": "Things", "Locations": "Locations"}, frozenset({"Thing"})),
        Kind(
            "Datastreams",
            ("name", "description", "observationType", "unitOfMeasurement", "observedArea", "properties"),
            {
                "Thing": "Things",
                "Sensor": "Sensors",
                "ObservedProperty": "ObservedProperties",
                "Observations": "Observations",
            },
            frozenset({"Thing", "Sensor", "ObservedProperty"}),
        ),
        Kind(
            "Sensors",
            ("name", "description", "encodingType", "metadata", "properties"),
            {"Datastreams": "Datastreams"},
        ),
        Kind("ObservedProperties", ("name", "definition", "description", "properties"), {"Datastreams": "Datastreams"}),
        Kind(
            "Observations",
            ("phenomenonTime", "resultTime", "result", "resultQuality"),
            {"Datastream": "Datastreams", "FeatureOfInterest": "FeaturesOfInterest"},
            frozenset({"Datastream", "FeatureOfInterest"}),
        ),
        Kind(
            "FeaturesOfInterest",
            ("name", "description", "encodingType", "feature", "properties"),
            {"Observations": "Observations"},
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Entity:
    """time_ms: of an observation alone, with channel: whose it is."""

    kind: Kind
    id: Id
    properties: Mapping[str, Any] = field(repr=False)
    time_ms: int | None = None
    channel: int | None = None


class Model:
    """The entities of a district but for observations, which `observations` reads. Nothing of it changes while the
    cloud runs; an entity is made when it is asked for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._by_device: dict[str, list[ChannelInfo]] = {}
        self._by_quantity: dict[str, list[ChannelInfo]] = {}
        self._by_station: dict[str, list[ChannelInfo]] = {}
        for _, c in sorted(catalogue.channels.items()):
            self._by_device.setdefault(c.device.id, []).append(c)
            self._by_quantity.setdefault(c.quantity.value, []).append(c)
            self._by_station.setdefault(c.station.id, []).append(c)

    @cached_property
    def channels(self) -> Sequence[int]:
        """All of them, rising."""
        return sorted(self._catalogue.channels)

    def period_s(self, channel: int) -> float:
        return self._catalogue.channels[channel].period_s

    def ids(self, kind: str) -> Sequence[Id]:
        """Of all entities of a kind, in an order that stays."""
        if kind == "Datastreams":
            return self.channels
        found: Mapping[str, Sequence[str]] = {
            "Sensors": sorted(self._by_device),
            "ObservedProperties": sorted(self._by_quantity),
            "HistoricalLocations": (),
        }
        return found.get(kind, sorted(self._catalogue.stations))

    def get(self, kind: str, id: Id) -> Entity | None:
        """None where there is none."""
        if kind == "Datastreams":
            c = self._catalogue.channels.get(id) if isinstance(id, int) else None
            return None if c is None else Entity(KINDS[kind], c.id, _datastream(c))
        if not isinstance(id, str):
            return None
        if kind == "Sensors":
            found = self._by_device.get(id)
            return None if found is None else Entity(KINDS[kind], id, _sensor(found))
        if kind == "ObservedProperties":
            known = id in self._by_quantity
            return Entity(KINDS[kind], id, _observed_property(self._by_quantity[id][0].quantity)) if known else None
        s = self._catalogue.stations.get(id)
        if s is None or kind not in _OF_STATION:
            return None
        return Entity(KINDS[kind], id, _OF_STATION[kind](s))

    def linked(self, entity: Entity, link: str) -> Sequence[Id]:
        """Ids of what a navigation property leads to, in the order of `ids`; not for Observations."""
        return [e.id for e in self._channels_of(entity)] if link == "Datastreams" else self._others(entity, link)

    def channels_of(self, entity: Entity) -> Sequence[int]:
        """Whose readings are an entity's Observations: of a datastream or a feature of interest."""
        return [c.id for c in self._channels_of(entity)]

    def _channels_of(self, entity: Entity) -> Sequence[ChannelInfo]:
        if isinstance(entity.id, int):
            return (self._catalogue.channels[entity.id],)
        by = {"Sensors": self._by_device, "ObservedProperties": self._by_quantity}
        return by.get(entity.kind.name, self._by_station).get(entity.id, ())

    def _others(self, entity: Entity, link: str) -> Sequence[Id]:
        if link == "HistoricalLocations":
            return ()
        number = entity.channel if entity.kind.name == "Observations" else entity.id
        if not isinstance(number, int):  # of a station, which is all of these by one id
            return (entity.id,)
        c = self._catalogue.channels[number]
        of: Mapping[str, Id] = {
            "Datastream": c.id,
            "Sensor": c.device.id,
            "ObservedProperty": c.quantity.value,
        }
        return (of.get(link, c.station.id),)


def _point(s: Station) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [s.lon, s.lat]}


def _thing(s: Station) -> dict[str, Any]:
    own: dict[str, Any] = {
        "kind": s.kind.value,
        "zone": s.zone,
        "subdistrict": s.subdistrict,
        "tags": list(s.tags),
        "names": dict(s.name.languages),
    }
    if s.pumps is not None:
        own["pumps"] = s.pumps
    return {"name": str(s.name), "description": f"Station {s.id}: {s.kind.value.replace('_', ' ')}", "properties": own}


def _location(s: Station) -> dict[str, Any]:
    return {
        "name": str(s.name),
        "description": f"Where station {s.id} stands (WGS 84)",
        "encodingType": GEOJSON,
        "location": _point(s),
        "properties": {"zone": s.zone},
    }


def _feature(s: Station) -> dict[str, Any]:
    found = _location(s)
    found["feature"] = found.pop("location")
    return found


_OF_STATION = {"Things": _thing, "Locations": _location, "FeaturesOfInterest": _feature}


def _datastream(c: ChannelInfo) -> dict[str, Any]:
    name, code = _UNITS.get(c.unit, (c.unit, c.unit))
    return {
        "name": f"{c.station.name}: {c.name or c.quantity.value.replace('_', ' ')}",
        "description": f"Channel {c.id}: {c.quantity.meaning}",
        "observationType": _TYPES.get(c.quantity.kind, _MEASURED + "OM_Measurement"),
        "unitOfMeasurement": {"name": name, "symbol": c.unit, "definition": f"ucum:{code}"},
        "observedArea": _point(c.station),
        "properties": {
            "kind": c.quantity.kind.value,
            "gateway": c.gateway,
            "period_s": c.period_s,
            "heartbeat_s": c.reporting.heartbeat_s,
        },
    }


def _sensor(channels: Sequence[ChannelInfo]) -> dict[str, Any]:
    c = channels[0]
    source = c.model.document
    said = f"{source.title}, {source.edition}" if source is not None else c.model.description
    return {
        "name": c.device.id,
        "description": c.model.description,
        "encodingType": "text/plain",
        "metadata": said,
        "properties": {"model": c.model.model, "protocol": c.model.protocol, "gateway": c.gateway, "bus": c.bus},
    }


def _observed_property(q: Quantity) -> dict[str, Any]:
    return {
        "name": q.value,
        "definition": f"urn:headwater:quantity:{q.value}",
        "description": q.meaning,
        "properties": {"unit": q.unit, "kind": q.kind.value},
    }
