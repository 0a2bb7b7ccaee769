"""The client against a cloud behind a real socket; what is refused, busy, away, and not installed."""

from __future__ import annotations

import ast
import datetime as dt
import doctest
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cloud.client
from cloud.client import Headwater, HeadwaterError, NotReached, answers, live, times
from cloud.client import http as client_http
from tests.cloud.client.served import served
from tests.fuzz import api, shells

FOLDER = Path(cloud.client.__file__).parent
START = dt.datetime.fromtimestamp(shells.NOW_MS / 1000, ZoneInfo("Asia/Shanghai"))
END = START + dt.timedelta(minutes=10)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app, _ = api.guarded()
    with served(app) as url:
        yield url


@pytest.fixture
def hw(address: str) -> Iterator[Headwater]:
    with Headwater(address, api.guarded()[1]) as found:
        yield found


def raw(address: str, path: str, **params: Any) -> Any:
    headers = {"authorization": f"Bearer {api.guarded()[1]}"}
    answer = httpx2.get(f"{address}{path}", params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_rows_are_what_the_api_says(hw: Headwater, address: str) -> None:
    span = {"start": shells.NOW_MS, "end": shells.NOW_MS + 600_000}
    for found, path, params in (
        (hw.stations(zone="north"), "/v1/stations", {"zone": "north"}),
        (hw.channels(station=["u1", "r1"], quantity="depth"), "/v1/channels", {"station": "u1", "quantity": "depth"}),
        (hw.series(station="u1", quantity="depth", start=START, end=END), "/v1/series", {**span, "channel": 101}),
        (hw.gaps(channel=101, start=START, end=END), "/v1/gaps", {**span, "channel": 101}),
        (hw.water_events(channel=101, start=START, end=END), "/v1/water/events", {**span, "channel": 101}),
        (hw.rain_sums(at=END, window=["1h", "3h"]), "/v1/rain/sums", {"at": span["end"], "window": ["1h", "3h"]}),
        (hw.zone_levels(start=START, end=END), "/v1/zones/levels", span),
    ):
        assert found.rows() == list(found) == raw(address, path, **params), path
        assert len(found.rows()) == len(found)


def test_every_method_asks_what_the_cloud_understands(hw: Headwater) -> None:
    """Each with its times and a name; a parameter that the cloud does not know would be refused."""
    time = {"start": START, "end": END}
    for ask in (hw.stations, hw.zones, hw.channels, hw.gateways, hw.devices, hw.pumps, hw.latest):
        assert isinstance(ask(station="u1").rows(), list)
    for ask in (hw.series, hw.gaps, hw.completeness, hw.water_events):
        assert isinstance(ask(channel=101, **time).rows(), list)
    for ask in (hw.rain_hyetograph, hw.rain_maxima, hw.rain_events):
        assert isinstance(ask(channel=301, **time).rows(), list)
    for ask in (hw.pump_figures, hw.pump_inflow, hw.pump_events):
        assert isinstance(ask(station="u1", **time).rows(), list)
    assert hw.rain_areal(area="north", **time).rows()
    assert hw.water_trend(channel=101, minutes=5, at=END).rows()
    assert hw.water_compare(event=[START, END], channel=101, minutes=10).rows()
    assert hw.latest(at=END, state="good", quantity="depth", above=0.1).rows()
    assert hw.try_rules(**time, red=0.3).rows()
    assert [i["id"] for i in hw.incidents()] == [i["id"] for i in hw.get("/v1/warnings").rows()]


def test_incidents_come_page_by_page(hw: Headwater, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    every = [{"id": f"i{n}"} for n in range(450)]

    def get(path: str, **params: Any) -> Any:
        asked.append(params)
        first = next((n + 1 for n, i in enumerate(every) if i["id"] == params["before"]), 0)
        return answers.Answer(lambda form: iter([json.dumps(every[first : first + params["limit"]]).encode()]), False)

    monkeypatch.setattr(hw, "get", get)
    assert list(hw.incidents(level="red")) == every
    assert [a["before"] for a in asked] == [None, "i199", "i399"]


def test_tables(hw: Headwater, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = hw.series(channel=101, start=START, end=END, interval="1min", figure=["mean", "count"])
    frame = found.pandas()
    assert list(frame.columns[:2]) == ["time", "channel"]
    assert frame.time.dt.tz is not None
    assert frame["mean"].tolist() == [r["mean"] for r in found]
    assert found.arrow().to_pylist()[0]["mean"] == found.rows()[0]["mean"]
    for suffix, read in (
        (".csv", pd.read_csv),
        (".parquet", lambda p: pq.read_table(p).to_pandas()),
        (".arrow", lambda p: pa.ipc.open_stream(p).read_all().to_pandas()),
        (".json", pd.read_json),
        (".ndjson", lambda p: pd.read_json(p, lines=True)),
    ):
        path = found.save(tmp_path / f"depth{suffix}")
        assert read(path)["mean"].tolist() == frame["mean"].tolist(), suffix
    assert found.save(tmp_path / "depth.xlsx").read_bytes().startswith(b"PK")
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(ValueError, match=r"depth\.txt: this answer is written as \.json, \.csv"):
        found.save(tmp_path / "depth.txt")
    with pytest.raises(ValueError, match=r"written as \.json"):
        hw.stations().save(tmp_path / "stations.csv")
    assert hw.stations().arrow().num_rows == len(hw.stations())
    # Without pyarrow pandas has the same.
    monkeypatch.setattr(answers, "_there", lambda module: False)
    again = found.pandas()
    assert again["mean"].tolist() == frame["mean"].tolist()
    assert (again.time == frame.time).all()


@pytest.mark.parametrize("module", ["pandas", "polars", "pyarrow"])
def test_what_is_not_installed_is_named(hw: Headwater, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    blocked = {name: None for name in list(sys.modules) if name.split(".")[0] == module}
    for name in {module, f"{module}.ipc", *blocked}:
        monkeypatch.setitem(sys.modules, name, None)
    found = hw.gaps(channel=101, start=START, end=END)
    with pytest.raises(ImportError, match=f"pip install {module}"):
        getattr(found, {"pyarrow": "arrow"}.get(module, module))()


def test_refusals_say_what_to_change(hw: Headwater, address: str) -> None:
    with pytest.raises(HeadwaterError, match="did you mean 'u1'") as refused:
        hw.latest(station="u11").rows()
    assert (refused.value.status, refused.value.title) == (404, "No such station")
    with pytest.raises(HeadwaterError, match="colour"):
        hw.get("/v1/latest", colour="red").rows()
    with Headwater(address, "hw_00000000_" + "0" * 64) as stranger, pytest.raises(HeadwaterError) as unknown:
        stranger.stations().rows()
    assert unknown.value.status == 401
    with pytest.raises(ValueError, match="in no time zone"):
        hw.gaps(channel=101, start=dt.datetime(2021, 7, 20), end=END).rows()
    with pytest.raises(ValueError, match="no address of a cloud"):
        Headwater("headwater.example")


async def _busy(scope: Any, receive: Any, send: Any) -> None:
    """Busy twice, then an answer of a proxy's own."""
    scope["app_state"]["asked"] += 1
    status, body = (503, b"") if scope["app_state"]["asked"] < 3 else (502, b"<html>Bad Gateway</html>")
    headers = [(b"retry-after", b"7")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def test_a_busy_cloud_is_asked_again_and_a_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    state, slept = {"asked": 0}, list[float]()
    monkeypatch.setattr(client_http, "time", SimpleNamespace(sleep=slept.append))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _busy({**scope, "app_state": state}, receive, send)

    with served(app) as url, Headwater(url) as hw, pytest.raises(HeadwaterError, match="what does the proxy say"):
        hw.stations().rows()
    assert (state["asked"], slept) == (3, [7.0, 7.0])
    with Headwater(url, tries=2) as hw, pytest.raises(NotReached):
        hw.stations().rows()


def test_live_goes_on_behind_what_came_last(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(dict(scope["headers"]).get(b"last-event-id", b"").decode())
        n = len(asked)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        body = f'id: {n}\nevent: readings\ndata: [{{"channel":{n}}}]\n\n'.encode()
        await send({"type": "http.response.body", "body": body})  # and breaks off

    played = SimpleNamespace(sleep=lambda s: None, monotonic=lambda: 0.0)
    monkeypatch.setattr("cloud.client.client.time", played)
    with served(app) as url, Headwater(url) as hw:
        found = hw.live(channel=101)
        assert [next(found) for _ in range(3)] == [[{"channel": n}] for n in (1, 2, 3)]
    assert asked[:3] == ["", "1", "2"]


def test_live_of_a_real_cloud(hw: Headwater) -> None:
    assert [r["channel"] for r in next(hw.live(station="u1", quantity="depth"))] == [101]


def test_it_needs_nothing_of_the_server() -> None:
    """Neither by a look at its imports, nor with all of the server's packages taken away."""
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            ours = {n for n in names if n.split(".")[0] in {"cloud", "contract", "host", "edge_agent", "simulators"}}
            assert all(n.startswith("cloud.client") for n in ours), (path.name, ours)
    away = [
        "fastapi",
        "sqlalchemy",
        "pyarrow",
        "lxml",
        "paho",
        "typer",
        "uvicorn",
        "orjson",
        "pydantic",
        "yaml",
        "numpy",
    ]
    code = f"import sys; sys.modules.update(dict.fromkeys({away})); import cloud.client; print(sorted(sys.modules))"
    said = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = [m for m in ast.literal_eval(said) if m.split(".")[0] == "cloud"]
    assert all(m == "cloud" or m.startswith("cloud.client") for m in loaded)


def test_the_first_plot(address: str, tmp_path: Path) -> None:
    """docs/examples/first_plot.py as a script, beside a cloud that heard ten minutes of that day."""
    script = Path(__file__).parents[3] / "docs/examples/first_plot.py"
    run = [sys.executable, str(script), address, api.guarded()[1]]
    said = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120).stdout
    assert "mean" in said
    assert "0.45" in said  # the peak of what it heard
    assert "rain_mm" in said


def test_the_examples_in_its_words() -> None:
    for module in (times, live):
        assert doctest.testmod(module).failed == 0
