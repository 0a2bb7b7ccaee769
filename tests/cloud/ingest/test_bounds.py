"""A gateway that leaves gaps, or names spool after spool: bounded, said by name, and nothing acknowledged of what is
let go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.ingest.admission import Admission, InboundMessage
from cloud.ingest.bounds import NEW_SPOOLS, SpoolBounds
from cloud.ingest.ingest import Ingest
from cloud.ingest.quarantine import Quarantine
from cloud.log.base import START
from cloud.log.sqlite import SqliteLog
from contract.readings import ReadingBatch
from contract.wire.ack import decode_ack
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane
from contract.wire.state import GatewayState, encode_state

NOW_MS = 1_783_000_000_000
HOUR_MS = 3_600_000


class Cloud:
    def __init__(self, folder: Path, catalogue) -> None:
        self.log = SqliteLog.in_folder(folder)
        self.quarantine = Quarantine(folder / "quarantine.sqlite")
        self.gateway, self.other = list(catalogue.gateways)[:2]
        self.channels = catalogue.channels_by_gateway
        self.ingest = Ingest(Admission(catalogue), self.log, self.quarantine, "small", list(catalogue.gateways))
        self.ingest.bounds = SpoolBounds(self.log.seen, most_gaps=10)

    def take(self, *batches: tuple[int, int], gateway: str = "", now_ms: int = NOW_MS, ahead_ms: int = 0) -> set:
        """(spool, sequence) of those that are acknowledged."""
        gateway = gateway or self.gateway
        group = []
        for spool, seq in batches:
            readings = ReadingBatch.of([now_ms + ahead_ms], [self.channels[gateway][0].id], [1.0])
            payload = encode_batch(WireBatch(gateway, spool, seq, Lane.LIVE, readings, True))
            group.append(InboundMessage(f"headwater/1/small/{gateway}/up/live", payload))
        acks = [decode_ack(m.payload) for m in self.ingest.take(group, now_ms)]
        return {
            (spool, seq)
            for a in acks
            for spool, seq in batches
            if spool == a.spool and (seq <= a.prefix or seq in a.seqs or seq in (a.refused or {}))
        }


@pytest.fixture
def cloud(tmp_path, small_district) -> Iterator[Cloud]:
    made = Cloud(tmp_path, small_district)
    yield made
    made.log.close()
    made.quarantine.close()


def test_at_the_bound_only_what_opens_no_gap_is_taken_and_it_is_told(cloud):
    for seq in range(2, 100, 2):
        cloud.take((7, seq))
    assert cloud.log.seen.gaps(cloud.gateway, 7) == 10
    assert cloud.take((7, 1000)) == set()
    assert cloud.ingest.counters()["gaps_deferred"] == 40
    (told,) = cloud.ingest.troubles()
    assert cloud.gateway in told and "10 gaps" in told
    assert cloud.take((7, 1)) == {(7, 1)}  # closes one
    assert cloud.take((7, 1000)) == {(7, 1000)}
    assert cloud.take((7, 21)) == {(7, 21)}
    assert cloud.take((1, 1), gateway=cloud.other) == {(1, 1)}
    assert len(cloud.log.read(START, 1000)) == 10 + 4


def test_what_is_kept_aside_opens_no_more_gaps_either(cloud):
    far = 30 * 86_400_000  # a time that is refused
    for seq in range(2, 100, 2):
        cloud.take((7, seq), ahead_ms=far)
    assert cloud.log.seen.gaps(cloud.gateway, 7) == 10
    assert cloud.quarantine.count() == 10
    assert cloud.take((7, 1), ahead_ms=far) == {(7, 1)}


def test_new_spools_are_few_at_once_and_come_back_by_the_hour(cloud):
    cloud.take((1, 1), (1, 2))
    assert cloud.take(*[(spool, 1) for spool in range(100, 200)]) == {(s, 1) for s in range(100, 99 + NEW_SPOOLS)}
    assert cloud.take((1, 3), (100, 2), (500, 1)) == {(1, 3), (100, 2)}
    assert cloud.ingest.counters()["spools_deferred"] == 100 - NEW_SPOOLS + 2
    assert cloud.gateway in cloud.ingest.troubles()[0]
    assert cloud.take((500, 1), (501, 1), gateway=cloud.other) == {(500, 1), (501, 1)}
    later = NOW_MS + HOUR_MS
    assert cloud.take((500, 1), (501, 1), now_ms=later) == {(500, 1)}
    assert cloud.take((500, 2), (501, 1), now_ms=NOW_MS) == {(500, 2)}  # a clock that goes back gives nothing


def test_births_and_states_name_no_more_spools_of_a_log_that_was_put_back(cloud):
    cloud.take((1, 1))
    cloud.log.put_back()
    for spool in range(100, 200):
        for kind, payload in (
            ("birth", encode_birth(Birth(cloud.gateway, spool, 10, "v", 1, floor=5))),
            ("state", encode_state(GatewayState(cloud.gateway, spool, floor=9))),
        ):
            cloud.ingest.heard_of(InboundMessage(f"headwater/1/small/{cloud.gateway}/{kind}", payload), NOW_MS)
    known = [s for s in range(100, 200) if cloud.log.seen.gaps(cloud.gateway, s) is not None]
    assert len(known) == NEW_SPOOLS - 1
