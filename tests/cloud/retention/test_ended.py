"""Warnings that ended long ago go, counted and into files; what is open, untold or newest stays, and nothing is said
again after a rebuild."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update
from typer.testing import CliRunner

from cloud.cli.main import app
from cloud.config import load_config
from cloud.delivery.tables import deliveries
from cloud.delivery.values import Noted
from cloud.ledger import audit, audit_archive
from cloud.ledger.open import open_ledger
from cloud.log.base import Entry
from cloud.retention import base, ended
from cloud.retention.ended import Gone, let_go
from cloud.warnings import store
from cloud.warnings import tables as t
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag, ReadingBatch
from tests.cloud.backup.running import START_MS as TIME_MS
from tests.cloud.backup.running import Gateway, caught_up, config, running, told
from tests.cloud.retention.test_trimming import Centre
from tests.cloud.warnings.city import PER_ZONE, START_MS, ZONES, city, entry
from tests.waiting import until

ALL = 2**60
NAMES = ("messages", "incidents", "changes", "late")


def showers(count: int) -> list[Entry]:
    """One zone after another gets wet, which is told, and dry again; and each time a wet reading comes too late."""
    out: list[Entry] = []
    for n in range(count):
        channel, start_ms = 1 + PER_ZONE * (n % ZONES), START_MS + n * 1_800_000
        for minute in range(20):
            now_ms = start_ms + minute * 60_000
            depth_m = 0.6 if 2 < minute < 8 else 0.0
            time_ms, depth_m = (now_ms - 700_000, 0.7) if minute == 15 else (now_ms, depth_m)
            out.append(entry(len(out) + 1, now_ms, ReadingBatch.of([time_ms], [channel], [depth_m], [Flag.PASS])))
    return out


@pytest.fixture
def centre(small_district: Catalogue, tmp_path: Path) -> Iterator[Centre]:
    found = Centre(tmp_path, city(small_district), showers(7), every=50)
    found.feed(140)
    yield found
    found.close()


def deliver(centre: Centre, sink: str, leave: str = "") -> None:
    """Every message to the sink, but for one."""
    with centre.ledger.begin() as db:
        for message in db.execute(select(t.messages.c.id)).scalars().all():
            if message != leave:
                row = {"sink": sink, "message": message, "attempts": 1, "first_ms": 1, "delivered_ms": 2}
                db.execute(insert(deliveries).values(**row, receipt="204"))


def rows(centre: Centre, table: str) -> list[Any]:
    with centre.ledger.connect() as db:
        return list(db.execute(select(getattr(t, table))).all())


def go(centre: Centre, before_ms: int = ALL, sinks: tuple[str, ...] = ()) -> Gone:
    return let_go(centre.ledger, before_ms, sinks, centre.folder / "archive", 5, "shell:ann")


def test_what_ended_goes_with_all_that_belongs_to_it_and_is_in_a_file(centre: Centre) -> None:
    deliver(centre, "centre")
    before = {name: rows(centre, name) for name in NAMES}
    closed = sorted(i.closed_ms for i in before["incidents"] if i.closed_ms is not None)
    cut_ms = closed[len(closed) // 2]
    newest = max(before["messages"], key=lambda m: m.number).incident
    gone = go(centre, cut_ms, ("centre",))
    after = {name: rows(centre, name) for name in NAMES}
    ids = {i.id for i in before["incidents"] if i.closed_ms is not None and i.closed_ms < cut_ms and i.id != newest}
    assert ids
    assert {i.id for i in before["incidents"]} - {i.id for i in after["incidents"]} == ids
    assert set(before["messages"]) - set(after["messages"]) == {m for m in before["messages"] if m.incident in ids}
    with centre.ledger.connect() as db:
        assert set(db.execute(select(deliveries.c.message)).scalars()) == {m.id for m in after["messages"]}
    assert gone.incidents == len(ids)
    assert gone.messages == gone.deliveries == len(before["messages"]) - len(after["messages"]) > 0
    assert gone.changes == len(before["changes"]) - len(after["changes"]) > 0
    assert {c for c in before["changes"] if c.time_ms >= cut_ms} <= set(after["changes"])
    archive = centre.folder / "archive"
    lines = [json.loads(line) for p in archive.iterdir() for line in p.read_text().splitlines()]
    assert {x["incident"]["id"] for x in lines} == ids
    kept = {m["id"]: m["cap_xml"] for x in lines for m in x["messages"]}
    assert kept == {m.id: m.cap_xml.decode() for m in before["messages"] if m.incident in ids}
    assert sum(len(x["deliveries"]) for x in lines) == gone.deliveries
    assert ended.verify(archive, centre.ledger) == (len(ids), "")
    assert audit.verify(centre.ledger).broken == ""
    assert go(centre, cut_ms, ("centre",)) == Gone()


def test_what_is_open_and_the_newest_of_each_stays(centre: Centre) -> None:
    before = {name: rows(centre, name) for name in NAMES}
    go(centre)
    after = {name: rows(centre, name) for name in NAMES}
    still_open = {i.id for i in before["incidents"] if i.closed_ms is None}
    newest = max(before["messages"], key=lambda m: m.number)
    assert {i.id for i in after["incidents"]} == still_open | {newest.incident}
    assert newest in after["messages"]
    for name in ("changes", "late"):
        assert len(after[name]) == min(1, len(before[name]))
        assert after[name] == sorted(before[name], key=lambda row: row.id)[-1:]


def test_trimmed_by_age_and_rebuilt_every_view_answers_as_before_and_the_next_ids_follow(
    small_district: Catalogue, tmp_path: Path
) -> None:
    all_entries = showers(12)
    centre = Centre(tmp_path / "trimmed", city(small_district), all_entries, every=20)
    whole = Centre(tmp_path / "whole", centre.catalogue, all_entries, every=20)
    whole.feed(240)
    for _ in range(10):
        centre.feed(20)
        centre.night()
    found = base.read(centre.folder)
    assert found is not None
    gone = go(centre)
    assert gone.messages > 10
    left = centre.shown()
    with centre.ledger.begin() as db:
        store.forget(db)
    centre.series.rewind(found.cursor)
    centre.close()
    centre.open()
    assert centre.shown() == left
    centre.feed(40)
    numbers = {m.id: m.number for m in rows(whole, "messages")}
    again = {m.id: m.number for m in rows(centre, "messages")}
    assert len(again) > len(left["told"][0])
    assert again == {x: numbers[x] for x in again}
    assert set(rows(whole, "incidents")) >= set(rows(centre, "incidents"))
    for c in (centre, whole):
        c.close()


def test_a_head_that_cannot_be_read_gives_no_number_twice(centre: Centre) -> None:
    newest = max(m.number for m in rows(centre, "messages"))
    go(centre)
    with centre.ledger.begin() as db:
        db.execute(update(t.view_state).values(state="torn"))
        store.forget(db)
        assert json.loads(db.execute(select(t.view_state.c.state)).scalar_one())["number"] == newest


def test_what_a_consumer_is_still_to_be_told_stays(centre: Centre) -> None:
    ended_ids = [i.id for i in rows(centre, "incidents") if i.closed_ms is not None]
    newest = max(rows(centre, "messages"), key=lambda m: m.number).incident
    some = [m for m in rows(centre, "messages") if m.incident in ended_ids and m.incident != newest]
    late = max(some, key=lambda m: m.number)
    deliver(centre, "centre", late.id)
    gone = go(centre, sinks=("centre",))
    assert (gone.waits, late in rows(centre, "messages")) == (1, True)
    row = {"sink": "centre", "message": late.id, "attempts": 0, "first_ms": 1, "noted": Noted.EXPIRED.value}
    with centre.ledger.begin() as db:
        db.execute(insert(deliveries).values(**row, receipt=""))
    assert go(centre, sinks=("centre",)).waits == 0
    assert late not in rows(centre, "messages")


def test_changes_that_no_snapshot_holds_stay(centre: Centre) -> None:
    with centre.ledger.begin() as db:
        entries = sorted(db.execute(select(t.changes.c.entry)).scalars())
        place = entries[len(entries) // 2]
    centre.warnings.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ended.snapshots, "place", lambda *_: place)
        go(centre)
    assert {c.entry for c in rows(centre, "changes")} == {e for e in entries if e > place}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ended.snapshots, "place", lambda *_: None)
        assert go(centre).changes == 0


def test_a_file_that_was_altered_or_is_of_a_broken_night_is_named(centre: Centre) -> None:
    archive = centre.folder / "archive"
    go(centre)
    (path,) = archive.iterdir()
    body = path.read_bytes()
    path.write_bytes(body.replace(b"red", b"blu", 1))
    assert ended.verify(archive, centre.ledger)[1] == f"{path.name} was altered"
    path.write_bytes(body)
    (archive / "warnings-x.jsonl").write_bytes(body)
    assert "warnings-x.jsonl is not in the audit record" in ended.verify(archive, centre.ledger)[1]
    (archive / "warnings-x.jsonl").unlink()
    audit.record(centre.ledger, now_ms=9, who="w", what="x", target="t", source="s", detail={})
    assert audit_archive.move(centre.ledger, 8, archive) == 1  # the row that vouches for it is in a file now
    assert ended.verify(archive, centre.ledger) == (body.count(b"\n"), "")
    next(archive.glob("audit-*")).unlink()  # carried away: nothing can be said
    assert ended.verify(archive, centre.ledger) == (0, "")


def test_beside_a_running_cloud_a_night_lets_go_and_nothing_is_told_again(tmp_path: Path) -> None:
    clock = f"scaled:{TIME_MS},240,{time.time_ns() // 1_000_000}"
    path, gateway = config(tmp_path, retention={"warnings_days": 1e-4}, clock=clock), Gateway()
    with running(path) as cloud:
        for depth_m, many in ((0.8, 1), (0.0, 2), (0.8, 3)):
            gateway.depth_m = depth_m
            until(lambda many=many: gateway.send(cloud) or len({*told(tmp_path)}) >= many)
        caught_up(cloud)
        before = told(tmp_path)

        def night() -> dict[str, int]:
            gateway.send(cloud)
            done = CliRunner().invoke(app, ["trim", "--config", str(path)])
            assert done.exit_code == 0, done.output
            return dict(json.loads(done.stdout))

        gone: list[dict[str, int]] = []
        until(lambda: gone.append(night()) or gone[-1]["incidents"] > 0)
        assert gone[-1]["messages"] == gone[-1]["deliveries"] >= 2
        (left,) = cloud.warnings.reader.incidents()
        assert left.closed_ms is None
        caught_up(cloud)
    done = CliRunner().invoke(app, ["view", "rebuild", "warnings", "--config", str(path)])
    assert done.exit_code == 0, done.output
    with running(path) as cloud:
        caught_up(cloud)
        assert told(tmp_path) == before
    said = CliRunner().invoke(app, ["audit", "--config", str(path)])
    assert (said.exit_code, ", 1 warnings" in said.stderr) == (0, True)
    ledger = open_ledger(load_config(path).ledger_url)
    with ledger.connect() as db:
        assert db.execute(select(func.count()).select_from(t.incidents)).scalar() == 1
    ledger.dispose()
