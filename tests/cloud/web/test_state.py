"""What the page is told: pumps by what they measure, incidents and messages as the API gives them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from cloud.api.ports import Services
from cloud.api.warnings import SharedIncidents
from cloud.delivery.state import SinkMode, SinkState
from cloud.ledger.open import open_ledger
from cloud.overview.document import Shown
from cloud.warnings.reader import Which
from cloud.warnings.view import open_view
from cloud.web.state import district_state, station_series
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.readings import ReadingBatch
from tests.cloud.warnings.city import START_MS, city, entry, history

MIN = 60_000


class Said:
    """Services of a cloud that has heard these readings by now_ms."""

    def __init__(self, catalogue: Catalogue, heard: ReadingBatch, now_ms: int = START_MS) -> None:
        self.catalogue = catalogue
        self.view = open_view(open_ledger("sqlite://"), catalogue)
        self.clock = SimpleNamespace(now_ms=lambda: now_ms)
        self.warnings = self.view.reader
        self.latest = SimpleNamespace(snapshot=lambda: heard)
        self.series = SimpleNamespace(
            raw=lambda channels, start_ms, end_ms, at_most: heard.take([c in channels for c in heard.channel])
        )
        self.health = SimpleNamespace(
            ready=lambda: (True, ""),
            troubles=lambda: ["sink x: 503"],
            sinks=lambda: [SinkState("x", 3, 1, "503", SinkMode.FAILING, oldest_ms=now_ms - 2500)],
            gateways=list,
            quarantine_count=lambda: 2,
        )

    @property
    def services(self) -> Services:
        return cast(Services, self)


def test_the_page_reads_incidents_as_the_api_gives_them(small_district: Catalogue) -> None:
    said = Said(city(small_district), ReadingBatch.empty())
    said.view.apply(history(1))
    state: dict[str, Any] = orjson.loads(orjson.dumps(district_state(said.services, Shown(said.catalogue))))
    (of_api, of_page) = orjson.loads(SharedIncidents(said.services).body(Which(), 30)), state["warnings"]
    assert of_api
    for api, page in zip(of_api, of_page, strict=True):
        words = {k: page.pop(k) for k in ("zone_name", "headline", "instruction")}
        assert words["zone_name"] == said.catalogue.zones[api["zone"]].name
        assert page == api
    assert (state["now"], state["ready"], state["troubles"], state["quarantined"]) == (
        "2021-07-20T08:00:00Z",
        True,
        ["sink x: 503"],
        2,
    )
    (sink,) = state["sinks"]
    assert (sink["name"], sink["state"], sink["waiting"], sink["oldest_waiting_s"]) == ("x", "failing", 1, 2.5)


def test_a_station_shows_its_level_its_thresholds_and_the_rain_of_its_zone(small_district: Catalogue) -> None:
    heard = ReadingBatch.of(
        [START_MS - 20 * MIN, START_MS - 10 * MIN, START_MS - 5 * MIN, START_MS - 5 * MIN, START_MS],
        [101, 301, 101, 101, 301],
        [0.1, 5.0, 0.2, 9.9, 6.2],
        [1, 1, 1, 4, 1],
    )
    said = Said(small_district, heard)
    said.view.apply([entry(1, START_MS, heard)])
    series = station_series(said.services, small_district.stations["u1"], 1)
    assert (series["start"], series["end"], series["held_to"]) == (
        "2021-07-20T07:00:00Z",
        "2021-07-20T08:00:00Z",
        "2021-07-20T08:00:00Z",
    )
    assert series["points"] == [[START_MS - 20 * MIN, 0.1], [START_MS - 5 * MIN, 0.2]]  # what failed is left out
    assert series["thresholds"] == {"blue": 0.05, "yellow": 0.15, "orange": 0.25, "red": 0.5}
    assert (series["rain_from"], series["rain_step_s"]) == ("Rain Gauge One", 300)
    assert sum(mm for _, mm in series["rain"]) == pytest.approx(1.2)
    assert series["rain_uncertain"] == []
    assert small_district.channels[101].quantity is Quantity.DEPTH


@pytest.mark.parametrize(
    ("readings", "value", "sure"),
    [
        ([(-15, 5.0), (-5, 6.2)], 1.2, ""),
        ([(-70, 100.0), (-11, 160.0)], 60 * 49 / 59, "uncertain"),  # silent for 59 minutes
        ([(-15, 512.4), (-10, 498.0), (-5, 498.2)], 0.2, "at least"),
        ([(-15, 512.4), (-5, 0.0)], 0.0, "provisional"),
        ([(-90, 5.0)], None, ""),  # nothing heard in this hour
    ],
)
def test_the_rain_of_an_hour_says_how_sure_it_is(
    small_district: Catalogue, readings: list[tuple[int, float]], value: float | None, sure: str
) -> None:
    times, totals = zip(*((START_MS + m * MIN, mm) for m, mm in readings), strict=True)
    heard = ReadingBatch.of(times, [301] * len(times), totals, [1] * len(times))
    said = Said(small_district, heard)
    said.view.apply([entry(1, START_MS, heard)])
    (gauge,) = [
        s for s in district_state(said.services, Shown(small_district))["stations"] if s["quantity"] == "rain_total"
    ]
    assert gauge["value"] == (None if value is None else pytest.approx(value))
    assert gauge["sure"] == sure
