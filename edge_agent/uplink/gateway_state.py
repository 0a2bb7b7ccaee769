"""What a gateway says of itself: to the cloud every half minute, and to `headwater-edge status`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contract.wire.envelope import Lane
from contract.wire.state import GatewayState, LaneState
from edge_agent.spool.batches import StoreState
from edge_agent.timesync.time_requests import TimeRequests
from edge_agent.uplink.outbox import Outbox


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """Since the agent began. last_ack_ms: UTC of the last acknowledgement that freed something. bad_acks: those that
    nobody could read."""

    connects: int
    last_ack_ms: int | None
    bad_acks: int


def wire_state(
    gateway: str, box: Outbox, store: StoreState, time: TimeRequests, asked_ms: int, now_ms: int
) -> GatewayState:
    """What goes to the cloud. asked_ms: the question for the time that it carries. now_ms: UTC."""
    return GatewayState(
        gateway=gateway,
        spool=store.spool,
        floor=store.floor,
        asked_ms=asked_ms,
        lanes=lanes(box, store, now_ms),
        thinned=store.thinned,
        dropped=store.dropped,
        refused=dict(box.refused),
        held_in_memory=store.held_in_memory,
        lost_to_full_disk=store.lost_to_full_disk,
        bytes_today=box.budget.bytes_today,
        bytes_per_day=box.settings.bytes_per_day or 0,
        kept_back=kept_back(box),
        clock=time.keeper.trouble() if time.keeper else "",  # who reads this answers: nothing waits for that
        disk_trouble=store.disk_trouble,
        spool_set_aside=store.set_aside,
    )


def status(box: Outbox, store: StoreState, time: TimeRequests, link: LinkCounts, now_ms: int) -> dict[str, Any]:
    """What goes into the status file. now_ms: UTC."""
    by_lane = lanes(box, store, now_ms)
    return {
        "connected": box.connected,
        "connects": link.connects,
        "last_ack_ms": link.last_ack_ms,
        "waiting": {x.name.lower(): s.batches for x, s in by_lane.items()},
        "oldest_age_s": {x.name.lower(): s.oldest_age_s for x, s in by_lane.items() if s.batches},
        "in_flight": box.in_flight(),
        "resent": box.resent,
        "refused": dict(box.refused),
        "bad_acks": link.bad_acks,
        "spool_bytes": store.bytes_waiting,
        "spool_cap_bytes": store.cap_bytes,
        "spool_set_aside": store.set_aside or None,
        "spool_renamed": store.renamed,
        "thinned": store.thinned,
        "dropped": store.dropped,
        "held_in_memory": store.held_in_memory,
        "lost_to_full_disk": store.lost_to_full_disk,
        "bytes_today": box.budget.bytes_today,
        "bytes_per_day": box.settings.bytes_per_day,
        "kept_back": kept_back(box),
        "clock": clock_trouble(time, box.connected),
        "clock_confirmed": time.keeper.confirmed if time.keeper else None,
        "disk_trouble": store.disk_trouble,
    }


def lanes(box: Outbox, store: StoreState, now_ms: int) -> dict[Lane, LaneState]:
    """What waits, by the lane it will travel in; what waits for the time counts as history. now_ms: UTC."""
    batches, size, oldest = dict.fromkeys(Lane, 0), dict.fromkeys(Lane, 0), dict.fromkeys(Lane, now_ms)
    for row in store.waiting:
        lane = box.lane_of(row.seq)
        lane = Lane.HISTORY if lane is None else lane
        batches[lane] += 1
        size[lane] += row.bytes
        oldest[lane] = min(oldest[lane], row.created_ms)
    return {x: LaneState(batches[x], size[x], (now_ms - oldest[x]) / 1000) for x in Lane}


def clock_trouble(time: TimeRequests, connected: bool) -> str:
    """What is wrong with the time, for an operator; empty when nothing is."""
    trouble = time.keeper.trouble() if time.keeper else ""
    if not trouble and time.holds_batches and connected:
        return "batches wait until the cloud says the time"
    return trouble


def kept_back(box: Outbox) -> str:
    """What the budget of the day makes wait for tomorrow."""
    if box.budget.holds(Lane.LIVE):
        return "live and history"
    return "history" if box.budget.holds(Lane.HISTORY) else ""
