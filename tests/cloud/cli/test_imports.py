"""`headwater-cloud import`: what is in every answer after the next start, and what is never told."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from cloud.app.cloud import Cloud
from cloud.cli.imports import MOST_BYTES
from cloud.cli.main import app
from cloud.config import load_config
from cloud.log.base import START, EntryKind, NewEntry
from contract.clock import iso, to_ms
from contract.wire.envelope import Lane
from tests.fuzz.api import settled

MAPPING = {
    "time": {"columns": ["time"], "zone": "Asia/Shanghai"},
    "missing": ["NA"],
    "channels": [{"column": "cm", "channel": 201, "factor": 0.01}, {"column": "rain", "channel": 301}],
}


def close(cloud: Cloud) -> None:
    cloud.ledger.dispose()
    cloud.quarantine.close()
    cloud.log.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cloud = settled(tmp_path)
    end_ms = minute(cloud)
    cloud.log.tick(end_ms)
    followed(cloud)
    close(cloud)
    config = tmp_path / "cloud.yaml"
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), "http": {"port": 0}}))
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(MAPPING))
    # A street that stands deep in water, up to the minute in which the table is imported.
    lines = [f"{iso(end_ms - 60_000 * n)},{100 + n % 7},{0.2 * (300 - n):.1f}\n" for n in reversed(range(210))]
    lines[3] = f"{lines[3].split(',')[0]},,\n"  # a gap in both
    (tmp_path / "table.csv").write_text("time,cm,rain\n" + "".join(lines))
    return tmp_path


def minute(cloud: Cloud) -> int:
    return cloud.clock.now_ms() // 60_000 * 60_000


def followed(cloud: Cloud) -> None:
    for runner in cloud.runners:
        while runner._step():
            pass


def told(cloud: Cloud) -> list[tuple[str, str]]:
    return [(m.incident, m.msg_type.value) for m in cloud.services.warnings.messages()]


def run(folder: Path, *words: str) -> Result:
    files = [str(folder / "table.csv"), "--mapping", str(folder / "map.yaml")]
    return CliRunner().invoke(app, ["import", *files, *words, "--config", str(folder / "cloud.yaml")])


def said(result: Result) -> dict:
    return json.loads(result.stdout.splitlines()[-1])


def started(folder: Path) -> Iterator[Cloud]:
    cloud = Cloud(load_config(folder / "cloud.yaml"))
    followed(cloud)
    yield cloud
    close(cloud)


def kinds(cloud: Cloud) -> list[EntryKind]:
    return [e.kind for e in cloud.log.read(START, 1000)]


def test_it_is_in_the_answers_once_and_warns_of_nothing(folder: Path) -> None:
    for cloud in started(folder):
        before = told(cloud)
    assert said(run(folder, "--dry-run"))["added"] == 0
    first = said(run(folder, "--name", "july"))
    assert (first["rows"], first["refused"], first["readings"], first["added"]) == (210, 0, 418, 418)
    assert said(run(folder))["added"] == 0
    for cloud in started(folder):
        assert kinds(cloud).count(EntryKind.IMPORTED) == 2
        assert told(cloud) == before
        rows = [line.split(",") for line in (folder / "table.csv").read_text().splitlines()[1:]]
        wanted = {to_ms(datetime.fromisoformat(t)): float(cm) / 100 for t, cm, _ in rows if cm}
        found = cloud.series.raw([201], min(wanted), max(wanted) + 1)
        assert dict(zip(found.time_ms.tolist(), found.value.tolist(), strict=True)) == pytest.approx(wanted)
        newest = cloud.latest.snapshot()
        assert newest.time_ms[newest.channel == 201].tolist() == [max(wanted)]
        # The same from a gateway warns: it is the kind of the entry that keeps it from warning.
        imported = [e for e in cloud.log.read(START, 1000) if e.kind is EntryKind.IMPORTED]
        sent = [NewEntry(e.gateway, 9, e.seq, Lane.LIVE, e.time_min_ms, e.time_max_ms, e.payload) for e in imported]
        cloud.log.append(sent, cloud.clock.now_ms())
        followed(cloud)
        assert told(cloud) != before
    listed = CliRunner().invoke(app, ["imports", "--config", str(folder / "cloud.yaml")])
    assert [json.loads(line)["name"] for line in listed.stdout.splitlines()] == ["table", "july"]


def test_a_row_that_cannot_be_read_stops_it_unless_it_is_left_out(folder: Path) -> None:
    table = folder / "table.csv"
    table.write_text(table.read_text().replace(",101,", ",one,", 1))
    result = run(folder)
    assert (result.exit_code, said(result)["written"], said(result)["added"]) == (1, False, 0)
    assert "cm: 'one' is no number" in result.stderr and "--skip-refused" in result.stderr
    left = run(folder, "--skip-refused")
    assert (left.exit_code, said(left)["added"]) == (0, 416)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"time": {"columns": ["time"], "zone": "Mars/North"}}, "map.yaml:4: time.zone: there is no time zone"),
        ({"time": {"columns": ["time"], "zone": "UTC", "format": "%Q"}}, "does not name a day and a time"),
        ({"channels": [{"column": "cm", "channel": 9}]}, "there is no channel 9"),
        ({"channels": [{"column": "cm", "channel": 201}, {"column": "rain", "channel": 201}]}, "has a column already"),
        ({"channels": [{"column": "level", "channel": 201}]}, "no column 'level'"),
        ({"decimal_comma": True}, "needs another separator"),
        ({"decimal": ","}, "there is no such setting"),
    ],
)
def test_a_mapping_that_is_wrong_says_so(folder: Path, change: dict, why: str) -> None:
    rest = {k: v for k, v in MAPPING.items() if k not in change}
    (folder / "map.yaml").write_text(yaml.safe_dump({**change, **rest}, sort_keys=False))
    result = run(folder)
    assert (result.exit_code, why in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("content", [b"time,cm,rain\n\xff\xfe", b"", b"PK\x03\x04\0\0"])
def test_a_file_that_is_no_table_writes_nothing(folder: Path, content: bytes) -> None:
    (folder / "table.csv").write_bytes(content)
    result = run(folder)
    assert result.exit_code == 2 and "table.csv" in result.stderr
    for cloud in started(folder):
        assert EntryKind.IMPORTED not in kinds(cloud)


def test_a_link_out_of_its_folder_is_not_read(folder: Path) -> None:
    (folder / "table.csv").unlink()
    (folder / "table.csv").symlink_to("/etc/passwd")
    result = run(folder)
    assert result.exit_code == 2 and "root:" not in result.stderr


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    with (folder / "table.csv").open("ab") as file:
        file.truncate(MOST_BYTES + 1)
    result = run(folder)
    assert result.exit_code == 2 and "it is larger than 64 MiB" in result.stderr


@pytest.mark.parametrize("place", ["port", "socket"])
def test_while_a_cloud_runs_nothing_is_imported(folder: Path, place: str) -> None:
    config, before = folder / "cloud.yaml", said(run(folder, "--dry-run"))
    with socket.socket(socket.AF_INET if place == "port" else socket.AF_UNIX) as cloud:
        cloud.bind(("127.0.0.1", 0) if place == "port" else str(folder / "http.sock"))
        cloud.listen()
        where = {"port": cloud.getsockname()[1]} if place == "port" else {"socket": "http.sock"}
        config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), "http": where}))
        refused = run(folder)
        assert refused.exit_code == 2
        assert refused.stderr.startswith("a cloud runs: ")
        assert said(run(folder, "--dry-run")) == before
    taken = said(run(folder))
    assert (taken["written"], taken["added"]) == (True, taken["readings"])
    assert said(run(folder))["added"] == 0  # the place is free again
