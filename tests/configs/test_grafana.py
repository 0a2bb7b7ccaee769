"""The dashboards' queries, taken out and sent as Grafana's data sources send them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from cloud.series.influx import InfluxStore
from contract.readings import Flag, ReadingBatch
from tests.cloud.api.asking import Http
from tests.cloud.series.support import START_MS, entry, feed
from tests.configs.test_prometheus import metrics
from tests.fuzz import api, shells
from tests.influxd import influx

FOLDER = Path(__file__).parents[2] / "configs/grafana"
BOARDS = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
Target = dict[str, Any]


def targets(board: str) -> list[tuple[str, Target]]:
    return [(p["title"], t) for p in BOARDS[board]["panels"] for t in p["targets"]]


def filled(text: str, values: dict[str, str]) -> str:
    """As Grafana puts in variables: `$name` and `${name}`."""
    found = re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: values[m.group(1) or m.group(2)], text)
    assert "$" not in found.removesuffix("$/")
    return found


def test_boards_are_of_one_form() -> None:
    assert sorted(BOARDS) == ["readings-influxdb", "running", "zone"]
    for board in BOARDS.values():
        named = {"${" + given["name"] + "}" for given in board["__inputs"]}
        assert {p["datasource"]["uid"] for p in board["panels"]} == named
        ids = [p["id"] for p in board["panels"]]
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("title", "target"), targets("zone"))
def test_the_api_answers_a_zone_s_questions_with_these_columns(title: str, target: Target) -> None:
    values = {"__from": str(shells.NOW_MS), "__to": str(shells.NOW_MS + 540_000), "zone": "north"}
    answer = Http(api.app()).get(filled(target["url"], values))
    assert answer.status_code == 200, (title, answer.text)
    rows = answer.json()
    assert rows or "zones/levels" in target["url"] or "pumps" in target["url"], title
    for row in rows:
        assert {c["selector"] for c in target["columns"]} <= set(row), title


def test_zones_are_offered_by_name() -> None:
    (variable,) = BOARDS["zone"]["templating"]["list"]
    query = variable["query"]["infinityQuery"]
    rows = Http(api.app()).get(query["url"]).json()
    assert "north" in [row[query["columns"][1]["selector"]] for row in rows]


def test_columns_of_tables_that_are_empty_here_are_those_of_the_document() -> None:
    schemas = api.app().openapi()["components"]["schemas"]
    for path, name in (("/v1/zones/levels", "ZoneLevel"), ("/v1/pumps/figures", "PumpFigures")):
        (target,) = [t for _, t in targets("zone") if t["url"].startswith(path)]
        assert {c["selector"] for c in target["columns"]} <= set(schemas[name]["properties"])


@pytest.mark.servers
@pytest.mark.unhurried
def test_influxdb_answers_its_questions(tmp_path: Path) -> None:
    with influx(tmp_path) as server:
        bucket = server.new_bucket()
        store = InfluxStore(server.url, server.org, bucket, server.token, tmp_path / "cursor")
        flags = [Flag.PASS, Flag.FAIL, Flag.PASS, Flag.MISSING] * 10
        times, channels = [START_MS + 60_000 * n for n in range(40)], [101, 101, 201, 201] * 10
        value = [float("nan") if f is Flag.MISSING else 0.5 for f in flags]
        feed(store, [entry(1, START_MS, ReadingBatch.of(times, channels, value, flags))])
        values = {
            "channel": "(101|201)",
            "timeFilter": f"time >= {START_MS}ms and time <= {times[-1]}ms",
            "__interval": "5m",
            "tag_channel": "",
        }

        def ask(query: str) -> list[dict[str, Any]]:
            params = {"db": bucket, "epoch": "ms", "q": query}
            headers = {"authorization": f"Token {server.token}"}
            answer = httpx2.get(f"{server.url}/query", params=params, headers=headers, timeout=60)
            assert answer.status_code == 200, answer.text
            return answer.json()["results"][0]["series"]

        (variable,) = BOARDS["readings-influxdb"]["templating"]["list"]
        assert [row[1] for row in ask(variable["query"])[0]["values"]] == ["101", "201"]
        for title, target in targets("readings-influxdb"):
            query = target["query"].replace("$/", "\0").replace("$channel\0", "$channel$/")
            found = ask(filled(query.replace("$/", "\0"), values).replace("\0", "$/"))
            assert {s["tags"]["channel"] for s in found} == {"101", "201"}, title
            numbers = [v for s in found for _, v in s["values"] if v]
            assert numbers, title
            if "flag" in target["query"].split(" FROM ")[0]:
                assert sum(numbers) == sum(f in (Flag.FAIL, Flag.MISSING) for f in flags)
            else:
                assert set(numbers) == {0.5}
        store.close()


def test_prometheus_is_asked_of_metrics_that_there_are() -> None:
    names = set(re.findall(r"^# TYPE (\w+) ", metrics(), re.MULTILINE))
    for title, target in targets("running"):
        assert set(re.findall(r"headwater_\w+", target["expr"])) <= names, title


@pytest.mark.servers
@pytest.mark.unhurried
def test_promtool_reads_the_expressions(tmp_path: Path) -> None:
    rules = [{"record": f"board:panel{n}", "expr": t["expr"]} for n, (_, t) in enumerate(targets("running"))]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
