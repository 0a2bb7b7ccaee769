"""What there is in a district: stations, channels, zones, sub-districts, gateways, devices, pumps; on a map, too.

GeoJSON is RFC 7946's: positions are longitude, latitude; a property is what the JSON of the same question has.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query
from fastapi.responses import Response

from cloud.api.encoding import json_of
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.pump_stations import OF_PUMP, pumps_of
from cloud.api.selection import Kinds, Selection, Stations, Subdistricts, Tags, Zones, stations_named
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.devices import Gateway
from contract.catalogue.names import NameText
from contract.catalogue.places import Station, Zone

GEOJSON = "application/geo+json"
_Format = Annotated[Literal["json", "geojson"], Query(description="`geojson` for a map")]
_Box = Annotated[
    str | None,
    Query(max_length=200, description="west,south,east,north in degrees (WGS 84); west above east crosses 180°"),
]
Row = dict[str, Any]
Geometry = Mapping[str, Any] | None


class Where:
    """A dependency of an operation: stations that fit each kind of name given and stand in the box; else all."""

    def __init__(
        self,
        station: Stations = None,
        zone: Zones = None,
        subdistrict: Subdistricts = None,
        kind: Kinds = None,
        tag: Tags = None,
        bbox: _Box = None,
    ) -> None:
        self._station, self._zone, self._subdistrict = station or [], zone or [], subdistrict or []
        self._kind, self._tag, self._box = kind or [], tag or [], None if bbox is None else _box(bbox)
        self.names_any = any((station, zone, subdistrict, kind, tag, bbox))

    def stations(self, catalogue: Catalogue) -> list[Station]:
        """In the catalogue's order. Raises Problem(404) for a name that there is not."""
        named = (self._station, self._zone, self._subdistrict, self._kind, self._tag)
        found = stations_named(catalogue, *named)
        return [s for s in found if self._box is None or _within(self._box, s)]


def _box(text: str) -> tuple[float, float, float, float]:
    """Raises Problem(422)."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        what = f"bbox is {text[:64]!r}: write west,south,east,north in degrees, as 113.6,34.7,113.8,34.9"
        raise Problem(422, "There is no such box", what)
    return west, south, east, north


def _within(box: tuple[float, float, float, float], s: Station) -> bool:
    west, south, east, north = box
    along = west <= s.lon <= east if west <= east else s.lon >= west or s.lon <= east
    return along and south <= s.lat <= north


def mount(app: FastAPI, services: Services) -> None:
    catalogue = services.catalogue
    whole = {s.id for s in catalogue.stations.values()}

    def of(where: Where) -> tuple[list[Station], set[str] | None]:
        """The stations, and their ids; None: of all, so that what stands at none is meant, too."""
        found = where.stations(catalogue)
        meant = {s.id for s in found}
        return found, None if meant == whole else meant

    @cache
    def all_channels() -> bytes:  # a catalogue does not change while we run
        return bytes(json_of([channel_json(catalogue, number) for number in sorted(catalogue.channels)]).body)

    @cache
    def all_stations() -> bytes:
        return bytes(json_of([station_json(catalogue, s) for s in catalogue.stations.values()]).body)

    @app.get("/v1/stations")
    def stations(where: Annotated[Where, Depends()], format: _Format = "json") -> Response:
        """Stations, with zone, place and channels; all of them, or those that the names and the box mean."""
        found, meant = of(where)
        if meant is None and format == "json":
            return Response(all_stations(), media_type="application/json")
        return _answer(format, ((station_json(catalogue, s), _point(s)) for s in found), ("lat", "lon"))

    @app.get("/v1/channels")
    def channels(selection: Annotated[Selection, Depends()]) -> Response:
        """Channels, with quantity, unit, source and thresholds; all of them, or those that are named."""
        if not selection.names_any():
            return Response(all_channels(), media_type="application/json")
        return json_of([channel_json(catalogue, number) for number in selection.channels(catalogue)])

    @app.get("/v1/zones")
    def zones(where: Annotated[Where, Depends()], format: _Format = "json") -> Response:
        """Zones, with their areas and stations; all of them, or those of the stations that are meant."""
        found, meant = of(where)
        standing = _by(found, lambda s: s.zone)
        wanted = [z for z in catalogue.zones.values() if meant is None or z.id in standing]
        return _answer(format, ((zone_json(z, standing.get(z.id, ())), _ring(z)) for z in wanted), ("area",))

    @app.get("/v1/subdistricts")
    def subdistricts(where: Annotated[Where, Depends()]) -> Response:
        """Sub-districts (街道), with their stations; all of them, or those of the stations that are meant."""
        found, meant = of(where)
        standing = _by(found, lambda s: s.subdistrict or "")
        wanted = [s for s in catalogue.subdistricts.values() if meant is None or s.id in standing]
        return json_of([{**_named(s.id, s.name), "stations": list(standing.get(s.id, ()))} for s in wanted])

    @app.get("/v1/gateways")
    def gateways(where: Annotated[Where, Depends()], format: _Format = "json") -> Response:
        """Gateways, with buses, stations and channels; all of them, or those that read at the stations meant."""
        _, meant = of(where)
        rows = [
            (
                gateway_json(catalogue, g),
                _points(catalogue, {c.station.id for c in catalogue.channels_by_gateway[g.id]}),
            )
            for g in catalogue.gateways.values()
        ]
        return _answer(format, ((row, at) for row, at in rows if meant is None or meant.intersection(row["stations"])))

    @app.get("/v1/devices")
    def devices(where: Annotated[Where, Depends()], format: _Format = "json") -> Response:
        """Instruments, with model, bus, address, stations and channels; all of them, or those of the stations meant."""
        _, meant = of(where)
        rows = [(row, _points(catalogue, row["stations"])) for row in devices_json(catalogue)]
        return _answer(format, ((row, at) for row, at in rows if meant is None or meant.intersection(row["stations"])))

    @app.get("/v1/pumps")
    def pumps(where: Annotated[Where, Depends()], format: _Format = "json") -> Response:
        """Pumps, one by one, with what the catalogue knows of them and the channels that tell of each."""
        found, _ = of(where)
        return _answer(format, ((row, _point(s)) for s in found for row in pumps_json(catalogue, s)))


def _answer(form: str, rows: Iterable[tuple[Row, Geometry]], on_map: Sequence[str] = ()) -> Response:
    """on_map: properties that the geometry says already."""
    if form == "json":
        return json_of([row for row, _ in rows])
    features = [
        {
            "type": "Feature",
            "id": row["id"],
            "geometry": geometry,
            "properties": {name: value for name, value in row.items() if name not in on_map},
        }
        for row, geometry in rows
    ]
    body = json_of({"type": "FeatureCollection", "features": features}).body
    return Response(bytes(body), media_type=GEOJSON)


def _by(stations: Iterable[Station], of: Callable[[Station], str]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for s in stations:
        out.setdefault(of(s), []).append(s.id)
    return out


def _point(s: Station) -> Geometry:
    return {"type": "Point", "coordinates": [s.lon, s.lat]}


def _points(catalogue: Catalogue, stations: Iterable[str]) -> Geometry:
    """Where it is at work; None of what is at work nowhere yet."""
    found = [[s.lon, s.lat] for s in map(catalogue.stations.__getitem__, sorted(stations))]
    if len(found) == 1:
        return {"type": "Point", "coordinates": found[0]}
    return {"type": "MultiPoint", "coordinates": found} if found else None


def _ring(z: Zone) -> Geometry:
    """Closed and counterclockwise, as RFC 7946 (3.1.6) wants it."""
    ring = [[lon, lat] for lat, lon in z.area]
    ring = ring if ring[0] == ring[-1] else [*ring, ring[0]]
    turns = sum((b[0] - a[0]) * (b[1] + a[1]) for a, b in itertools.pairwise(ring))
    return {"type": "Polygon", "coordinates": [ring if turns <= 0 else ring[::-1]]}


# --- shapes ---


def _named(id: str, name: NameText) -> Row:
    return {"id": id, "name": name, "names": name.languages}


def station_json(catalogue: Catalogue, s: Station) -> Row:
    pumps = None
    if s.pumps is not None:
        pumps = {
            "count": s.pumps,
            **{name: s.each_pump(name) or None for name in ("capacity_m3s", "start_m", "stop_m")},
            "wet_well_area_m2": s.wet_well_area_m2,
            "drains_back_m": s.drains_back_m,
        }
    return {
        **_named(s.id, s.name),
        "zone": s.zone,
        "subdistrict": s.subdistrict,
        "kind": s.kind.value,
        "tags": s.tags,
        "lat": s.lat,
        "lon": s.lon,
        "neighbours": catalogue.neighbours[s.id],
        "pumps": pumps,
        "channels": [c.id for c in s.channels],
    }


def channel_json(catalogue: Catalogue, number: int) -> Row:
    c = catalogue.channels[number]
    return {
        "id": c.id,
        "name": c.name,
        "names": c.names,
        "station": c.station.id,
        "quantity": c.quantity.value,
        "unit": c.unit,
        "period_s": c.period_s,
        "gateway": c.gateway,
        "device": c.device.id,
        "thresholds": {level.value: v for level, v in catalogue.thresholds(number).items()},
    }


def zone_json(z: Zone, stations: Sequence[str]) -> Row:
    return {**_named(z.id, z.name), "incident_group": z.incident_group, "area": z.area, "stations": list(stations)}


def gateway_json(catalogue: Catalogue, g: Gateway) -> Row:
    infos = catalogue.channels_by_gateway[g.id]
    return {
        **_named(g.id, g.name),
        "buses": [{"id": b.id, "kind": b.kind, "devices": [d.id for d in b.devices]} for b in g.buses],
        "stations": sorted({c.station.id for c in infos}),
        "channels": [c.id for c in infos],
    }


def devices_json(catalogue: Catalogue) -> list[Row]:
    """By gateway and bus, as they stand in `gateways.yaml`; one that feeds no channel is there, too."""
    of: dict[str, list[int]] = {}
    for number, c in sorted(catalogue.channels.items()):
        of.setdefault(c.device.id, []).append(number)
    return [
        {
            "id": d.id,
            "model": d.model,
            "description": catalogue.models[d.model].description,
            "protocol": catalogue.models[d.model].protocol,
            "gateway": g.id,
            "bus": b.id,
            "unit": d.unit,
            "period_s": d.period_s or catalogue.models[d.model].period_s,
            "stations": sorted({catalogue.channels[c].station.id for c in of.get(d.id, ())}),
            "channels": of.get(d.id, []),
        }
        for g in catalogue.gateways.values()
        for b in g.buses
        for d in b.devices
    ]


def pumps_json(catalogue: Catalogue, s: Station) -> list[Row]:
    """One row a pump, with its place in the station counted from 1."""
    if s.pumps is None:
        return []
    known = {name: s.each_pump(name) for name in ("capacity_m3s", "start_m", "stop_m")}
    return [
        {
            "id": p.id,
            "station": s.id,
            "number": p.number,
            **{name: values[p.number - 1] if values else None for name, values in known.items()},
            "channels": {OF_PUMP[quantity]: c.id for quantity, c in p.channels.items()},
        }
        for p in pumps_of(catalogue, s)[: s.pumps]
    ]
