"""What clients send, and what nobody should: every question is answered or refused in words, and none takes much."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.sensorthings import observations
from cloud.sensorthings.resource import Resource, Step, resource_of
from cloud.sensorthings.routes import ROOT
from cloud.series.parquet import ParquetStore
from contract.catalogue.catalogue import Catalogue
from tests.cloud.sensorthings.asked import CHANNELS, MINUTES, Asked, ids
from tests.cloud.series.support import START_MS

AREA = "geography'Polygon ((113.65 34.77, 113.67 34.77, 113.67 34.80, 113.65 34.80, 113.65 34.77))'"
POINTS = "location/type eq 'Point' or location/geometry/type eq 'Point'"


@pytest.fixture
def asked(small_district: Catalogue, tmp_path: Path) -> Iterator[Asked]:
    store = ParquetStore(tmp_path / "series")
    yield Asked(small_district, store)
    store.close()


def test_what_qgis_sends(asked: Asked) -> None:
    """Of a layer of points: how many there are, then pages, then those of the part of the map that is seen."""
    whole = {"filter": POINTS}
    assert asked.get("Locations", top=0, count="true", **whole) == {"@iot.count": 3, "value": []}
    first = asked.get("Locations", top=2, count="false", **whole)
    assert [e["@iot.id"] for e in asked.follow(first)] == ["r1", "s1", "u1"]
    seen = f"({POINTS}) and (geo.intersects(location, {AREA}))"
    assert ids(asked.get("Locations", top=2, count="false", filter=seen)) == ["u1"]
    expand = "Things($expand=Datastreams($orderby=id;$top=100))"
    (found,) = asked.get("Locations", top=2, count="false", filter=seen, expand=expand)["value"]
    assert [d["@iot.id"] for d in found["Things"][0]["Datastreams"]] == [101, 102, 103]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("phenomenonTime ge 2021-07-20T08:01:00Z and phenomenonTime lt 2021-07-20T08:04:00Z", 1, 3),
        ("phenomenonTime gt 2021-07-20T08:01:00Z and phenomenonTime le 2021-07-20T08:04:00Z", 2, 4),
        ("2021-07-20T16:01:00+08:00 le resultTime and 2021-07-20T08:04:00Z gt resultTime", 1, 3),
        ("phenomenonTime eq 2021-07-20T08:02:00Z", 2, 2),
        ("phenomenonTime gt 2021-07-20T08:01:59.9999Z and phenomenonTime lt 2021-07-20T08:02:00.0001Z", 2, 2),
        ("phenomenonTime ge now() sub duration'PT2M'", MINUTES - 2, MINUTES - 1),
        ("minute(phenomenonTime) lt 2 and phenomenonTime lt 2021-07-20T09:00:00Z", 0, 1),
        ("phenomenonTime ge 2021-07-20T08:02:00Z and phenomenonTime lt 2021-07-20T08:01:00Z", 0, -1),
    ],
)
def test_time_ranges(asked: Asked, text: str, first: int, last: int) -> None:
    wanted = [f"101-{START_MS + 60_000 * n}" for n in range(first, last + 1)]
    assert ids(asked.get("Datastreams(101)/Observations", filter=text)) == wanted
    newest = asked.get("Datastreams(101)/Observations", filter=text, orderby="phenomenonTime desc", count="true")
    assert (ids(newest), newest["@iot.count"]) == (wanted[::-1], len(wanted))
    by_channel = asked.get("Observations", filter=f"Datastream/id eq 101 and {text}")
    assert ids(by_channel) == wanted


@pytest.mark.parametrize(
    ("path", "options", "status", "said"),
    [
        ("Things", {"filter": "nam eq 'x'"}, 400, "did you mean name"),
        ("Things", {"filter": "Datastreams/Observations/result gt 1"}, 400, "cannot look into Observations"),
        ("Things", {"filter": "not " * 2000 + "true"}, 400, "deeper than"),
        ("Things", {"filter": "__class__(name)"}, 400, "there is no function"),
        ("Things", {"filter": "name/__class__ eq 'x' and nothing"}, 400, "have no 'nothing'"),
        ("Things", {"expand": "Datastreams,Nothing"}, 400, "have no 'Nothing'"),
        ("Things", {"expand": "Datastreams($top=1),Datastreams($top=2)"}, 400, "twice with options"),
        ("Things", {"orderby": "Datastreams/Observations/result"}, 400, "cannot look into Observations"),
        ("Things", {"top": "99999999999"}, 400, "whole number"),
        ("Things", {"skip": "1e3"}, 400, "whole number"),
        ("Things", {"count": "yes"}, 400, "true or false"),
        ("Things", {"skiptoken": "x"}, 400, "take the nextLink as it is"),
        ("Things", {"resultFormat": "dataArray"}, 400, "of Observations alone"),
        ("Things('u1')", {"filter": "true"}, 400, "$filter says nothing"),
        ("Things('u1')/name", {"select": "name"}, 400, "$select says nothing"),
        ("Observations", {"resultFormat": "dataArray", "expand": "Datastream"}, 400, "no room for $expand"),
        ("Things/Datastreams", {}, 404, "say which"),
        ("Things(x)", {}, 404, "no id"),
        ("Things('u1')/$value", {}, 404, "behind a property"),
        ("Observations('101-x')", {}, 404, "there is no Observations"),
        ("Observations('101-99999999999999')", {}, 404, "there is no Observations"),
        ("Datastreams(201)/Observations('101-1626768000000')", {}, 404, "there is no Datastreams(201)/Observations"),
        ("/".join(["Things('u1')/Locations('u1')"] * 20), {}, 404, "more than 12 steps"),
    ],
)
def test_refused_in_words(asked: Asked, path: str, options: dict[str, str], status: int, said: str) -> None:
    found, detail = asked.refusal(path, **options)
    assert (found, said in detail) == (status, True), detail


def test_an_option_stands_once(asked: Asked) -> None:
    answer = asked.http.get(f"{ROOT}/Things?$top=1&$top=2")
    assert (answer.status_code, "$top stands twice" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("bound", "path", "options"),
    [
        ("MOST_COUNTED", "Observations", {"count": "true", "top": 0}),
        ("MOST_TRIED", "Observations", {"filter": "result gt 1e9"}),
        ("MOST_TRIED", "Observations", {"orderby": "result", "top": 1}),
        ("MOST_ENTITIES", "Observations", {"top": 1000}),
        ("MOST_ENTITIES", "Things", {"expand": "Datastreams($expand=Observations($top=300))"}),
        ("MOST_ASKED", "Datastreams", {"expand": "Observations($top=1)"}),
    ],
)
def test_too_much_for_one_answer(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, bound: str, path: str, options: dict[str, str]
) -> None:
    monkeypatch.setattr(observations, bound, 3 if bound == "MOST_ASKED" else 500)
    assert asked.refusal(path, **options)[0] == 413


def test_only_what_was_asked_for_is_read(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that the whole of the history would break."""
    monkeypatch.setattr(observations, "MOST_TRIED", 70)
    found = asked.get(
        "Datastreams(101)/Observations",
        filter="phenomenonTime ge 2021-07-20T08:00:00Z and phenomenonTime lt 2021-07-20T09:00:00Z and result lt 101.01",
    )
    assert len(found["value"]) == 10
    newest = asked.get("Datastreams", expand="Observations($orderby=phenomenonTime desc;$top=1)")["value"]
    last = {d["@iot.id"]: [o["phenomenonTime"] for o in d["Observations"]] for d in newest}
    assert last == {c: ["2021-07-20T17:59:00Z"] * (c in CHANNELS) for c in (101, 102, 103, 201, 301)}


def test_ids_in_paths() -> None:
    assert resource_of("Things('a''b')/Locations") == Resource(
        (Step("Things", "a'b"), Step("Locations")), "Locations", True
    )
