"""Alarms never wait for history, and history never fills the memory."""

from __future__ import annotations

import threading
import time

from cloud.ingest.admission import InboundMessage
from cloud.ingest.queue import HISTORY_AT_ONCE, LANE_BYTES, LaneQueues
from contract.wire.topics import Topic, TopicKind


def message(kind: TopicKind, text: bytes = b"x", gateway: str = "g") -> InboundMessage:
    return InboundMessage(str(Topic("d", gateway, kind)), text)


def taken(lanes: LaneQueues, most: int = 100) -> list[str]:
    return [m.topic.rpartition("/")[2] for m in lanes.take(most, 0, 0)]


def test_alarms_go_first_then_live_then_history():
    lanes = LaneQueues()
    for kind in (TopicKind.HISTORY, TopicKind.LIVE, TopicKind.HISTORY, TopicKind.ALARM):
        assert lanes.put(message(kind))
    assert taken(lanes) == ["alarm", "live", "history", "history"]
    assert taken(lanes) == []


def test_history_gets_one_in_ten_of_a_full_group_and_never_starves():
    lanes = LaneQueues()
    for _ in range(200):
        lanes.put(message(TopicKind.HISTORY))
        lanes.put(message(TopicKind.LIVE))
    assert taken(lanes) == ["live"] * 90 + ["history"] * 10
    for _ in range(300):
        lanes.put(message(TopicKind.ALARM))
    assert taken(lanes) == ["alarm"] * 100  # of an alarm's room nothing is kept for others


def test_a_group_of_history_is_small_so_that_an_alarm_does_not_wait_for_a_large_one():
    lanes = LaneQueues()
    for _ in range(1000):
        lanes.put(message(TopicKind.HISTORY))
    assert taken(lanes, 1000) == ["history"] * HISTORY_AT_ONCE
    lanes.put(message(TopicKind.ALARM))
    assert taken(lanes, 1000) == ["alarm"] + ["history"] * HISTORY_AT_ONCE


def test_history_trickles_while_it_is_held_back_and_the_others_do_not_wait_for_more_of_it():
    lanes = LaneQueues()
    for _ in range(100):
        lanes.put(message(TopicKind.HISTORY))
    lanes.put(message(TopicKind.LIVE))
    began = time.monotonic()
    assert [len(lanes.take(50, 0, 0.2, history_most=10)) for _ in range(2)] == [11, 10]
    assert time.monotonic() - began >= 0.4  # what is held back does not make a group full
    assert taken(lanes) == ["history"] * 80


def test_who_gathers_is_woken_by_an_alarm_or_by_enough_and_else_takes_what_there_is():
    lanes = LaneQueues()
    for kind, count, gather_s in ((TopicKind.ALARM, 1, 60.0), (TopicKind.LIVE, 50, 60.0), (TopicKind.LIVE, 7, 0.3)):
        groups: list[list[InboundMessage]] = []
        taker = threading.Thread(target=lambda: groups.append(lanes.take(50, 60.0, gather_s)))  # noqa: B023
        taker.start()
        time.sleep(0.05)
        for _ in range(count):
            lanes.put(message(kind))
        taker.join(20)
        assert [len(g) for g in groups] == [count]


def test_a_full_lane_lets_go_and_counts_and_holds_up_no_other():
    lanes = LaneQueues({TopicKind.ALARM: 5, TopicKind.LIVE: 5, TopicKind.HISTORY: 3})
    assert [lanes.put(message(TopicKind.HISTORY)) for _ in range(5)] == [True, True, True, False, False]
    assert lanes.put(message(TopicKind.ALARM))
    assert lanes.deferred == {"history_deferred": 2}
    assert taken(lanes) == ["alarm", "history", "history", "history"]
    assert lanes.put(message(TopicKind.HISTORY))


def test_a_lane_is_bounded_in_bytes_too():
    lanes = LaneQueues()
    third = bytes(LANE_BYTES // 3)
    found = [lanes.put(message(TopicKind.LIVE, third, f"g{n}")) for n in range(4)]
    assert found == [True, True, True, False]
    taken(lanes)
    assert lanes.put(message(TopicKind.LIVE, third, "g4"))


def test_a_topic_of_no_lane_is_taken_with_the_live_ones():
    lanes = LaneQueues()
    lanes.put(InboundMessage("headwater/1/d/g/up/other", b""))
    lanes.put(message(TopicKind.HISTORY))
    assert taken(lanes) == ["other", "history"]
