"""Time has one door, topics have one spelling."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from contract.clock import ScaledClock, SystemClock, from_ms, iso, parse_clock, to_ms
from contract.wire.topics import Topic, TopicKind, parse_topic


def test_a_scaled_clock_shares_its_time_by_three_numbers() -> None:
    now = time.time_ns() // 1_000_000
    clock = ScaledClock(start_ms=1_626_768_000_000, speed=60.0, origin_ms=now - 10_000)
    assert parse_clock(str(clock)) == clock
    assert clock.now_ms() >= 1_626_768_000_000 + 600_000
    assert clock.real_s(60) == 1.0
    assert parse_clock("system") == SystemClock()


@pytest.mark.parametrize("text", ["", "scaled", "scaled:1,2", "scaled:a,b,c", "scaled:0,0,0", "scaled:0,-1,0", "sun"])
def test_a_bad_clock_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="use 'system' or 'scaled:"):
        parse_clock(text)


def test_times_need_a_zone() -> None:
    assert to_ms(datetime.fromisoformat("2021-07-20T16:00:00+08:00")) == 1_626_768_000_000
    with pytest.raises(ValueError, match="time zone"):
        to_ms(datetime(2021, 7, 20, 16))
    assert iso(1_626_768_000_000) == "2021-07-20T08:00:00Z"
    assert iso(1_626_768_000_001) == "2021-07-20T08:00:00.001Z"
    assert from_ms(0).isoformat() == "1970-01-01T00:00:00+00:00"


@pytest.mark.parametrize("kind", list(TopicKind))
def test_a_topic_survives_the_way(kind: TopicKind) -> None:
    topic = Topic("jinshui", "gw-1", kind)
    assert parse_topic(str(topic)) == topic


@pytest.mark.parametrize(
    "text",
    [
        "",
        "headwater/1/d/g",
        "headwater/2/d/g/ack",
        "headwater/1/d/g/up/else",
        "headwater/1/d/+/ack",
        "headwater/1//g/ack",
        "headwater/1/d/g/ack/",
        "x/headwater/1/d/g/ack",
        "headwater/1/d/g/ack\n",
        "headwater/1/d/" + "g" * 65 + "/ack",
    ],
)
def test_what_is_not_ours_is_none(text: str) -> None:
    assert parse_topic(text) is None
