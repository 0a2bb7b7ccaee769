"""A made month: the same by its seed, taken in whole by `headwater-cloud import`, and found again by the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from cloud.access.access import Access
from cloud.api.app import create_app
from cloud.app.cloud import Cloud
from cloud.cli.main import app as cloud_app
from cloud.config import load_config
from contract.readings import Flag
from host.district_folder import load
from simulators.cli.main import app as sim_app
from simulators.month.files import rows_of
from simulators.month.made import made
from simulators.shipped import DISTRICT
from tests.cloud.api.asking import Http

DAYS, SEED = 3, 8
BEGIN = pd.Timestamp("2021-06-30T16:00Z")
TIME = {"start": BEGIN.isoformat(), "end": (BEGIN + pd.Timedelta(days=DAYS)).isoformat()}


def test_a_seed_makes_one_month_and_another_seed_another() -> None:
    district = load(DISTRICT)
    one, again, other = (made(district, 2000, seed) for seed in (1, 1, 2))
    assert one.wrong == again.wrong
    assert all((one.values[c] == again.values[c])[~pd.isna(one.values[c])].all() for c in one.values)
    assert any((one.rain_mm[c] != other.rain_mm[c]).any() for c in one.rain_mm)
    assert set(rows_of(one)) >= set(range(0, 2000, 5))


@pytest.mark.parametrize("seed", range(1, 4))
def test_every_month_is_plausible(seed: int) -> None:
    district = load(DISTRICT)
    month = made(district, 10 * 1440, seed)
    for c, mm in month.rain_mm.items():
        assert 40 < mm.sum() < 400, c
    for number, value in month.values.items():
        info = district.channels[number]
        known = pd.Series(value).dropna()
        match info.quantity.value:
            case "depth":
                assert known[known < 9].between(0, 1.5).all()
            case "wet_well":
                assert known.between(0, 5).all()
                assert known.max() > 1.5  # it fills, and pumps run
            case "pump_running" | "pump_fault" | "mains":
                assert set(known) <= {0.0, 1.0}
            case "run_hours" | "starts":
                assert known.diff().dropna().ge(0).all()
                assert known.iloc[-1] > known.iloc[0]


class Imported:
    def __init__(self, http: Http, folder: Path) -> None:
        self._http = http
        self.truth = json.loads((folder / "truth.json").read_text())
        self.table = pd.read_csv(folder / "month.csv")
        self.table["time"] = pd.to_datetime(self.table.time, utc=True)

    def ask(self, path: str, **params: Any) -> list[dict[str, Any]]:
        answer = self._http.get(path, params={**TIME, **params})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imported]:
    folder = tmp_path_factory.mktemp("month")
    words = ["month", "--seed", str(SEED), "--days", str(DAYS), "--to", str(folder)]
    made = CliRunner().invoke(sim_app, words)
    assert made.exit_code == 0, made.output
    config = folder / "cloud.yaml"
    settings = {"catalogue": str(DISTRICT), "data_dir": "data", "http": {"port": 0}, "access": {"mode": "open"}}
    config.write_text(yaml.safe_dump(settings))
    (folder / "data").mkdir()
    words = ["import", str(folder / "month.csv"), "--mapping", str(folder / "mapping.yaml"), "--config", str(config)]
    taken = CliRunner().invoke(cloud_app, words)
    assert taken.exit_code == 0, taken.output
    said = json.loads(taken.stdout.splitlines()[-1])
    # A flag that a later reading corrects makes a reading more.
    assert (said["refused"], said["written"]) == (0, True)
    assert said["readings"] >= json.loads(made.stdout.splitlines()[0])["readings"]
    cloud = Cloud(load_config(config))
    for runner in cloud.runners:
        while runner._step():
            pass
    yield Imported(Http(create_app(cloud.services, Access(cloud.ledger, cloud.config.file.access))), folder)
    cloud.ledger.dispose()
    cloud.log.close()


def test_every_reading_is_in_the_answer(month: Imported) -> None:
    found = month.ask("/v1/readings", channel=[101, 111, 113, 611, 462])
    district = load(DISTRICT)
    for channel in (101, 111, 113, 611, 462):
        info = district.channels[channel]
        column = month.table[["time", f"{info.station.id} {info.register.name} [{info.unit}]"]].dropna()
        rows = [r for r in found if r["channel"] == channel]
        assert [pd.Timestamp(r["time"]) for r in rows] == column.time.tolist()
        assert [r["value"] for r in rows] == pytest.approx(column.iloc[:, 1].tolist())


def test_rain_is_what_fell(month: Imported) -> None:
    for channel, mm in month.truth["rain_mm"].items():
        (row,) = month.ask("/v1/rain/hyetograph", channel=channel, interval="whole")
        wrong = [w for w in month.truth["wrong"] if w.get("channel") == int(channel)]
        if any(w["what"] == "exchanged" for w in wrong):
            assert row["at_least"]
            assert row["mm"] <= mm + 0.3
        elif not wrong:
            assert row["mm"] == pytest.approx(mm, abs=0.41)


def hidden(wrong: list[dict[str, Any]], w: dict[str, Any]) -> bool:
    """Whether its gateway or its sensor was silent about then."""
    gateway = load(DISTRICT).channels[w["channel"]].gateway
    own = [o for o in wrong if o is not w and (o.get("gateway") == gateway or o.get("channel") == w["channel"])]
    begin, end = w["minute"] - 10, w["minute"] + w.get("minutes", 0) + 10
    return any(o["minute"] < end and o["minute"] + o.get("minutes", 0) > begin for o in own if "minute" in o)


def test_what_was_made_to_go_wrong_is_found(month: Imported) -> None:
    wrong, rows = month.truth["wrong"], set(month.table.time)
    found = {"echo": 0, "silent": 0, "pump fault": 0, "mains lost": 0}
    for w in wrong:
        begin = BEGIN + pd.Timedelta(minutes=w.get("minute", 0))
        if "channel" not in w or "minute" not in w or hidden(wrong, w) or begin >= BEGIN + pd.Timedelta(days=DAYS):
            continue
        match w["what"]:
            case "echo" if begin in rows:
                span = {"start": begin.isoformat(), "end": (begin + pd.Timedelta("1s")).isoformat()}
                assert [r["flag"] for r in month.ask("/v1/readings", channel=w["channel"], **span)] == [Flag.FAIL]
                found["echo"] += 1
            case "silent" if w["minutes"] > 240:
                until = min(begin + pd.Timedelta(minutes=w["minutes"]), BEGIN + pd.Timedelta(days=DAYS))
                gaps = month.ask("/v1/gaps", channel=w["channel"])
                middle = begin + (until - begin) * 0.9  # a counter is known for two hours after its last reading
                if (until - begin) > pd.Timedelta(hours=4):
                    assert any(pd.Timestamp(g["start"]) < middle < pd.Timestamp(g["end"]) for g in gaps), w
                    found["silent"] += 1
            case "pump fault" | "mains lost":
                what = {"pump fault": "fault", "mains lost": "mains_lost"}[w["what"]]
                station = load(DISTRICT).channels[w["channel"]].station.id
                events = month.ask("/v1/pumps/events", station=station, what=what)
                assert any(abs(pd.Timestamp(e["start"]) - begin) <= pd.Timedelta(minutes=6) for e in events), w
                found[w["what"]] += 1
    assert sum(found.values()) > 3, found
