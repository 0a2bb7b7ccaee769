"""Which channels names mean, against a look at every channel."""

from __future__ import annotations

import pytest

from cloud.api.problems import Problem
from cloud.api.selection import Selection
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.places import StationKind
from contract.catalogue.quantities import Quantity
from tests.cloud.api.asking import Http
from tests.fuzz import api


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ({"channel": [301, 101, 301]}, [101, 301]),
        ({"station": ["u1"]}, [101, 102, 103]),
        ({"station": ["First Underpass"]}, [101, 102, 103]),
        ({"zone": ["North"], "quantity": [Quantity.DEPTH]}, [101]),
        ({"quantity": [Quantity.DEPTH]}, [101, 201]),
        ({"station": ["u1", "s1"], "quantity": [Quantity.DEPTH, Quantity.WET_WELL]}, [101, 102, 201]),
        ({"kind": [StationKind.RAIN, StationKind.STREET]}, [201, 301]),
        ({"zone": ["south"], "channel": [301]}, [201, 301]),
    ],
)
def test_what_is_meant(small_district: Catalogue, asked: dict, meant: list[int]) -> None:
    assert Selection(**asked).channels(small_district) == meant


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({}, 422, "name what you want"),
        ({"station": ["First Underpas"]}, 404, "did you mean 'First Underpass'"),
        ({"tag": ["old"]}, 404, "there is no tag 'old'"),
        ({"subdistrict": ["x"]}, 404, "there is no subdistrict 'x'"),
        ({"zone": ["south"], "quantity": [Quantity.RAIN_TOTAL]}, 422, "no channel fits all of them"),
        ({"channel": [7]}, 404, "there is no channel 7"),
    ],
)
def test_what_is_refused(small_district: Catalogue, asked: dict, status: int, said: str) -> None:
    with pytest.raises(Problem, match=said) as refused:
        Selection(**asked).channels(small_district)
    assert refused.value.status == status


def test_the_newest_readings_of_what_is_named_are_among_those_of_all() -> None:
    http = Http(api.app())

    def ask(**params: object) -> list[dict]:
        return [{k: v for k, v in row.items() if k != "age_s"} for row in http.get("/v1/latest", params=params).json()]

    every = ask()
    assert ask(zone="north", quantity="depth") == [r for r in every if r["channel"] == 101]
    assert ask(station=["u1", "r1"]) == [r for r in every if r["channel"] in (101, 102, 103, 301)]
    assert http.get("/v1/latest", params={"zone": "nowhere"}).status_code == 404
