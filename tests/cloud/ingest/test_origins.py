"""Simulated gateways: written in the log once for each change, and refused beside a real one of their zone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.ingest.admission import Admission, InboundMessage
from cloud.ingest.ingest import Ingest
from cloud.ingest.origins import Origins
from cloud.ingest.quarantine import Quarantine
from cloud.log.base import START, EntryKind
from cloud.log.origin import Origin, decode_origin, origin_entry
from cloud.log.sqlite import SqliteLog
from contract.catalogue.catalogue import Catalogue
from contract.readings import ReadingBatch
from contract.wire.ack import decode_ack
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane, RefusalReason

NOW_MS = 1_783_000_000_000


class Cloud:
    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        self.folder, self.catalogue = folder, catalogue
        self.start()

    def start(self) -> None:
        self.log = SqliteLog.in_folder(self.folder)
        self.quarantine = Quarantine(self.folder / "quarantine.sqlite")
        gateways = list(self.catalogue.gateways)
        self.ingest = Ingest(Admission(self.catalogue), self.log, self.quarantine, "small", gateways)

    def stop(self) -> None:
        self.log.close()
        self.quarantine.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def born(self, gateway: str, simulated: bool | None) -> None:
        """simulated: None for a birth of a release that says nothing of it."""
        payload = encode_birth(Birth(gateway, 7, 1, "v", 1, simulated=bool(simulated)))
        self.ingest.heard_of(InboundMessage(f"headwater/1/small/{gateway}/birth", payload), NOW_MS)

    def sent(self, gateway: str, seq: int, simulated: bool | None = None) -> dict[int, str]:
        """Takes a batch: sequence -> reason, of what is refused. simulated: None for one of an earlier release."""
        return self.take([(gateway, seq, simulated)])

    def take(self, batches: list[tuple[str, int, bool | None]]) -> dict[int, str]:
        """Takes batches (gateway, sequence, whether it is simulated) that came together."""
        group = []
        for gateway, seq, simulated in batches:
            channel = self.catalogue.channels_by_gateway[gateway][0].id
            readings = ReadingBatch.of([NOW_MS + seq], [channel], [0.5])
            payload = encode_batch(WireBatch(gateway, 7, seq, Lane.LIVE, readings, simulated=simulated))
            group.append(InboundMessage(f"headwater/1/small/{gateway}/up/live", payload))
        acks = self.ingest.take(group, NOW_MS)
        return {seq: reason for ack in acks for seq, reason in (decode_ack(ack.payload).refused or {}).items()}

    def entries(self) -> list[bool | int]:
        """The log: what a gateway said of itself, and the sequences of its batches."""
        log = self.log.read(START, 99)
        return [decode_origin(e.payload).simulated if e.kind is EntryKind.ORIGIN else e.seq for e in log]

    def origins(self) -> list[Origin]:
        return [decode_origin(e.payload) for e in self.log.notes(EntryKind.ORIGIN)]


def in_two_zones(catalogue: Catalogue) -> Catalogue:
    """Each of two gateways in a zone of its own."""
    zones = dict(zip(("gw-1", "gw-2"), catalogue.zones, strict=False))
    channels = {
        n: replace(c, station=c.station.model_copy(update={"zone": zones[c.gateway]}))
        for n, c in catalogue.channels.items()
        if c.gateway in zones
    }
    return replace(catalogue, channels=channels)


def one_zone(catalogue: Catalogue) -> Catalogue:
    """The small district with every station in one zone."""
    moved = {s.id: s.model_copy(update={"zone": "north"}) for s in catalogue.stations.values()}
    channels = {n: replace(c, station=moved[c.station.id]) for n, c in catalogue.channels.items()}
    return replace(catalogue, stations=moved, channels=channels)


@pytest.fixture
def cloud(tmp_path, small_district) -> Iterator[Cloud]:
    made = Cloud(tmp_path, one_zone(small_district))
    yield made
    made.stop()


def test_a_change_of_what_births_say_is_an_entry_of_the_log(cloud):
    for simulated in (True, True, False, None, True):
        cloud.born("gw-1", simulated)
    cloud.restart()
    cloud.born("gw-1", True)
    assert cloud.origins() == [Origin("gw-1", said) for said in (True, False, True)]
    assert [e.kind for e in cloud.log.read(START, 9)] == [EntryKind.ORIGIN] * 3


def test_it_stands_before_the_batches_that_come_after_it(cloud):
    cloud.sent("gw-1", 1)
    cloud.born("gw-1", True)
    cloud.sent("gw-1", 2)
    assert [e.kind for e in cloud.log.read(START, 9)] == [EntryKind.BATCH, EntryKind.ORIGIN, EntryKind.BATCH]


def test_a_batch_says_it_too_when_the_birth_was_lost(cloud):
    """Nobody had subscribed yet when the gateways met the broker."""
    assert cloud.take([("gw-1", 1, True), ("gw-2", 1, True)]) == {}
    assert cloud.take([("gw-2", 2, True), ("gw-1", 2, True)]) == {}
    assert cloud.origins() == [Origin("gw-1", True), Origin("gw-2", True)]
    assert cloud.ingest.troubles() == []


def test_a_simulated_batch_is_refused_at_once_beside_a_real_gateway(cloud):
    assert cloud.take([("gw-1", 1, False), ("gw-2", 5, True)]) == {5: "simulated"}
    assert cloud.sent("gw-1", 2, False) == {}


def test_each_batch_of_a_spool_filled_before_and_after_a_change_counts_as_what_it_says(cloud):
    cloud.take([("gw-1", 1, True), ("gw-1", 2, True), ("gw-1", 3, False), ("gw-1", 4, False)])
    assert cloud.entries() == [True, 1, 2, False, 3, 4]


@pytest.mark.parametrize("simulated", [True, False])
def test_a_birth_stands_against_batches_of_what_the_gateway_was_before(cloud, simulated):
    """They waited in its spool: were they let in, a flood that is real would be taken for an exercise meanwhile."""
    cloud.born("gw-1", simulated)
    old, new = ("gw-1", 1, not simulated), ("gw-1", 2, simulated)
    assert cloud.take([old, new]) == {1: "simulated"}
    assert cloud.entries() == [simulated, 2]
    (kept,) = cloud.quarantine.waiting()
    assert kept.detail == "gw-1 says by now of itself whether it is simulated, and this batch says otherwise"
    assert cloud.ingest.release(kept.id, NOW_MS, "person:ann").startswith("simulated: ")


def test_a_simulated_batch_is_not_released_once_its_gateway_is_real(cloud):
    cloud.take([("gw-1", 1, False), ("gw-2", 5, True)])
    cloud.born("gw-2", False)
    cloud.restart()
    (kept,) = cloud.quarantine.waiting()
    assert cloud.ingest.release(kept.id, NOW_MS, "person:ann") == (
        "simulated: its readings are of a simulation, and gw-2 is of a real place now"
    )


@pytest.mark.parametrize("simulated_first", [True, False])
def test_of_both_kinds_in_one_zone_the_simulated_is_refused_by_name(cloud, simulated_first):
    for gateway, simulated in sorted({"gw-1": False, "gw-2": True}.items(), reverse=simulated_first):
        cloud.born(gateway, simulated)
    for again in range(2):
        assert cloud.sent("gw-1", 1 + again) == {}
        assert cloud.sent("gw-2", 1 + again) == {1 + again: "simulated"}
        cloud.restart()  # it is known from the log
    kept = cloud.quarantine.waiting()
    assert [(k.gateway, k.reason) for k in kept] == [("gw-2", RefusalReason.SIMULATED)] * 2
    assert kept[0].detail == ("gw-2 is simulated and shares a zone, or its incidents, with real gateways: north (gw-1)")
    assert cloud.ingest.troubles() == [f"{kept[0].detail}: its batches are kept aside"]
    assert cloud.ingest.release(kept[0].id, NOW_MS, "person:ann").startswith("simulated: gw-2 is simulated")
    cloud.born("gw-1", True)  # the other was a simulation, too
    assert cloud.ingest.troubles() == []
    assert cloud.ingest.release(kept[0].id, NOW_MS, "person:ann") == ""
    assert cloud.sent("gw-2", 3) == {}


def test_a_gateway_that_never_said_a_word_is_real(cloud):
    cloud.born("gw-2", True)
    assert cloud.sent("gw-2", 1) == {}
    assert cloud.sent("gw-1", 1) == {}
    assert cloud.sent("gw-2", 2) == {2: "simulated"}


def test_a_gateway_of_an_earlier_release_is_real(cloud):
    cloud.born("gw-1", None)
    cloud.born("gw-2", True)
    assert cloud.sent("gw-2", 1) == {1: "simulated"}


def test_simulations_among_themselves_are_heard(cloud):
    for gateway in ("gw-1", "gw-2"):
        cloud.born(gateway, True)
        assert cloud.sent(gateway, 1) == {}


def test_in_zones_of_their_own_both_kinds_are_heard(small_district):
    origins = Origins(small_district)
    zones = {g: {c.station.zone for c in small_district.channels_by_gateway[g]} for g in ("gw-1", "gw-2")}
    origins.say(Origin("gw-1", False))
    origins.say(Origin("gw-2", True))
    assert bool(origins.refused) is bool(zones["gw-1"] & zones["gw-2"])


def test_in_zones_that_share_their_incidents_the_simulated_is_refused(small_district):
    """Else whoever has one gateway's key makes exercises of the warnings of all others."""
    catalogue = in_two_zones(small_district)
    for group, refused in ((None, set()), ("all", {"gw-2"})):
        zones = {z: v.model_copy(update={"incident_group": group}) for z, v in catalogue.zones.items()}
        origins = Origins(replace(catalogue, zones=zones))
        origins.say(Origin("gw-1", False))
        origins.say(Origin("gw-2", True))
        assert origins.refused.keys() == refused


def test_what_the_disk_refuses_is_written_before_the_next_batch(cloud, monkeypatch):
    append = SqliteLog.append

    def full(self, entries, now_ms, kept_elsewhere=()):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(SqliteLog, "append", full)
    cloud.born("gw-1", True)
    with pytest.raises(sqlite3.OperationalError):
        cloud.sent("gw-1", 1)
    monkeypatch.setattr(SqliteLog, "append", append)
    assert cloud.sent("gw-1", 1) == {}
    assert [e.kind for e in cloud.log.read(START, 9)] == [EntryKind.ORIGIN, EntryKind.BATCH]
    assert cloud.ingest.counters()["origin_failures"] == 1


def test_a_note_that_cannot_be_read_is_passed_over(cloud):
    entry = origin_entry(Origin("gw-2", True), 1, NOW_MS)
    cloud.log.append([entry._replace(payload=b"{"), origin_entry(Origin("gone", True), 1, NOW_MS)], NOW_MS)
    cloud.restart()
    assert cloud.sent("gw-2", 1) == {}
