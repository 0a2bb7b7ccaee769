"""A gateway's birth and state in the cloud: answered with the time, its floor taken over, its words kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.admission import Admission, InboundMessage
from cloud.ingest.ingest import Ingest
from cloud.ingest.quarantine import Quarantine
from cloud.log.sqlite import SqliteLog
from cloud.overview.gateways import gateway_state
from contract.readings import ReadingBatch
from contract.wire.ack import decode_ack
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane, WireError
from contract.wire.state import GatewayState, LaneState, decode_state, encode_state
from host.district_folder import load

NOW_MS = 1_783_000_000_000
FOLDER = Path(__file__).parents[2] / "districts" / "small"


class Cloud:
    def __init__(self, folder: Path) -> None:
        catalogue = load(FOLDER)
        self.log = SqliteLog(folder / "log.sqlite")
        self.quarantine = Quarantine(folder / "quarantine.sqlite")
        self.gateway = next(iter(catalogue.gateways))
        self.channel = catalogue.channels_by_gateway[self.gateway][0].id
        self.district = catalogue.district.id
        self.ingest = Ingest(Admission(catalogue), self.log, self.quarantine, self.district, list(catalogue.gateways))

    def topic(self, kind: str) -> str:
        return f"headwater/1/{self.district}/{self.gateway}/{kind}"

    def batch(self, seq: int, synchronised: bool = True) -> InboundMessage:
        readings = ReadingBatch.of([NOW_MS - 1000 + seq], [self.channel], [1.0])
        batch = WireBatch(self.gateway, 5, seq, Lane.LIVE, readings, synchronised)
        return InboundMessage(self.topic("up/live"), encode_batch(batch))

    def hear(self, kind: str, payload: bytes):
        return self.ingest.heard_of(InboundMessage(self.topic(kind), payload), NOW_MS)


@pytest.fixture
def cloud(tmp_path) -> Iterator[Cloud]:
    made = Cloud(tmp_path)
    yield made
    made.log.close()
    made.quarantine.close()


def test_a_birth_is_answered_with_the_prefix_and_the_time(cloud):
    cloud.ingest.take([cloud.batch(1), cloud.batch(2), cloud.batch(9)], NOW_MS)
    (answer,) = cloud.hear("birth", encode_birth(Birth(cloud.gateway, 5, 10, "v", 1, 0, 4711)))
    ack = decode_ack(answer.payload)
    assert (ack.spool, ack.prefix, ack.cloud_ms, ack.asked_ms) == (5, 2, NOW_MS, 4711)
    assert answer.topic == cloud.topic("ack")


def test_the_floor_closes_the_holes_and_a_late_copy_from_below_is_not_stored(cloud, tmp_path):
    cloud.ingest.take([cloud.batch(s) for s in (1, 2, 5, 9, 12)], NOW_MS)
    cloud.hear("state", encode_state(GatewayState(cloud.gateway, 5, floor=9)))
    assert cloud.log.seen.acknowledged(cloud.gateway, 5) == (9, 12)
    cloud.ingest.take([cloud.batch(4)], NOW_MS)
    assert len(cloud.log.read(0, 100)) == 5
    cloud.ingest.take([cloud.batch(10)], NOW_MS)
    cloud.hear("state", encode_state(GatewayState(cloud.gateway, 5, floor=3)))  # an old one, late
    assert cloud.log.seen.acknowledged(cloud.gateway, 5) == (10, 12)
    again = SqliteLog(tmp_path / "log.sqlite")
    assert again.acknowledged(cloud.gateway, 5) == (10, 12)
    again.close()


def test_a_floor_of_a_spool_never_heard_of_writes_nothing(cloud):
    cloud.hear("birth", encode_birth(Birth(cloud.gateway, 77, 10, "v", 1, 2**63, 0)))
    assert cloud.log.seen.acknowledged(cloud.gateway, 77) == (0, 0)


@pytest.mark.parametrize(
    "payload", [b"\xff\x01", b"", b"\xff\xff", encode_state(GatewayState("somebody-else", 5, floor=50))]
)
def test_what_cannot_be_read_or_speaks_for_another_is_counted_and_changes_nothing(cloud, payload):
    cloud.ingest.take([cloud.batch(1)], NOW_MS)
    if payload.endswith(b"\x01"):
        payload = encode_state(GatewayState(cloud.gateway, 5, floor=2**63))
    assert cloud.hear("state", payload) == []
    assert cloud.ingest.counters()["unreadable_births"] == 1
    assert cloud.log.seen.acknowledged(cloud.gateway, 5) == (1, 1)


def test_batches_of_nobody_knows_when_are_quarantined_by_name(cloud):
    (answer,) = cloud.ingest.take([cloud.batch(1, synchronised=False)], NOW_MS)
    assert decode_ack(answer.payload).refused == {1: "clock_unsynchronised"}
    assert cloud.log.read(0, 10) == []
    assert [k.reason.value for k in cloud.quarantine.waiting()] == ["clock_unsynchronised"]


def test_its_words_reach_metrics_and_page(cloud):
    said = GatewayState(
        cloud.gateway,
        5,
        lanes={Lane.HISTORY: LaneState(7, 900, 3600.5)},
        thinned=3,
        refused={"time_past": 2},
        kept_back="history",
        disk_trouble="no room",
    )
    cloud.hear("state", encode_state(said))
    link = next(x for x in cloud.ingest.links() if x.gateway == cloud.gateway)
    assert link.state == said
    shown = gateway_state(link)["said"]
    assert shown["lanes"]["history"] == {"batches": 7, "bytes": 900, "oldest_age_s": 3600.5}
    assert shown["trouble"] == ["no room"]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_state_or_an_error(payload):
    try:
        state = decode_state(payload)
    except WireError:
        return
    assert decode_state(encode_state(state)).floor == state.floor
