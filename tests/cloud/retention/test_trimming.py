"""A log is trimmed, then every view is rebuilt: the same answers, the same message ids, nothing told again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, select

from cloud.ledger.open import open_ledger
from cloud.log.base import START, BatchLog, Entry, EntryKind, NewEntry
from cloud.log.decision import Decision, DecisionKind, entry_of
from cloud.log.open import open_log
from cloud.log.origin import Origin, origin_entry
from cloud.maintenance import tables as maintenance
from cloud.retention import base
from cloud.retention.trimming import Trimmed, trim
from cloud.series.manifest import Manifest
from cloud.series.parquet import MANIFEST, ParquetStore
from cloud.views.latest import LatestView
from cloud.warnings import store
from cloud.warnings import tables as t
from cloud.warnings.replay import replay
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from tests.cloud.series.support import rows_of
from tests.cloud.warnings.city import START_MS, city, history
from tests.cloud.warnings.test_view import SETTINGS

HOUR_MS = 3_600_000
DAYS = 2 / 24  # two hours


@dataclass
class Centre:
    """The parts of a cloud in a folder, fed with a history a few entries at a time."""

    folder: Path
    catalogue: Catalogue
    history: list[Entry]
    log: BatchLog = field(init=False)
    ledger: Engine = field(init=False)
    at: int = 0
    every: int = 10  # entries, then the views follow

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.log = open_log(self.folder)
        self.ledger = open_ledger(f"sqlite:///{self.folder}/ledger.sqlite")
        found = base.read(self.folder)
        self.latest = LatestView(self.catalogue, None if found is None else (found.cursor, found.latest))
        self.series = ParquetStore(self.folder / "series")
        self.warnings: WarningsView = open_view(self.ledger, self.catalogue, SETTINGS)
        self.follow()

    def close(self) -> None:
        self.warnings.close()
        self.series.close()
        self.ledger.dispose()
        self.log.close()

    def follow(self) -> None:
        for view in (self.latest, self.series, self.warnings):
            while entries := self.log.read(view.cursor(), 50):
                view.apply(entries)
        self.warnings.keep()

    def feed(self, count: int) -> None:
        for n, e in enumerate(self.history[self.at : self.at + count]):
            if e.kind is EntryKind.TICK:
                self.log.tick(e.append_ms)
            else:
                self.log.append(
                    [NewEntry(e.gateway, e.spool, e.seq, e.lane, e.time_min_ms, e.time_max_ms, e.payload)], e.append_ms
                )
            if n % self.every == self.every - 1:
                self.follow()
        self.follow()
        self.at += count

    def night(self) -> Trimmed:
        manifest = Manifest(self.folder / "series" / MANIFEST)
        sealed = manifest.cursor()
        manifest.close()
        return trim(self.log, self.folder, self.ledger, self.catalogue, DAYS, sealed)

    def shown(self) -> dict[str, Any]:
        channels = sorted(self.catalogue.channels)
        reader = self.warnings.reader
        now = self.latest.snapshot()
        with self.ledger.connect() as db:
            rows = [[tuple(r) for r in db.execute(select(x))] for x in (t.messages, t.incidents, t.changes, t.late)]
        return {
            "latest": rows_of(now),
            "raw": rows_of(self.series.raw(channels, 0, 2**60)),
            "hourly": [np.nan_to_num(x, nan=-1).tolist() for x in vars_of(self.series.hourly(channels, 0, 2**60))],
            "told": rows,
            "conditions": [(c.key, c.state, c.level, c.since_ms, c.reason) for c in reader.conditions()],
        }

    def entries(self) -> list[Entry]:
        return list(self.log.read(START, 10**6))


def vars_of(hourly: Any) -> list[Any]:
    return [hourly.hour_ms, hourly.channel, hourly.count, hourly.minimum, hourly.maximum]


@pytest.fixture
def centre(small_district: Catalogue, tmp_path: Path) -> Iterator[Centre]:
    found = Centre(tmp_path, city(small_district), history(6, 400))
    yield found
    found.close()


def test_trimmed_and_rebuilt_every_view_answers_as_before(centre: Centre) -> None:
    whole = Centre(centre.folder / "whole", centre.catalogue, centre.history)
    gone = 0
    for _ in range(8):
        for c in (centre, whole):
            c.feed(50)
        gone += centre.night().entries
    found = base.read(centre.folder)
    assert found is not None
    assert gone > 100
    assert {e.offset for e in whole.entries()} - {e.offset for e in centre.entries()} == set(range(1, gone + 1))
    assert gone < found.cursor  # what a cloud is still reading in goes a night later
    before = centre.shown()
    assert before == whole.shown()
    centre.close()
    centre.open()  # the newest values are in memory: they begin where the log was trimmed
    assert centre.shown() == before
    with centre.ledger.begin() as db:
        store.forget(db)
    centre.series.rewind(found.cursor)
    centre.close()
    centre.open()
    assert centre.shown() == before
    whole.close()


def test_what_the_notices_of_maintenance_have_not_taken_stays(centre: Centre) -> None:
    with centre.ledger.begin() as db:
        db.execute(maintenance.state.insert().values(name="maintenance", cursor=20, body=b""))
    for _ in range(8):
        centre.feed(50)
        assert centre.night().entries == 0
    with centre.ledger.begin() as db:
        db.execute(maintenance.state.update().values(cursor=400))
    assert [centre.night().entries > 0 for _ in range(2)] == [False, True]  # what one may still read goes a night later


def test_a_replay_of_what_is_left_gives_the_same_messages(centre: Centre) -> None:
    for _ in range(8):
        centre.feed(50)
        centre.night()
    ids = [m.id for m in centre.warnings.reader.messages(limit=10_000)][::-1]
    found = base.read(centre.folder)
    again = [m.id for m in replay(centre.log, centre.catalogue, SETTINGS, centre.ledger)]
    with centre.ledger.connect() as db:
        late = [r.id for r in db.execute(select(t.messages).order_by(t.messages.c.number)) if r.entry > found.cursor]
    assert again == late
    assert 2 < len(again) < len(ids)


def test_what_people_decided_notes_and_what_was_seen_stay_and_no_offset_is_given_twice(centre: Centre) -> None:
    decision = Decision("d-1", DecisionKind.RELEASE, "person:ann", START_MS, "x", {"refused": "time_past"})
    centre.log.append([entry_of(decision), origin_entry(Origin("gw-1", False), 1, START_MS)], START_MS)
    for _ in range(8):
        centre.feed(50)
        centre.night()
    seen = centre.log.seen.acknowledged("gw-1", 1)
    end = centre.log.end()
    kinds = [e.kind for e in centre.entries()[:2]]
    assert kinds == [EntryKind.DECISION, EntryKind.ORIGIN]
    left = len(centre.entries())
    assert centre.log.trim(end) == left - 3
    centre.close()
    centre.open()
    assert centre.log.seen.acknowledged("gw-1", 1) == seen
    assert [e.offset for e in centre.entries()[2:]] == [end]  # the last one says where and when the log is
    centre.log.tick(START_MS)
    assert centre.entries()[-1].offset == end + 1
    assert centre.entries()[-1].append_ms >= centre.history[-1].append_ms
