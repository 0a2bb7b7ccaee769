"""The requirements of OGC 18-088 that a service must keep that is read, each with a test.

Not kept, and not said to be: creating, changing and deleting, batches, MQTT, MultiDatastream.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cloud.sensorthings.routes import CONFORMANCE, ROOT
from cloud.series.parquet import ParquetStore
from tests.cloud.sensorthings.asked import MINUTES, Asked, ids

SETS = {
    "Things": ({"name", "description", "properties"}, {"Locations", "HistoricalLocations", "Datastreams"}),
    "Locations": ({"name", "description", "encodingType", "location"}, {"Things", "HistoricalLocations"}),
    "Datastreams": (
        {"name", "description", "unitOfMeasurement", "observationType"},
        {"Thing", "Sensor", "ObservedProperty", "Observations"},
    ),
    "Sensors": ({"name", "description", "encodingType", "metadata"}, {"Datastreams"}),
    "ObservedProperties": ({"name", "definition", "description"}, {"Datastreams"}),
    "Observations": ({"phenomenonTime", "resultTime", "result"}, {"Datastream", "FeatureOfInterest"}),
    "FeaturesOfInterest": ({"name", "description", "encodingType", "feature"}, {"Observations"}),
}
SINGLE = {"thing": "Things", "location": "Locations", "datastream": "Datastreams", "sensor": "Sensors"}
SINGLE |= {"observed-property": "ObservedProperties", "observation": "Observations"}
SINGLE |= {"feature-of-interest": "FeaturesOfInterest"}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    from host.district_folder import load
    from tests.conftest import SMALL_DISTRICT

    store = ParquetStore(tmp_path_factory.mktemp("series"))
    yield Asked(load(SMALL_DISTRICT), store)
    store.close()


def root(asked: Asked) -> None:
    found = asked.get("")
    assert {e["name"] for e in found["value"]} == {*SETS, "HistoricalLocations"}
    assert all(e["url"] == f"http://test{ROOT}/{e['name']}" for e in found["value"])
    assert found["serverSettings"]["conformance"] == list(CONFORMANCE)


def control_information(asked: Asked) -> None:
    for name in SETS:
        for e in asked.get(name, top=3)["value"]:
            again = asked.http.get(e["@iot.selfLink"].removeprefix("http://test")).json()
            assert again == e and again["@iot.id"] == e["@iot.id"]


def properties(name: str) -> Callable[[Asked], None]:
    def test(asked: Asked) -> None:
        first = asked.get(name, top=1)["value"][0]
        assert set(first) >= SETS[name][0]
        assert all(first[p] is not None for p in SETS[name][0])

    return test


def relations(name: str) -> Callable[[Asked], None]:
    def test(asked: Asked) -> None:
        first = asked.get(name, top=1)["value"][0]
        links = {k.removesuffix("@iot.navigationLink"): v for k, v in first.items() if k.endswith("navigationLink")}
        assert set(links) == SETS[name][1]
        for link, url in links.items():
            found = asked.http.get(url.removeprefix("http://test"))
            assert found.status_code == 200
            assert ("value" in found.json()) == link.endswith("s")

    return test


def historical_locations(asked: Asked) -> None:
    assert asked.get("HistoricalLocations", count="true") == {"@iot.count": 0, "value": []}
    assert asked.get("Things('u1')/HistoricalLocations")["value"] == []


def paths(asked: Asked) -> None:
    assert ids(asked.get("Things('u1')/Datastreams")) == [101, 102, 103]
    assert asked.get("Datastreams(101)/Thing")["@iot.id"] == "u1"
    assert asked.get("Things('u1')/Datastreams(102)/Sensor")["@iot.id"] == "u1-plc"
    assert asked.get("Datastreams(101)/Thing/Locations('u1')/location")["location"]["coordinates"] == [113.66, 34.78]
    assert asked.get("Things('u1')/name") == {"name": "First Underpass"}
    assert asked.http.get(f"{ROOT}/Things('u1')/name/$value").text == "First Underpass"
    assert asked.get("Things('u1')/Datastreams/$ref", top=1)["value"] == [
        {"@iot.selfLink": f"http://test{ROOT}/Datastreams(101)"}
    ]
    observation = asked.get("FeaturesOfInterest('u1')/Observations", top=1)["value"][0]
    assert asked.get(f"Observations('{observation['@iot.id']}')/Datastream")["@iot.id"] == 101


def status_codes(asked: Asked) -> None:
    for path in ("Things('x')", "Datastreams(9)", "Things('u1')/Datastreams(201)", "Nothing", "Things/Datastreams"):
        assert asked.refusal(path)[0] == 404, path
    missing = next(e for e in asked.get("Datastreams(101)/Observations")["value"] if e["result"] is None)
    assert asked.http.get(f"{ROOT}/Observations('{missing['@iot.id']}')/result/$value").status_code == 204
    assert asked.http.post(f"{ROOT}/Things", json={}).status_code == 405


def query_status_codes(asked: Asked) -> None:
    for option, text in (("filter", "x eq 1"), ("orderby", "x"), ("select", "x"), ("expand", "X"), ("top", "-1")):
        assert asked.refusal("Things", **{option: text})[0] == 400, option
    assert asked.refusal("Things", colour="red")[0] == 422


def expand(asked: Asked) -> None:
    found = asked.get("Things('u1')", expand="Datastreams($orderby=id desc;$top=2;$count=true;$select=id),Locations")
    assert [d["@iot.id"] for d in found["Datastreams"]] == [103, 102]
    assert found["Datastreams@iot.count"] == 3
    (rest,) = asked.http.get(found["Datastreams@iot.nextLink"].removeprefix("http://test")).json()["value"]
    assert rest == {"@iot.id": 101}
    assert found["Locations"][0]["location"]["type"] == "Point"
    deep = asked.get("Things('u1')", expand="Datastreams/Sensor,Datastreams/Observations($top=1)")["Datastreams"]
    assert [d["Sensor"]["@iot.id"] for d in deep] == ["u1-level", "u1-plc", "u1-plc"]
    assert [len(d["Observations"]) for d in deep] == [1, 0, 0]


def select(asked: Asked) -> None:
    assert asked.get("Things", select="id,name", top=1)["value"] == [{"@iot.id": "r1", "name": "Rain Gauge One"}]
    assert set(asked.get("Things('u1')", select="Datastreams")) == {"Datastreams@iot.navigationLink"}
    assert asked.get("Things('u1')", select="name", expand="Locations($select=name)") == {
        "name": "First Underpass",
        "Locations": [{"name": "First Underpass"}],
    }


def order(asked: Asked) -> None:
    assert ids(asked.get("Datastreams", orderby="id desc")) == [301, 201, 103, 102, 101]
    assert ids(asked.get("Datastreams", orderby="Thing/name,id desc")) == [201, 103, 102, 101, 301]
    found = asked.get("Observations", orderby="phenomenonTime desc", top=4)
    assert ids(found)[0].startswith("301-") and ids(found)[3].startswith("301-")
    values = [e["result"] for e in asked.get("Datastreams(101)/Observations", orderby="result desc", top=3)["value"]]
    assert values == sorted(values, reverse=True) and values[0] == 101 + (MINUTES - 2) / 1000


def top_and_skip(asked: Asked) -> None:
    assert ids(asked.get("Datastreams", top=2, skip=1)) == [102, 103]
    assert asked.get("Datastreams", top=0, count="true") == {"@iot.count": 5, "value": []}
    assert ids(asked.get("Datastreams", skip=99)) == []
    plain = ids(asked.get("Datastreams(101)/Observations", top=30))
    assert ids(asked.get("Datastreams(101)/Observations", top=10, skip=20)) == plain[20:]


def count(asked: Asked) -> None:
    assert asked.get("Datastreams", count="true", filter="Thing/id eq 'u1'", top=1)["@iot.count"] == 3
    assert asked.get("Observations", count="true", top=0)["@iot.count"] == 3 * MINUTES
    assert "@iot.count" not in asked.get("Datastreams", count="false")


def filters(asked: Asked) -> None:
    assert ids(asked.get("Things", filter="Datastreams/ObservedProperty/name eq 'depth'")) == ["s1", "u1"]
    assert ids(asked.get("Things", filter="properties/zone eq 'north' and not (id eq 'u1')")) == ["r1"]
    found = asked.get("Datastreams(101)/Observations", filter="resultQuality eq 9", count="true")
    assert found["@iot.count"] == MINUTES // 60


def functions(asked: Asked) -> None:
    box = "geography'POLYGON ((113.65 34.77, 113.67 34.77, 113.67 34.80, 113.65 34.80, 113.65 34.77))'"
    assert ids(asked.get("Locations", filter=f"geo.intersects(location, {box})")) == ["u1"]
    assert ids(asked.get("Things", filter=f"st_within(Locations/location, {box})")) == ["u1"]
    assert ids(asked.get("Things", filter="startswith(tolower(name), 'first')")) == ["s1", "u1"]


def pages(asked: Asked) -> None:
    assert [e["@iot.id"] for e in asked.follow(asked.get("Datastreams", top=2))] == [101, 102, 103, 201, 301]
    for orderby in ("phenomenonTime asc", "phenomenonTime desc", "result desc"):
        found = asked.follow(asked.get("Observations", top=499, orderby=orderby))
        assert len({e["@iot.id"] for e in found}) == len(found) == 3 * MINUTES
    assert len(asked.get("Observations")["value"]) == 100


def data_array(asked: Asked) -> None:
    plain = asked.get("Observations", top=7)["value"]
    found = asked.get("Observations", top=7, resultFormat="dataArray", count="true")
    assert found["@iot.count"] == 3 * MINUTES and "resultFormat=dataArray" in found["@iot.nextLink"]
    rows: list[dict[str, Any]] = []
    for table in found["value"]:
        assert table["dataArray@iot.count"] == len(table["dataArray"])
        assert re.fullmatch(rf"http://test{ROOT}/Datastreams\(\d+\)", table["Datastream@iot.navigationLink"])
        assert table["components"] == ["id", "phenomenonTime", "resultTime", "result", "resultQuality"]
        rows += [dict(zip(table["components"], row, strict=True)) for row in table["dataArray"]]
    wanted = {e["@iot.id"]: e for e in plain}
    assert {r["id"]: r["result"] for r in rows} == {i: e["result"] for i, e in wanted.items()}


REQUIREMENTS: dict[str, Callable[[Asked], None]] = {
    "datamodel/entity-control-information/common-control-information": control_information,
    **{f"datamodel/{one}/properties": properties(many) for one, many in SINGLE.items()},
    **{f"datamodel/{one}/relations": relations(many) for one, many in SINGLE.items()},
    "datamodel/historical-location/properties": historical_locations,
    "resource-path/resource-path-to-entities": paths,
    "resource-path/service-root": root,
    "request-data/status-code": status_codes,
    "request-data/query-status-code": query_status_codes,
    "request-data/order": order,
    "request-data/expand": expand,
    "request-data/select": select,
    "request-data/orderby": order,
    "request-data/top": top_and_skip,
    "request-data/skip": top_and_skip,
    "request-data/count": count,
    "request-data/filter": filters,
    "request-data/built-in-filter-operations": filters,
    "request-data/built-in-query-functions": functions,
    "request-data/pagination": pages,
    "data-array/data-array": data_array,
}


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_requirement(asked: Asked, requirement: str) -> None:
    REQUIREMENTS[requirement](asked)


def test_what_is_said_to_be_kept_is_tested() -> None:
    for uri in CONFORMANCE:
        name = uri.partition("/req/")[2]
        assert any(r == name or r.startswith(f"{name}/") for r in REQUIREMENTS), name
