"""Lanes, order, budgets: what goes when, over a metered link."""

from __future__ import annotations

from contract.wire.ack import Ack
from contract.wire.envelope import Lane
from edge_agent.uplink.outbox import Outbox, OutboxSettings, Waiting
from tests.memory import kept_bytes

DAY_MS = 86_400_000


def outbox(**settings) -> Outbox:
    return Outbox(7, OutboxSettings(**settings))


def send_all(box: Outbox, now_s: float, now_ms: int = 0) -> list[tuple[int, Lane]]:
    """Everything due, acknowledged at once."""
    out = []
    while due := box.due(now_s, now_ms):
        out.extend(due)
        box.acked(Ack(7, 0, tuple(s for s, _ in due)))
    return out


def test_live_goes_first_then_history_newest_day_first_each_day_in_order():
    box = outbox(history_per_s=1000)
    box.restored([Waiting(s, Lane.LIVE, day * DAY_MS + s, 0.0) for s, day in [(1, 1), (2, 1), (3, 2), (4, 2)]])
    box.spooled(Waiting(5, Lane.LIVE, 2 * DAY_MS + 5, 100.0))
    box.spooled(Waiting(6, Lane.ALARM, 2 * DAY_MS + 6, 100.0))
    box.link_up(100.0)
    assert send_all(box, 101.0) == [
        (6, Lane.ALARM),
        (5, Lane.LIVE),
        (3, Lane.HISTORY),
        (4, Lane.HISTORY),
        (1, Lane.HISTORY),
        (2, Lane.HISTORY),
    ]


def test_history_keeps_its_rate_in_batches_and_in_bytes():
    box = outbox(history_per_s=10, history_bytes_per_s=500, window=1000)
    box.restored([Waiting(s, Lane.LIVE, s, 0.0, 100) for s in range(1, 200)])
    box.link_up(0.0)
    sent = [len(send_all(box, t / 10)) for t in range(1, 101)]
    assert 45 <= sum(sent) <= 55
    box = outbox(history_per_s=10, window=1000)
    box.restored([Waiting(s, Lane.LIVE, s, 0.0, 100) for s in range(1, 200)])
    box.link_up(0.0)
    assert 95 <= sum(len(send_all(box, t / 10)) for t in range(1, 101)) <= 101


def test_the_day_has_so_many_bytes_history_stops_first_alarms_never():
    box = outbox(bytes_per_day=1000, history_per_s=1000, window=1)
    box.restored([Waiting(s, Lane.LIVE, s, 0.0, 100) for s in range(1, 20)])
    box.link_up(0.0)
    assert len(send_all(box, 1.0)) == 6
    assert box.budget.holds(Lane.HISTORY)
    for s in range(20, 30):
        box.spooled(Waiting(s, Lane.LIVE, s, 1.0, 100))
    assert len(send_all(box, 2.0)) == 3
    assert box.budget.holds(Lane.LIVE)
    for s in range(30, 40):
        box.spooled(Waiting(s, Lane.ALARM, s, 2.0, 100))
    assert len(send_all(box, 3.0)) == 10
    assert not box.budget.holds(Lane.ALARM)
    assert send_all(box, 4.0) == []
    fresh = Waiting(40, Lane.LIVE, DAY_MS, 100.0, 100)
    box.spooled(fresh)
    assert send_all(box, 100.0, DAY_MS)[0] == (40, Lane.LIVE)  # a new day; what was held is history by now


def test_what_is_held_back_is_not_sent_again_either():
    box = outbox(bytes_per_day=1000, resend_s=1.0, history_per_s=1000)
    box.restored([Waiting(1, Lane.LIVE, 1, 0.0, 700)])
    box.link_up(0.0)
    assert box.due(1.0)
    assert [box.due(t) for t in range(2, 200)] == [[]] * 198


def test_an_acknowledgement_forgets_exactly_what_it_names():
    box = outbox()
    for s in range(1, 7):
        box.spooled(Waiting(s, Lane.LIVE, s, 0.0))
    box.link_up(0.0)
    assert len(box.due(0.0)) == 6
    assert box.acked(Ack(8, 6)) == []
    assert box.acked(Ack(7, 2, (5,), {6: "time_past"})) == [1, 2, 5, 6]
    assert box.refused == {"time_past": 1}
    box.link_down()
    assert box.waiting()[Lane.LIVE] == 2
    box.link_up(1.0)
    assert [s for s, _ in box.due(1.0)] == [3, 4]


def test_merged_batches_take_the_place_of_what_they_hold():
    box = outbox(history_per_s=1000)
    for s in range(1, 101):
        box.spooled(Waiting(s, Lane.LIVE, s, 0.0))
    box.replaced(range(1, 100), [Waiting(101, Lane.HISTORY, 1, 0.0)])
    assert box.waiting() == {Lane.LIVE: 1, Lane.ALARM: 0, Lane.HISTORY: 1}
    box.link_up(1.0)
    assert send_all(box, 2.0) == [(100, Lane.LIVE), (101, Lane.HISTORY)]
    assert sum(box.waiting().values()) == 0


def test_what_was_replaced_or_dropped_takes_no_memory():
    box = outbox()
    with kept_bytes() as kept:
        for first in range(1, 20_000, 100):
            batches = range(first, first + 100)
            for s in batches:
                box.spooled(Waiting(s, Lane.LIVE, s, 0.0))
            box.replaced(batches, [])
        assert kept() < 20_000  # a byte a batch: none is kept
    assert sum(box.waiting().values()) == 0


def test_what_the_link_carried_counts_and_payload_is_not_counted_twice():
    box = outbox(bytes_per_day=1000, history_per_s=1000)
    box.spooled(Waiting(1, Lane.LIVE, 1, 0.0, 100))
    box.link_up(0.0)
    box.budget.metered(200)  # the handshake
    assert box.due(0.0)
    assert box.budget.bytes_today == 300
    box.budget.metered(250)  # the kernel has not seen all of it yet
    assert box.budget.bytes_today == 300
    box.budget.metered(500)
    assert box.budget.bytes_today == 500
    box.link_down()
    box.link_up(1.0)
    box.budget.metered(400)
    assert box.budget.bytes_today == 900
    assert box.budget.holds(Lane.LIVE)
