"""The page and the API of a cloud that has heard nothing yet: everything unknown, nothing all clear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml

from simulators.cli.main import DISTRICT
from tests.servers import command, require


@pytest.fixture(scope="module")
def http(tmp_path_factory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("cloud")
    config = {"catalogue": str(DISTRICT), "data_dir": "data", "broker": {"embedded": True, "port": 0}}
    file = {"kind": "log", "name": "file", "path": "told.jsonl"}
    config["delivery"] = [file, {**file, "name": "idle", "enabled": False}]
    (folder / "cloud.yaml").write_text(yaml.safe_dump({**config, "http": {"port": 0}, "access": {"mode": "open"}}))
    with command("cloud.cli", "serve", "--config", str(folder / "cloud.yaml")) as ready:
        yield ready["http"]


def test_what_was_never_heard_is_unknown(http):
    latest = httpx2.get(f"{http}/v1/latest").json()
    assert len(latest) == 55
    assert {row["state"] for row in latest} == {"unknown"}
    state = httpx2.get(f"{http}/page/state").json()
    assert {s["state"] for s in state["stations"]} == {"unknown"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/stations", 200),
        ("/v1/channels", 200),
        ("/v1/readings?channel=301&start=2021-07-20T00:00:00Z&end=2021-07-21T00:00:00Z", 200),
        ("/v1/readings?channel=301&start=2021-07-20&end=2021-07-21T00:00:00Z", 422),
        ("/v1/readings?channel=301&start=2&end=1", 422),
        ("/v1/readings?channel=1&start=1&end=2", 404),
        ("/v1/readings?channel=x&start=1&end=2", 422),
        ("/v1/warnings", 200),
        ("/v1/warnings/none", 404),
        ("/v1/overview", 200),
        ("/v1/overview/stream", 406),
        ("/v1/latest/stream?channel=301", 406),
        ("/v1/feed", 200),
        ("/v1/openapi.json", 200),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/page/station/none", 404),
    ],
)
def test_answers(http, path, status):
    answer = httpx2.get(http + path)
    assert answer.status_code == status
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


def test_readings_as_csv(http):
    answer = httpx2.get(f"{http}/v1/readings?channel=301&start=1&end=2", headers={"accept": "text/csv"})
    assert answer.text == "time,channel,value,flag\n"


# Pairs of words of different stations or zones, or a word and a mark, that cover one another on the map.
COVERED = """() => {
  const box = (e, owner) => ({ owner, says: e.textContent, ...e.getBoundingClientRect().toJSON() });
  const seen = (e) => getComputedStyle(e).visibility !== "hidden";
  const owner = (e) => e.closest(".station")?.dataset.station ?? e.textContent;
  const words = [...document.querySelectorAll("#map text:not(.query)")].filter(seen).map((e) => box(e, owner(e)));
  const marks = [...document.querySelectorAll("#map .dot")].map((e) => box(e, owner(e)));
  const meet = (a, b) => a.left + 2 < b.right && b.left + 2 < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom;
  const covered = (a) => [...words, ...marks].filter((b) => a.owner !== b.owner && meet(a, b));
  return words.flatMap((a) => covered(a).map((b) => [a.says, b.owner]));
}"""


@pytest.mark.servers
@pytest.mark.parametrize("colour", ["red", "unknown"])
def test_no_word_of_the_map_covers_another(http, colour):
    from playwright.sync_api import Route, sync_playwright

    def flood(route: Route) -> None:
        answer = route.fetch()
        state = answer.json()
        for s in state["stations"]:
            s |= {"value": 155.6 if s["quantity"] == "rain_total" else 2.86, "age_s": 2400}
            if s["kind"] in ("street", "underpass"):
                s |= {"state": colour, "level": "red"}
        route.fulfill(response=answer, json=state)

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=require("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(60_000)  # a busy machine
        page.route("**/page/state", flood)
        page.goto(http)
        page.wait_for_selector("body[data-ready=yes]")
        assert page.evaluate(COVERED) == []
        letters = page.locator("#map .query").all_text_contents()
        assert letters.count({"red": "R", "unknown": "?"}[colour]) >= 11  # no level by its colour alone
        assert page.locator("#map .station:has(.held-red) .crowded, #map .station:has(.red) .crowded").count() == 0
        page.unroute_all(behavior="wait")  # the page asks again every second, and may be in the middle of it
        browser.close()


@pytest.mark.servers
def test_the_page_in_chromium(http):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=require("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(60_000)  # a busy machine
        errors: list[str] = []
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: None if r.url.startswith(http) else errors.append(r.url))
        page.goto(http)
        page.wait_for_selector("body[data-ready=yes]")
        assert page.locator("#map .dot.unknown").count() == 16
        assert page.locator("#map .dot.normal").count() == 0
        assert set(page.locator("#map .stale").all_text_contents()) == {"? never heard"}
        assert page.locator("#map .query").count() == 16
        assert "unknown" in page.locator("#worst").inner_text()
        sinks = [row.split("\t")[:4] for row in page.locator("#sinks tr").all_inner_texts()]
        assert sinks[1:] == [["file", "working", "0", "0"], ["idle", "off", "0", "0"]]
        assert "sink idle: switched off in the configuration" in page.locator("#banner").inner_text()
        for width_px in (390, 1440, 3840):
            page.set_viewport_size({"width": width_px, "height": 1000})
            assert page.evaluate("document.documentElement.scrollWidth") <= width_px, width_px
        page.locator('#map [data-station="u3"]').click()
        page.locator("#chart-name", has_text="Jingguang Tunnel").wait_for()
        browser.close()
    assert not errors
