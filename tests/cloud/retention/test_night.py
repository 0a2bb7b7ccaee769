"""`headwater-cloud trim` beside a cloud that runs: what goes is what was stated, and it is counted."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud.cli.main import app
from cloud.config import load_config
from cloud.ingest.admission import Refusal
from cloud.ingest.quarantine import Quarantine
from cloud.ledger import audit
from cloud.ledger.open import open_ledger
from cloud.log.base import START
from cloud.retention import base
from cloud.series.manifest import Manifest
from cloud.series.open import open_series
from cloud.series.parquet import ParquetStore
from cloud.series.policy import drop, sealed
from cloud.series.settings import InfluxSettings, ParquetSettings
from contract.wire.envelope import RefusalReason
from host.own_files import only_one
from tests.cloud.backup.running import Gateway, caught_up, config, running, told
from tests.cloud.series.support import HOUR_MS, START_MS, random_log, rows_of
from tests.influxd import influx
from tests.waiting import until

DAY_MS = 24 * HOUR_MS


def run(path: Path, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["trim", "--config", str(path)])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 else done.stderr


def test_without_a_word_of_the_operator_nothing_goes(tmp_path: Path) -> None:
    path = config(tmp_path)
    with running(path) as cloud:
        Gateway().send(cloud)
        caught_up(cloud)
    assert "nothing may go" in run(path, 2)


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    """The one could put down what the log said before the other trimmed it."""
    path = config(tmp_path, retention={"log_days": 450})
    (tmp_path / "data").mkdir()
    with only_one(tmp_path / "data" / "trim.lock"):
        assert run(path, 2) == f"another trim of {tmp_path / 'data'} is at work: wait for it\n"


def test_beside_a_running_cloud_old_entries_go_and_nothing_is_told_again(tmp_path: Path) -> None:
    clock = f"scaled:{START_MS},600,{time.time_ns() // 1_000_000}"  # an hour, after which series are sealed, takes 6 s
    path, gateway = config(tmp_path, retention={"log_days": 0.01}, clock=clock), Gateway()
    gateway.depth_m = 0.8
    with running(path) as cloud:
        until(lambda: gateway.send(cloud) or told(tmp_path))
        gone: list[int] = []

        def night() -> bool:
            gateway.send(cloud)
            gone.append(run(path)["entries"])
            return gone[-1] > 0

        until(night)
        caught_up(cloud)
        first = cloud.log.read(START, 1)[0].offset
        assert first == sum(gone) + 1
        before = told(tmp_path)
    found = base.read(tmp_path / "data")
    assert found is not None
    ledger = open_ledger(f"sqlite:///{tmp_path}/data/ledger.sqlite")
    noted = [r.detail for r in audit.newest(ledger) if r.what == "trim"]
    ledger.dispose()
    assert noted[0]["entries"] == gone[-1]
    for view in ("series", "warnings"):
        done = CliRunner().invoke(app, ["view", "rebuild", view, "--config", str(path)])
        assert "where it was trimmed; what is older is kept" in done.output
    with running(path) as cloud:
        caught_up(cloud)
        assert len(cloud.series.raw([101], 0, 2**62)) == gateway.next_seq - 1
        assert len(cloud.latest.snapshot()) == 1
        assert told(tmp_path) == before
    (tmp_path / "data" / "series" / "manifest.sqlite").write_bytes(b"no database" * 1000)
    done = CliRunner().invoke(app, ["view", "rebuild", "series", "--config", str(path)])
    assert (done.exit_code, "put the folder back from a backup" in done.stderr) == (2, True)


def test_readings_go_by_whole_months_and_hours_are_kept_longer(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path / "series")
    for e in random_log(5, 90, 24 * 80):
        store.apply([e])
    store._seal((START_MS + 200 * DAY_MS) // HOUR_MS)
    all_time = (0, START_MS + 1000 * DAY_MS)
    rows, hours = rows_of(store.raw([101], *all_time)), store.hourly([101], *all_time)
    august_ms, september_ms = 1_627_776_000_000, 1_630_454_400_000
    settings = ParquetSettings()
    assert drop(settings, tmp_path, tmp_path, "raw", september_ms - 1) > 0  # July whole, August not
    assert rows_of(store.raw([101], *all_time)) == {k: v for k, v in rows.items() if k[1] >= august_ms}
    assert store.hourly([101], *all_time).hour_ms.tolist() == hours.hour_ms.tolist()
    assert drop(settings, tmp_path, tmp_path, "raw", september_ms - 1) == 0
    assert drop(settings, tmp_path, tmp_path, "hourly", september_ms) > 0
    assert store.hourly([101], *all_time).hour_ms.min() >= september_ms
    files = {p.name for p in (tmp_path / "series").glob("*.parquet")}
    store._seal((START_MS + 201 * DAY_MS) // HOUR_MS)
    left = Manifest(tmp_path / "series" / "manifest.sqlite")
    assert {p.name for p in (tmp_path / "series").glob("*.parquet")} == left.all_paths() < files
    assert sealed(settings, tmp_path, tmp_path) == store.cursor()
    left.close()
    store.close()


@pytest.mark.servers
@pytest.mark.unhurried
def test_readings_go_from_influxdb(tmp_path: Path) -> None:
    (tmp_path / "influx").mkdir()
    with influx(tmp_path / "influx") as server:
        (tmp_path / "token").write_text(server.token)
        settings = InfluxSettings(
            engine="influx", url=server.url, org=server.org, bucket=server.new_bucket(), token_file=Path("token")
        )
        store = open_series(settings, tmp_path, tmp_path)
        log = random_log(5, 60, 48)
        store.apply(log)
        all_time = (0, START_MS + 1000 * DAY_MS)
        rows = rows_of(store.raw([101, 102, 201], *all_time))
        cut_ms = START_MS + DAY_MS
        assert drop(settings, tmp_path, tmp_path, "raw", cut_ms) == sum(k[1] < cut_ms for k in rows)
        assert rows_of(store.raw([101, 102, 201], *all_time)) == {k: v for k, v in rows.items() if k[1] >= cut_ms}
        assert sealed(settings, tmp_path, tmp_path) == log[-1].offset
        store.close()


def test_refused_batches_go_by_age(tmp_path: Path) -> None:
    path = config(tmp_path, retention={"quarantine_days": 2})
    with running(path) as cloud:
        Gateway().send(cloud)
        caught_up(cloud)
        now_ms = cloud.log.now_ms()
    data = load_config(path).data_dir
    kept = Quarantine(data / "quarantine.sqlite")
    for days, seq in ((3, 1), (1, 2)):
        refusal = Refusal("t", "gw-1", 7, seq, RefusalReason.TIME_PAST, "d", b"x%d" % seq)
        kept.keep([refusal], now_ms - days * DAY_MS)
    assert run(path) == {"refused": 1}
    assert [k.seq for k in kept.waiting()] == [2]
    kept.close()
