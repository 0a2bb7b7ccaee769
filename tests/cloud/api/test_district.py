"""What there is in the shipped district, by name, by place and on a map, read by somebody else's GeoJSON."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geojson
import httpx2
import pytest
import shapely
from fastapi import FastAPI

from cloud.api import district, problems
from contract.catalogue.catalogue import Catalogue
from host.district_folder import load
from tests.cloud.api.asking import Http

JINSHUI = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"
KINDS = ("stations", "zones", "gateways", "devices", "pumps")


@pytest.fixture(scope="module")
def jinshui() -> Catalogue:
    return load(JINSHUI)


@pytest.fixture(scope="module")
def http(jinshui: Catalogue) -> Http:
    app = FastAPI()
    problems.install(app)
    district.mount(app, SimpleNamespace(catalogue=jinshui))  # type: ignore[arg-type]  # it asks for nothing else
    return Http(app)


def ids(http: Http, what: str, **params: Any) -> list[Any]:
    return [row["id"] for row in rows(http.get(f"/v1/{what}", params=params))]


def rows(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("what", "params", "wanted"),
    [
        ("stations", {"zone": "shakou"}, ["u1", "s1", "s2", "r1"]),
        ("stations", {"zone": "沙口路", "kind": "street"}, ["s1", "s2"]),
        ("stations", {"tag": "night-closure"}, ["u1", "u2", "u3"]),
        ("stations", {"station": ["Shakou Underpass", "u2"]}, ["u1", "u2"]),
        ("stations", {"bbox": "113.668,34.789,113.670,34.790"}, ["u1"]),
        ("stations", {"bbox": "170,34,-170,35"}, []),  # across 180°
        ("zones", {"kind": "underpass"}, ["shakou", "weiwu", "jingguang"]),
        ("zones", {}, ["shakou", "riverside", "weiwu", "jingguang"]),
        ("subdistricts", {"station": "u1"}, ["nongyelu"]),
        ("gateways", {"station": "u1"}, ["gw-north"]),
        ("devices", {"station": "u1"}, ["u1-level", "u1-plc"]),
        ("pumps", {"zone": "shakou"}, ["u1/1", "u1/2"]),
        ("pumps", {"kind": "street"}, []),
        ("channels", {"station": "u1", "quantity": "depth"}, [101]),
    ],
)
def test_what_is_meant(http: Http, what: str, params: dict[str, Any], wanted: list[Any]) -> None:
    assert ids(http, what, **params) == wanted


def test_without_names_all_of_the_catalogue_is_there(http: Http, jinshui: Catalogue) -> None:
    assert ids(http, "stations") == list(jinshui.stations)
    assert ids(http, "channels") == sorted(jinshui.channels)
    assert ids(http, "gateways") == list(jinshui.gateways)
    assert len(ids(http, "devices")) == sum(len(b.devices) for g in jinshui.gateways.values() for b in g.buses)
    assert ids(http, "pumps") == ["u1/1", "u1/2", "u2/1", "u2/2", "u3/1", "u3/2"]


def test_a_pump_with_its_levels_and_channels(http: Http) -> None:
    second = rows(http.get("/v1/pumps", params={"station": "u1"}))[1]
    assert second == {
        "id": "u1/2",
        "station": "u1",
        "number": 2,
        "capacity_m3s": 0.14,
        "start_m": 2.8,
        "stop_m": 0.9,
        "channels": {"running": 113, "fault": 115, "run_hours": 118, "starts": 120},
    }


@pytest.mark.parametrize(
    ("params", "status", "said"),
    [
        ({"bbox": "1,2,3"}, 422, "write west,south,east,north in degrees"),
        ({"bbox": "1,9,3,4"}, 422, "write west,south"),
        ({"bbox": "nan,1,2,3"}, 422, "write west,south"),
        ({"bbox": "113,34,999,35"}, 422, "write west,south"),
        ({"zone": "shaku"}, 404, "did you mean 'shakou'"),
        ({"format": "kml"}, 422, "geojson"),
    ],
)
def test_what_is_refused(http: Http, params: dict[str, Any], status: int, said: str) -> None:
    for what in KINDS:
        answer = http.get(f"/v1/{what}", params=params)
        assert answer.status_code == status
        assert said in answer.text


@pytest.mark.parametrize("what", KINDS)
def test_on_a_map_it_is_geojson_and_says_the_same(http: Http, what: str) -> None:
    answer = http.get(f"/v1/{what}", params={"format": "geojson"})
    assert answer.headers["content-type"] == "application/geo+json"
    found = geojson.loads(answer.text)
    assert found.is_valid, found.errors()
    plain = rows(http.get(f"/v1/{what}"))
    assert [f["id"] for f in found["features"]] == [row["id"] for row in plain]
    for feature, row in zip(found["features"], plain, strict=True):
        assert {**row, **feature["properties"]} == row
        assert shapely.geometry.shape(feature["geometry"]).is_valid


def test_stations_stand_in_their_zones_on_the_map(http: Http) -> None:
    def shapes(what: str) -> dict[str, Any]:
        found = http.get(f"/v1/{what}", params={"format": "geojson"}).json()["features"]
        return {f["id"]: (shapely.geometry.shape(f["geometry"]), f["properties"]) for f in found}

    zones = shapes("zones")
    for place, said in shapes("stations").values():
        assert zones[said["zone"]][0].covers(place)
    for ring, _ in zones.values():
        assert ring.exterior.is_ccw  # RFC 7946, 3.1.6
