"""Sub-districts, neighbours and pump stations: what is taken, and what is refused with its line."""

from __future__ import annotations

import math
import random
import shutil
from pathlib import Path

import pytest
import yaml

from contract.catalogue.neighbours import neighbours_of
from contract.catalogue.places import Station, StationKind
from contract.documents import ConfigError
from host.district_folder import load
from tests.conftest import SMALL_DISTRICT

JINSHUI = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"
PUMPS = {"pumps": 2, "capacity_m3s": 0.14, "start_m": [2.0, 2.8], "stop_m": 0.9, "drains_back_m": 4.5}


def station(name: str = "a", lat: float = 34.0, lon: float = 113.0, **more: object) -> Station:
    return Station.model_validate(
        {"id": name, "name": name, "zone": "z", "kind": "street", "lat": lat, "lon": lon} | more
    )


def haversine_m(a: Station, b: Station) -> float:
    """In plain Python, from the definition: independent of the array form."""
    p, q = math.radians(a.lat), math.radians(b.lat)
    h = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * math.sin(math.radians(b.lon - a.lon) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(h))


@pytest.mark.parametrize("seed", range(20))
def test_neighbours_lie_within_a_kilometre_and_know_each_other(seed):
    rng = random.Random(seed)
    centre = rng.uniform(-80, 80), rng.uniform(-179, 179)
    stations = {
        f"s{i}": station(f"s{i}", centre[0] + rng.uniform(-0.02, 0.02), centre[1] + rng.uniform(-0.05, 0.05))
        for i in range(60)
    }
    found = neighbours_of(stations)
    for name, near in found.items():
        expected = [n for n, s in stations.items() if n != name and haversine_m(stations[name], s) <= 1000]
        assert list(near) == expected
        assert all(name in found[other] for other in near)


def test_named_neighbours_stand_in_place_of_the_near_ones():
    stations = {"a": station("a", neighbours=["c"]), "b": station("b"), "c": station("c", lat=40.0)}
    assert neighbours_of(stations) == {"a": ("c",), "b": ("a",), "c": ()}
    assert neighbours_of({"a": station("a", neighbours=[]), "b": station("b")})["a"] == ()


def test_pumps_have_one_number_for_all_or_one_each():
    pumped = station(**PUMPS)
    assert pumped.each_pump("capacity_m3s") == (0.14, 0.14)
    assert pumped.each_pump("start_m") == (2.0, 2.8)
    assert pumped.each_pump("stop_m") == (0.9, 0.9)
    assert station().each_pump("start_m") == ()


@pytest.mark.parametrize(
    ("bend", "why"),
    [
        ({"pumps": None}, "capacity_m3s needs `pumps`"),
        ({"pumps": 3}, "start_m lists 2 numbers for 3 pumps"),
        ({"stop_m": 2.4}, "pump 1 stops at 2.4 m and starts at 2.0 m"),
        ({"stop_m": [0.9, 2.8]}, "pump 2 stops at 2.8 m and starts at 2.8 m"),
        ({"drains_back_m": 2.8}, "drains back at 2.8 m and a pump starts at 2.8 m"),
        ({"capacity_m3s": 0}, "greater than 0"),
        ({"capacity_m3s": [0.1, -0.1]}, "greater than 0"),
        ({"pumps": 0}, "greater than or equal to 1"),
        ({"tags": ["x", "x"]}, "a tag stands twice"),
        ({"neighbours": ["a"]}, "not its own neighbour"),
        ({"wet_well_area_m2": -3}, "greater than 0"),
    ],
)
def test_pump_stations_that_cannot_be_are_refused(bend, why):
    with pytest.raises(ValueError, match=why):
        station(**PUMPS | bend)


@pytest.mark.parametrize("kind", ["street", "underpass", "subway_entrance", "gully", "pump_station", "rain", "river"])
def test_kinds_of_stations(kind):
    assert station(kind=kind).kind is StationKind(kind)


def refused(tmp_path: Path, bend) -> list[tuple[int, str]]:
    shutil.copytree(SMALL_DISTRICT, tmp_path / "small")
    path = tmp_path / "small" / "district.yaml"
    data = yaml.safe_load(path.read_text())
    bend(data)
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    with pytest.raises(ConfigError) as error:
        load(tmp_path / "small")
    lines = path.read_text().splitlines()
    return [(lines[m.line - 1].strip(), m.what) for m in error.value.mistakes if m.file == path]


def test_what_a_station_names_must_be_there(tmp_path):
    def bend(data):
        data["subdistricts"] = [{"id": "north", "name": "North"}, {"id": "north", "name": "Again"}]
        data["stations"][0] |= {"subdistrict": "south", "neighbours": [data["stations"][1]["id"], "nowhere"]}

    assert refused(tmp_path, bend) == [
        ("subdistrict: south", "no sub-district 'south': name it under `subdistricts`"),
        ("- nowhere", "no station 'nowhere'"),
        ("- id: north", "'north' exists already"),
    ]


def test_the_district_of_the_demonstration_uses_them():
    jinshui = load(JINSHUI)
    tunnel = jinshui.stations["u3"]
    assert (str(tunnel.name), tunnel.name.into("zh")) == ("Jingguang Tunnel", "京广路隧道")
    assert tunnel.each_pump("start_m") == (2.0, 2.8)
    assert (tunnel.subdistrict, tunnel.tags) == ("jingguang", ("night-closure",))
    assert jinshui.neighbours["u3"] == ("s7", "s8", "r4")
    assert jinshui.subdistricts["jingguang"].name.into("zh") == "京广路街道"
    assert all(s.name.into("zh") != s.name.into("en") for s in jinshui.stations.values())
