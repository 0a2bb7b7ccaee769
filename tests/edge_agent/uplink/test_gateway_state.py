"""What a gateway tells the cloud and its own status file, from an outbox and a store whose figures are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.wire.envelope import Lane
from contract.wire.state import GatewayState, LaneState
from edge_agent.spool.batches import Spooled, StoreState
from edge_agent.timesync.time_requests import TimeRequests
from edge_agent.timesync.timekeeping import EARLIEST_MS, Timekeeper
from edge_agent.uplink import gateway_state
from edge_agent.uplink.gateway_state import LinkCounts, kept_back, lanes, status, wire_state
from edge_agent.uplink.outbox import Outbox, OutboxSettings, Waiting

NOW_MS = EARLIEST_MS + 1_000_000
WAITING = (
    Spooled(3, Lane.LIVE, NOW_MS - 90_000, bytes=30),
    Spooled(4, Lane.LIVE, NOW_MS - 2_000, bytes=40),
    Spooled(5, Lane.ALARM, NOW_MS - 1_500, bytes=50),
    Spooled(6, Lane.LIVE, NOW_MS - 500_000, bytes=60),  # waits for the time: the outbox has not been told of it
)
STORE = StoreState(
    spool=77,
    floor=3,
    next_seq=7,
    waiting=WAITING,
    bytes_waiting=180,
    cap_bytes=1_000_000,
    thinned=11,
    dropped=12,
    held_in_memory=13,
    lost_to_full_disk=14,
    renamed=1,
    set_aside="spool.sqlite.damaged-1",
    disk_trouble="the disk is full",
)


def outbox(bytes_today: int = 0) -> Outbox:
    box = Outbox(77, OutboxSettings(bytes_per_day=1000))
    for row, since_s in zip(WAITING[:3], (10.0, 98.0, 98.5), strict=True):
        box.spooled(Waiting(row.seq, row.lane, row.created_ms, since_s, row.bytes))
    box.link_up(100.0)  # sequence 3 has waited for 90 s: history
    box.refused["time_past"] = 2
    box.budget.restore(NOW_MS // 86_400_000, bytes_today)
    return box


def believed() -> TimeRequests:
    return TimeRequests(Timekeeper("boot", NOW_MS, 1000), 0.0)


def test_what_waits_is_told_by_the_lane_it_will_travel_in() -> None:
    assert lanes(outbox(), STORE, NOW_MS) == {
        Lane.LIVE: LaneState(1, 40, 2.0),
        Lane.ALARM: LaneState(1, 50, 1.5),
        Lane.HISTORY: LaneState(2, 90, 500.0),
    }


def test_an_empty_lane_has_no_age() -> None:
    assert lanes(Outbox(77), replace(STORE, waiting=()), NOW_MS) == dict.fromkeys(Lane, LaneState(0, 0, 0.0))


def test_what_the_cloud_is_told() -> None:
    found = wire_state("gw-1", outbox(bytes_today=5), STORE, believed(), 4242, NOW_MS)
    assert found == GatewayState(
        gateway="gw-1",
        spool=77,
        floor=3,
        asked_ms=4242,
        lanes=lanes(outbox(), STORE, NOW_MS),
        thinned=11,
        dropped=12,
        refused={"time_past": 2},
        held_in_memory=13,
        lost_to_full_disk=14,
        bytes_today=5,
        bytes_per_day=1000,
        kept_back="",
        clock="",
        disk_trouble="the disk is full",
        spool_set_aside="spool.sqlite.damaged-1",
    )


def test_an_unmetered_link_has_no_bytes_per_day() -> None:
    assert wire_state("gw-1", Outbox(77), STORE, believed(), 0, NOW_MS).bytes_per_day == 0


def test_what_the_status_file_says() -> None:
    found = status(outbox(bytes_today=5), STORE, believed(), LinkCounts(4, NOW_MS - 1, 6), NOW_MS)
    assert found["waiting"] == {"live": 1, "alarm": 1, "history": 2}
    assert found["oldest_age_s"] == {"live": 2.0, "alarm": 1.5, "history": 500.0}
    assert (found["connected"], found["connects"], found["last_ack_ms"], found["bad_acks"]) == (True, 4, NOW_MS - 1, 6)
    assert (found["spool_bytes"], found["spool_cap_bytes"], found["spool_renamed"]) == (180, 1_000_000, 1)
    assert (found["bytes_today"], found["bytes_per_day"], found["refused"]) == (5, 1000, {"time_past": 2})
    assert found["clock_confirmed"] is False
    sound = status(Outbox(77), replace(STORE, set_aside=""), TimeRequests(None, 0.0), LinkCounts(0, None, 0), NOW_MS)
    assert sound["spool_set_aside"] is None
    assert sound["clock_confirmed"] is None
    assert sound["last_ack_ms"] is None


@pytest.mark.parametrize(
    ("bytes_today", "words"), [(599, ""), (600, "history"), (899, "history"), (900, "live and history")]
)
def test_what_the_budget_of_the_day_keeps_back(bytes_today: int, words: str) -> None:
    assert kept_back(outbox(bytes_today)) == words


def test_an_unbelieved_clock_is_told_and_why_batches_wait() -> None:
    unbelieved = TimeRequests(Timekeeper("boot", 4_000, 1000), 0.0)
    said = "not synchronised: readings wait until the cloud says the time"
    assert gateway_state.clock_trouble(unbelieved, connected=False) == said
    waits = replace(believed(), holds_batches=True)
    assert gateway_state.clock_trouble(waits, connected=True) == "batches wait until the cloud says the time"
    assert gateway_state.clock_trouble(waits, connected=False) == ""
    assert gateway_state.clock_trouble(believed(), connected=True) == ""
