"""A group of messages is cut where a gateway changes what it says of itself, and nowhere else."""

from __future__ import annotations

from cloud.ingest.admission import InboundMessage
from cloud.ingest.parting import by_origin, gateway_of
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane


def said(gateway: str, seq: int, simulated: bool | None) -> InboundMessage:
    batch = WireBatch(gateway, 7, seq, Lane.LIVE, ReadingBatch.of([1_783_000_000_000], [1], [1.0]), True, simulated)
    return InboundMessage(f"headwater/1/d/{gateway}/up/live", encode_batch(batch))


def test_who_says_one_thing_stays_together_and_in_order() -> None:
    group = [said("a", 1, None), said("b", 1, True), said("a", 2, False), said("b", 2, None)]
    assert by_origin(group, {"a": {False}, "b": {True}}) == [group]


def test_a_gateway_that_changes_is_cut_at_each_change_and_what_says_nothing_goes_with_what_came_before() -> None:
    real = [said("a", 1, False), said("a", 2, None)]
    played = [said("a", 3, True), said("a", 4, None)]
    others = [said("b", 1, None), said("c", 1, True)]
    group = [others[0], *real, others[1], *played]
    assert by_origin(group, {"a": {True, False}, "c": {True}}) == [others, real, played]


def test_what_is_no_batch_stays_where_it_came() -> None:
    noise = InboundMessage("headwater/1/d/a/up/live", b"\xff")
    group = [said("a", 1, False), noise, said("a", 2, True)]
    assert by_origin(group, {"a": {True, False}}) == [group[:2], group[2:]]


def test_after_eight_parts_of_one_gateway_the_rest_waits_for_its_next_sending() -> None:
    group = [said("a", n, n % 2 == 0) for n in range(1, 21)]
    assert by_origin(group, {"a": {True, False}}) == [[m] for m in group[:8]]


def test_a_topic_of_another_form_is_no_gateways() -> None:
    topics = ("headwater/1/d/gw/up/live", "headwater/1/d/gw/birth", "headwater/1/d/gw", "", "a/b")
    assert [gateway_of(InboundMessage(topic, b"")) for topic in topics] == ["gw", "gw", "", "", ""]
