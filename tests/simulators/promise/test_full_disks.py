"""What the campaign found, each alone: disks that fill between two steps."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.ingest.admission import Admission, InboundMessage
from cloud.ingest.ingest import Ingest
from cloud.ingest.quarantine import Quarantine
from cloud.log.open import open_log
from contract.readings import ReadingBatch
from contract.wire.ack import Ack, encode_ack
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane
from edge_agent.spool.database import SpoolDatabase
from edge_agent.spool.store import SpoolStore, StoreSettings
from edge_agent.timesync.now import Now
from edge_agent.uplink.session import Session
from simulators.promise.disks import Disk, installed, no_room

NOW_MS = 1_626_768_000_000
HOUR_MS = 3_600_000


def at(monotonic_s: float) -> Now:
    return Now(NOW_MS, monotonic_s)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    found = Disk(random.Random(1))
    with installed({str(tmp_path): found}, random.Random(2)):
        yield found
    found.power_off()


def readings(n: int = 3) -> ReadingBatch:
    return ReadingBatch.of([NOW_MS + 1000 * i for i in range(n)], [101] * n, [0.1] * n, [1] * n)


def test_what_a_full_disk_cannot_forget_is_forgotten_when_there_is_room(tmp_path, disk):
    spool = SpoolDatabase(tmp_path / "spool.sqlite", "gw-1", NOW_MS)
    store = SpoolStore(spool, at(0.0))
    session = Session("small", "gw-1", store, at(0.0))
    store.add(readings(), Lane.LIVE, {}, at(0.0))
    session.link_up(at(0.0))
    assert len(list(session.due(at(0.0)))) == 1
    disk.full = True
    assert session.take_ack(encode_ack(Ack(spool.id, 1)), at(0.5))
    assert not session.empty
    assert "make room" in store.disk_trouble
    disk.full = False
    assert list(session.due(at(1.0))) == []
    assert session.empty
    assert spool.waiting() == []
    assert store.disk_trouble == ""


def test_a_disk_that_fills_while_the_cap_is_kept_doubles_nothing(tmp_path, disk, monkeypatch):
    spool = SpoolDatabase(tmp_path / "spool.sqlite", "gw-1", NOW_MS)
    store = SpoolStore(spool, at(0.0), StoreSettings(cap_bytes=100))
    store.add(readings(), Lane.LIVE, {}, at(0.0))
    step = disk.step

    def no_deleting(sql: str, db: sqlite3.Connection) -> bool:
        if sql.startswith("delete"):
            raise no_room()
        return step(sql, db)

    with monkeypatch.context() as patched:
        patched.setattr(Disk, "step", lambda self, sql, db: no_deleting(sql, db))
        store.add(readings(5), Lane.LIVE, {}, at(0.0))
    assert len(spool.waiting()) == 2
    store.add(readings(1), Lane.ALARM, {}, at(0.0))
    assert len(spool.waiting()) <= 2
    state = store.state(at(0.0))
    assert state is not None
    assert state.held_in_memory == 0


class Cloud:
    def __init__(self, folder: Path, district) -> None:
        self.log = open_log(folder)
        self.quarantine = Quarantine(folder / "quarantine.sqlite")
        receiver = Admission(district)
        self.ingest = Ingest(receiver, self.log, self.quarantine, district.district.id, list(district.gateways))


def message(district, time_ms: int = NOW_MS) -> InboundMessage:
    payload = encode_batch(WireBatch("gw-1", 7, 1, Lane.LIVE, ReadingBatch.of([time_ms], [101], [0.1], [1])))
    return InboundMessage(f"headwater/1/{district.district.id}/gw-1/up/live", payload)


def test_a_quarantine_that_found_no_room_takes_the_next(tmp_path, disk, small_district):
    cloud = Cloud(tmp_path, small_district)
    bad = message(small_district, NOW_MS + 24 * HOUR_MS)
    disk.full = True
    for _ in range(5):
        with pytest.raises(sqlite3.OperationalError, match="full"):
            cloud.ingest.take([bad], NOW_MS)
    disk.full = False
    assert len(cloud.ingest.take([bad], NOW_MS)) == 1
    assert cloud.quarantine.count() == 1


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_kept_aside_before_the_log_failed_is_not_stored_later(tmp_path, disk, small_district, restart):
    cloud = Cloud(tmp_path, small_district)
    early = message(small_district, NOW_MS + HOUR_MS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cloud.log, "append", _fails)
        with pytest.raises(sqlite3.OperationalError):
            cloud.ingest.take([early], NOW_MS)
    if restart:
        cloud = Cloud(tmp_path, small_district)
    acks = cloud.ingest.take([early], NOW_MS + 2 * HOUR_MS)
    assert len(acks) == 1
    assert cloud.quarantine.count() == 1
    assert cloud.log.read(0, 10) == []


def test_what_was_stored_and_is_too_old_when_it_comes_again_is_not_kept_aside(tmp_path, disk, small_district):
    cloud = Cloud(tmp_path, small_district)
    cloud.ingest.take([message(small_district)], NOW_MS)
    assert len(cloud.ingest.take([message(small_district)], NOW_MS + 500 * 24 * HOUR_MS)) == 1
    assert cloud.quarantine.count() == 0
    assert len(cloud.log.read(0, 10)) == 1


def _fails(*args: object) -> None:
    raise no_room()
