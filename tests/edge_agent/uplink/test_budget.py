"""What a metered link may carry: lanes held back by the day's share, history by its rate."""

from __future__ import annotations

import pytest

from contract.wire.envelope import Lane
from edge_agent.uplink.budget import Budget

DAY_MS = 86_400_000
NOON_MS = 20_000 * DAY_MS + DAY_MS // 2


@pytest.mark.parametrize(
    ("used", "held"),
    [
        (0, ()),
        (599, ()),
        (600, (Lane.HISTORY,)),
        (899, (Lane.HISTORY,)),
        (900, (Lane.HISTORY, Lane.LIVE)),
        (5000, (Lane.HISTORY, Lane.LIVE)),
    ],
)
def test_history_stops_at_sixty_per_cent_live_at_ninety_alarms_never(used, held):
    budget = Budget(bytes_per_day=1000)
    budget.at(0.0, NOON_MS)
    budget.sent(used)
    assert tuple(lane for lane in (Lane.ALARM, Lane.HISTORY, Lane.LIVE) if budget.holds(lane)) == held


def test_the_next_day_begins_with_nothing_used():
    budget = Budget(bytes_per_day=1000)
    budget.at(0.0, NOON_MS)
    budget.sent(950)
    budget.at(1.0, NOON_MS + DAY_MS // 2)
    assert (budget.bytes_today, budget.holds(Lane.LIVE)) == (0, False)


def test_a_restart_goes_on_with_what_the_day_had_used():
    budget = Budget(bytes_per_day=1000)
    budget.restore(NOON_MS // DAY_MS, 700)
    budget.at(0.0, NOON_MS)
    assert budget.holds(Lane.HISTORY)
    assert not budget.holds(Lane.LIVE)


def test_what_the_link_carried_counts_once():
    budget = Budget(bytes_per_day=10_000)
    budget.link_up(0.0)
    budget.sent(100)
    budget.metered(340)
    assert budget.bytes_today == 340
    budget.metered(340)
    budget.sent(60)
    assert budget.bytes_today == 400
    budget.link_up(9.0)  # another connection counts from nothing
    budget.metered(50)
    assert budget.bytes_today == 450


def test_history_goes_at_its_rate_of_batches():
    budget = Budget(history_per_s=2.0)
    budget.link_up(0.0)
    budget.at(1.0, NOON_MS)
    assert [budget.lets_history(10) for _ in range(4)] == [True, True, False, False]
    budget.at(1.5, NOON_MS)
    assert [budget.lets_history(10) for _ in range(2)] == [True, False]
    budget.at(60.0, NOON_MS)  # what was not used is not saved up beyond a second
    assert [budget.lets_history(10) for _ in range(3)] == [True, True, False]


def test_history_may_run_into_debt_by_one_batch_of_bytes():
    budget = Budget(history_per_s=100.0, history_bytes_per_s=1000.0)
    budget.link_up(0.0)
    budget.at(1.0, NOON_MS)
    assert budget.lets_history(2500)
    assert not budget.lets_history(1)
    budget.at(2.5, NOON_MS)
    assert not budget.lets_history(1)
    budget.at(2.6, NOON_MS)
    assert budget.lets_history(1)
