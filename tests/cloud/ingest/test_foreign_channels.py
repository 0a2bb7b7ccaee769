"""Whose readings the receiver takes: every gateway of a district tries every channel of it, and some of nobody's."""

from __future__ import annotations

from cloud.ingest.admission import Admission, InboundMessage
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane, RefusalReason
from contract.wire.topics import Topic, TopicKind
from host.district_folder import load
from simulators.cli.main import DISTRICT

NOW_MS = 1_795_600_000_000


def test_every_channel_is_taken_from_its_own_gateway_alone() -> None:
    district = load(DISTRICT)
    receiver = Admission(district)
    receiver.allow(frozenset(district.gateways))
    numbers = sorted(district.channels)
    nobodys = [n for n in (0, numbers[0] - 1, numbers[-1] + 1, 2**32 - 1) if n not in district.channels]
    for gateway in district.gateways:
        own = district.channels_by_gateway[gateway][0].id
        topic = str(Topic(district.district.id, gateway, TopicKind.ALARM))
        for number in (*numbers, *nobodys):
            mine = number in district.channels and district.channels[number].gateway == gateway
            for channels in ([number], [own, number]):  # one foreign reading spoils its batch, never slips in with it
                readings = ReadingBatch.of(
                    [NOW_MS] * len(channels), channels, [0.25] * len(channels), [1] * len(channels)
                )
                payload = encode_batch(WireBatch(gateway, 7, 1, Lane.ALARM, readings))
                found = receiver.sort_out([InboundMessage(topic, payload)], NOW_MS)
                assert bool(found.entries) == mine, (gateway, channels)
                assert [r.reason for r in found.refusals] == ([] if mine else [RefusalReason.FOREIGN_CHANNEL])
