"""Two files of one name: an old copy put back, a disk cloned, an impostor. What is measured from then on must not be
taken for what the cloud has already."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cloud.ingest.admission import Admission, InboundMessage
from cloud.ingest.ingest import Ingest
from cloud.ingest.quarantine import Quarantine
from cloud.log.open import open_log
from cloud.views.decode import readings
from contract.readings import ReadingBatch
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane
from edge_agent.spool.store import SpoolStore
from edge_agent.timesync.now import Now
from edge_agent.timesync.timekeeping import Timekeeper
from edge_agent.uplink.session import Session
from tests.edge_agent.support import Database

NOW_MS = 1_626_768_000_000


class District:
    """A cloud, and one gateway whose disk can be copied and put back."""

    def __init__(self, folder: Path, catalogue) -> None:
        self.folder, self.name = folder, catalogue.district.id
        self.log = open_log(folder)
        receiver, aside = Admission(catalogue), Quarantine(folder / "quarantine.sqlite")
        self.ingest = Ingest(receiver, self.log, aside, self.name, list(catalogue.gateways))
        self.now_s = 0.0
        self.start("spool.sqlite")

    def start(self, file: str) -> None:
        self.spool = Database(self.folder / file, "gw-1", NOW_MS)
        self.now_s += 1
        keeper = Timekeeper("boot", NOW_MS, round(self.now_s * 1000), earliest_ms=1)
        self.store = SpoolStore(self.spool, self.now, keeper=keeper)
        self.session = Session(self.name, "gw-1", self.store, self.now)

    @property
    def now(self) -> Now:
        """UTC stands still: the cloud answers with it."""
        return Now(NOW_MS, self.now_s)

    def measure(self, *seconds: int) -> None:
        for s in seconds:
            self.store.add(ReadingBatch.of([NOW_MS + 1000 * s], [101], [s], [1]), Lane.LIVE, {}, self.now)

    def copied(self, file: str) -> None:
        with closing(sqlite3.connect(self.spool.path)) as here, closing(sqlite3.connect(self.folder / file)) as there:
            here.backup(there)

    def exchange(self) -> None:
        """Until both have said all."""
        out = [] if self.session.connected else self.session.link_up(self.now)
        for _ in range(6):
            batches = [
                InboundMessage(p.topic, p.payload) for p in out if p.topic.rpartition("/")[2] in ("live", "history")
            ]
            others = [
                InboundMessage(p.topic, p.payload) for p in out if p.topic.rpartition("/")[2] in ("birth", "state")
            ]
            answers = [a for m in others for a in self.ingest.heard_of(m, NOW_MS)]
            for answer in [*answers, *(self.ingest.take(batches, NOW_MS) if batches else [])]:
                self.session.take_ack(answer.payload, self.now)
            self.now_s += 1
            out = list(self.session.due(self.now))

    def stored(self) -> list[float]:
        return sorted(readings(self.log.read(0, 1000)).value.tolist())


@pytest.fixture
def district(tmp_path, small_district):
    return District(tmp_path, small_district)


def test_an_old_copy_that_was_put_back(district):
    district.measure(1)
    district.exchange()
    district.copied("copy.sqlite")
    district.measure(2, 3)
    district.exchange()
    was = district.spool.id
    district.start("copy.sqlite")
    district.measure(4, 5, 6)  # under numbers that the cloud has seen, and one more
    district.exchange()
    assert district.stored() == [1, 2, 3, 4, 5, 6]
    assert district.session.empty
    assert district.store.renamed == 1
    assert district.spool.id != was
    assert district.session.status(district.now)["spool_renamed"] == 1
    district.start("copy.sqlite")
    district.measure(7)
    district.exchange()
    assert district.stored() == [1, 2, 3, 4, 5, 6, 7]
    assert district.store.renamed == 0


def test_what_the_copy_holds_and_the_first_has_sent_is_stored_again_rather_than_lost(district):
    district.measure(1)
    district.copied("clone.sqlite")
    district.measure(2)
    district.exchange()
    district.start("clone.sqlite")
    district.measure(3)
    district.exchange()
    assert set(district.stored()) == {1, 2, 3}
    assert district.session.empty


def test_a_copy_that_has_nothing_to_send_learns_of_it_before_it_has(district):
    district.measure(1)
    district.exchange()
    district.copied("copy.sqlite")
    district.measure(2)
    district.exchange()
    district.start("copy.sqlite")
    district.exchange()
    assert district.store.renamed == 1
    district.measure(3)
    district.exchange()
    assert district.stored() == [1, 2, 3]


def test_an_impostor_who_says_that_all_to_come_is_settled(district):
    district.measure(1)
    district.exchange()
    forged = Birth("gw-1", district.spool.id, 10**6, "", NOW_MS, 10**6)
    district.ingest.heard_of(InboundMessage(f"headwater/1/{district.name}/gw-1/birth", encode_birth(forged)), NOW_MS)
    district.measure(2, 3)
    district.exchange()
    assert set(district.stored()) == {1, 2, 3}
    assert district.store.renamed == 1


def test_nothing_is_sent_under_the_old_name_while_the_disk_is_full(district):
    district.measure(1)
    district.exchange()
    district.copied("copy.sqlite")
    district.measure(2)
    district.exchange()
    district.start("copy.sqlite")
    district.measure(3)
    district.spool.fill_up()
    district.spool.refuse_writes()
    district.exchange()
    assert district.store.renamed == 0
    assert list(district.session.due(district.now)) == []
    assert district.stored() == [1, 2]
    district.spool.refuse_writes(False)
    district.spool.make_room()
    district.exchange()
    assert district.stored() == [1, 2, 3]
    assert district.session.empty
