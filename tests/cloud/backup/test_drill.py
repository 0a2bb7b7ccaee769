"""The restore drill: a backup is taken in a flood, the disk dies, and what comes after goes on from the backup."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cloud.app.cloud import Cloud
from cloud.backup import taking
from cloud.cli.main import app
from cloud.config import load_config
from cloud.ledger import audit
from cloud.ledger.open import open_ledger
from cloud.log.base import START, Entry, EntryKind
from cloud.log.open import open_log
from cloud.views.decode import readings
from cloud.warnings.replay import replay
from tests.cloud.backup.running import SPOOL, Gateway, caught_up, config, running, sending, told
from tests.waiting import until


def run(*arguments: object) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def entries(cloud: Cloud) -> list[Entry]:
    out: list[Entry] = []
    while some := cloud.log.read(out[-1].offset if out else START, 5000):
        out += some
    return out


def test_after_a_restore_nothing_is_told_or_stored_twice_and_what_is_lost_is_named(tmp_path: Path) -> None:
    path, gateway = config(tmp_path), Gateway()
    with running(path) as cloud, sending(gateway, cloud):
        until(lambda: gateway.acknowledged > 20)
        gateway.depth_m = 0.8
        until(lambda: told(tmp_path))
        (taken,) = run("backup", "--config", path, "--to", tmp_path / "copy")
        at_backup = gateway.acknowledged
        until(lambda: gateway.acknowledged > at_backup + 20)
    assert taken["undelivered"] == 0
    before = told(tmp_path)
    (tmp_path / "data").rename(tmp_path / "dead")  # with all of its last minutes
    (put,) = run("restore", tmp_path / "copy", "--config", path)
    assert put == taken
    with running(path) as cloud:
        kept = max(e.seq for e in entries(cloud) if e.kind is EntryKind.BATCH)
        assert 20 < kept <= at_backup
        caught_up(cloud)
        assert told(tmp_path) == before  # nothing goes out again
        gateway.say(cloud.ingest)
        with sending(gateway, cloud):
            lost_until = gateway.acknowledged
            until(lambda: gateway.acknowledged > lost_until + 20)
            gateway.depth_m = 0.0
            until(lambda: len(told(tmp_path)) > len(before))  # what the incident comes to
        caught_up(cloud)
        found = [e for e in entries(cloud) if e.kind is EntryKind.BATCH]
        rows = readings(found)
        stored = cloud.series.raw([101], 0, 2**62)
        messages = [m.id for m in cloud.warnings.reader.messages(limit=1000)][::-1]
        assert audit.verify(cloud.ledger).broken == ""
        assert {r.what for r in audit.newest(cloud.ledger)} >= {"restore"}
    lost = run("lost", "--config", path)
    gone = [n for x in lost for n in range(x["first"], x["last"] + 1)]
    assert {(x["gateway"], x["spool"]) for x in lost} == {("gw-1", f"{SPOOL:016x}")}
    assert gone[0] == kept + 1
    assert sorted([*gone, *(e.seq for e in found)]) == list(range(1, gateway.next_seq))  # each is there once, or named
    assert np.array_equal(np.sort(rows.time_ms), stored.time_ms)
    assert len(told(tmp_path)) == len(set(told(tmp_path)))
    assert told(tmp_path) == messages
    log, catalogue = open_log(tmp_path / "data"), load_config(path).catalogue
    assert [m.id for m in replay(log, catalogue)] == messages
    log.close()


def test_views_that_are_rebuilt_from_it_say_the_same(tmp_path: Path) -> None:
    path, gateway = config(tmp_path), Gateway()
    with running(path) as cloud, sending(gateway, cloud):
        gateway.depth_m = 0.8
        until(lambda: told(tmp_path))
        run("backup", "--config", path, "--to", tmp_path / "copy")
    shutil.rmtree(tmp_path / "data")
    run("restore", tmp_path / "copy", "--config", path)

    def shown() -> tuple[Any, ...]:
        with running(path) as cloud:
            caught_up(cloud)
            latest, rows = cloud.latest.snapshot(), cloud.series.raw([101], 0, 2**62)
            reader = cloud.warnings.reader
            said = [m.cap_xml for m in reader.messages()], [(c.key, c.level, c.since_ms) for c in reader.conditions()]
            return latest.time_ms.tolist(), rows.time_ms.tolist(), rows.value.tolist(), said

    before = shown()
    for view in ("series", "warnings"):
        done = CliRunner().invoke(app, ["view", "rebuild", view, "--config", str(path)])
        assert done.exit_code == 0, done.output
    assert shown() == before
    assert len(told(tmp_path)) == len(set(told(tmp_path)))


def test_a_cloud_that_is_stopped_is_backed_up_too_and_its_people_and_keys_come_back(tmp_path: Path) -> None:
    path = config(tmp_path)
    with running(path) as cloud:
        Gateway().send(cloud)
        caught_up(cloud)
    key = CliRunner().invoke(app, ["key", "create", "prometheus", "--scope", "read", "--config", str(path)])
    assert key.exit_code == 0, key.output
    run("backup", "--config", path, "--to", tmp_path / "copy")
    shutil.rmtree(tmp_path / "data")
    run("restore", tmp_path / "copy", "--config", path)
    ledger = open_ledger(f"sqlite:///{tmp_path}/data/ledger.sqlite")
    assert [r.what for r in audit.newest(ledger)] == ["restore", "key.create"]
    assert audit.verify(ledger).broken == ""
    ledger.dispose()
    listed = CliRunner().invoke(app, ["key", "list", "--config", str(path)])
    assert "prometheus" in listed.stdout


def test_of_a_cloud_that_died_before_it_told_the_rest_is_told_after_a_restore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, gateway = config(tmp_path), Gateway()
    gateway.depth_m = 0.8
    cloud = Cloud(load_config(path))
    start_ms = cloud.clock.now_ms()
    until(lambda: gateway.send(cloud) or cloud.clock.now_ms() > start_ms + 10_000)
    for part in (cloud.ledger.dispose, cloud.quarantine.close, cloud.log.close):
        part()
    monkeypatch.setattr(taking, "_TOLD_S", 0.0)
    done = CliRunner().invoke(app, ["backup", "--config", str(path), "--to", str(tmp_path / "copy")])
    assert done.exit_code == 0
    assert done.stderr.startswith("the warnings had told of entries up to 0 of ")
    shutil.rmtree(tmp_path / "data")
    run("restore", tmp_path / "copy", "--config", path)
    with running(path) as cloud:
        caught_up(cloud)
        until(lambda: told(tmp_path))
        assert told(tmp_path) == [m.id for m in cloud.warnings.reader.messages()]
