"""Gateways take turns, counted in readings; none takes more than its budget; and a full lane is the flooder's."""

from __future__ import annotations

from cloud.ingest.admission import InboundMessage
from cloud.ingest.fair_lane import LEAST_COST, FairLane, cost

LARGE = bytes(8192 * 11 + 120)  # a batch of 8,192 readings


def message(gateway: str, payload: bytes = b"") -> InboundMessage:
    return InboundMessage(f"headwater/1/d/{gateway}/up/alarm", payload)


def fill(lane: FairLane, gateway: str, count: int, payload: bytes = b"", now_s: float = 0.0) -> int:
    """How many were kept without anything being let go."""
    return sum(lane.put(gateway, message(gateway, payload), now_s) for _ in range(count))


def taken(lane: FairLane, most: int, most_readings: int = 10**9, now_s: float = 0.0) -> list[str]:
    return [m.topic.split("/")[3] for m in lane.take(most, most_readings, now_s)]


def test_a_message_costs_what_it_may_hold_whatever_it_says():
    assert cost(message("g", LARGE)) >= 8192
    assert cost(message("g")) == LEAST_COST


def test_an_alarm_of_another_is_in_the_next_group_whatever_waits():
    lane = FairLane(1e6, 10_000, 64_000_000)
    fill(lane, "flood", 400, LARGE)
    fill(lane, "honest", 2)
    group = taken(lane, 1000, 20_000)
    assert group.count("honest") == 2
    assert group.count("flood") <= 3  # 20,000 readings, and what the last goes over


def test_turns_are_counted_in_readings_not_in_messages():
    lane = FairLane(1e9, 100_000, 10**9)
    fill(lane, "large", 400, LARGE)
    fill(lane, "small", 20_000)
    readings = {"large": 0, "small": 0}
    for _ in range(20):
        for gateway in taken(lane, 1000, 20_000):
            readings[gateway] += 8203 if gateway == "large" else LEAST_COST
    assert 0.8 < readings["large"] / readings["small"] < 1.25


def test_over_its_budget_a_gateway_waits_and_others_do_not():
    lane = FairLane(100, 10_000, 64_000_000)  # and a thousand at once
    fill(lane, "flood", 200)
    assert len(taken(lane, 1000)) == 1000 // LEAST_COST
    assert lane.ready == 0
    fill(lane, "honest", 3)
    assert taken(lane, 1000) == ["honest"] * 3
    lane.wake(2.0)
    assert len(taken(lane, 1000, now_s=2.0)) == 200 // LEAST_COST
    for second in range(3, 40):
        lane.wake(float(second))
        taken(lane, 1000, now_s=float(second))
    assert (lane.count, lane.bytes, lane.ready) == (0, 0, 0)


def test_a_full_lane_lets_go_of_the_one_that_has_most_in_it():
    lane = FairLane(1e6, 100, 64_000_000)
    assert fill(lane, "flood", 300) == 100
    assert lane.let_go == {"flood": 200}
    assert fill(lane, "honest", 10) == 0
    assert lane.let_go == {"flood": 210}
    assert lane.count == 100
    assert taken(lane, 1000).count("honest") == 10
    assert fill(lane, "honest", 200) == 100


def test_the_same_in_bytes_and_memory_stays_bounded():
    lane = FairLane(10_000, 10_000, 32_000_000)
    for n in range(20):
        fill(lane, f"flood{n}", 100, LARGE)
    assert 31_000_000 < lane.bytes <= 32_000_000
    fill(lane, "honest", 10, bytes(100_000))
    group = []
    for second in range(300):
        lane.wake(float(second))
        group += taken(lane, 1000, now_s=float(second))
    assert group.count("honest") == 10
    assert lane.bytes <= 32_000_000


def test_turns_and_budgets_add_up_whatever_comes():
    import random

    chance = random.Random(7)
    lane = FairLane(500, 60, 1_000_000)
    put, got = 0, 0
    now_s = 0.0
    for _ in range(3000):
        now_s += chance.random()
        gateway = chance.choice("abc")
        lane.put(gateway, message(gateway, bytes(chance.choice((0, 1000, 90_000)))), now_s)
        put += 1
        if chance.random() < 0.3:
            lane.wake(now_s)
            got += len(lane.take(chance.randint(1, 20), 5000, now_s))
    lane.wake(now_s + 1e6)
    while some := lane.take(1000, 10**9, now_s + 1e6):
        got += len(some)
        now_s += 1e6
        lane.wake(now_s + 1e6)
    assert put == got + sum(lane.let_go.values())
    assert (lane.count, lane.bytes, lane.ready, lane._readings) == (0, 0, 0, 0)


def test_of_one_gateway_half_a_minute_of_its_budget_waits_and_no_more():
    """So it is heard of soon after it has flooded, and never only by what is old."""
    lane = FairLane(1000, 10_000, 64_000_000)
    assert fill(lane, "flood", 400, LARGE) == 30_000 // cost(message("g", LARGE))
    assert lane.let_go == {"flood": 397}
    taken(lane, 1000)  # what it may have at once
    took_s = next(s for s in range(100) if not taken_at(lane, s))
    assert took_s < 30
    assert fill(lane, "flood", 1)
    slow = FairLane(1, 10_000, 64_000_000)
    assert fill(slow, "g", 2, LARGE) == 1  # one message may wait, however large


def taken_at(lane: FairLane, now_s: float) -> int:
    """How many still wait when it has been taken from at this second."""
    lane.wake(float(now_s))
    taken(lane, 1000, now_s=float(now_s))
    return lane.count
