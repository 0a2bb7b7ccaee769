"""What a sender says of itself: to the cloud every half minute, and to `headwater-edge status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.wire.envelope import Lane
from contract.wire.state import GatewayState, LaneState

if TYPE_CHECKING:
    from edge_agent.uplink.session import Session


def state(sender: Session, now_ms: int, mono_ms: int) -> GatewayState:
    box, spool = sender.outbox, sender.spool
    return GatewayState(
        gateway=sender.gateway,
        spool=spool.id,
        floor=spool.floor(),
        asked_ms=mono_ms,
        lanes=lanes(sender, now_ms),
        thinned=spool.totals("thinned"),
        dropped=spool.totals("dropped"),
        refused=dict(box.refused),
        held_in_memory=sender.held.readings,
        lost_to_full_disk=sender.held.lost,
        bytes_today=box.budget.bytes_today,
        bytes_per_day=box.settings.bytes_per_day or 0,
        kept_back=kept_back(sender),
        clock=sender.keeper.trouble() if sender.keeper else "",  # who reads this answers: nothing waits for that
        disk_trouble=sender.disk_trouble,
        spool_set_aside=str(spool.set_aside or ""),
    )


def lanes(sender: Session, now_ms: int) -> dict[Lane, LaneState]:
    """What waits, by the lane it will travel in; what waits for the time counts as history."""
    batches, size, oldest = dict.fromkeys(Lane, 0), dict.fromkeys(Lane, 0), dict.fromkeys(Lane, now_ms)
    for row in sender.spool.waiting():
        lane = sender.outbox.lane_of(row.seq)
        lane = Lane.HISTORY if lane is None else lane
        batches[lane] += 1
        size[lane] += row.bytes
        oldest[lane] = min(oldest[lane], row.created_ms)
    return {x: LaneState(batches[x], size[x], (now_ms - oldest[x]) / 1000) for x in Lane}


def clock(sender: Session) -> str:
    """What is wrong with the time; empty when nothing is."""
    trouble = sender.keeper.trouble() if sender.keeper else ""
    if not trouble and sender.asking.waits and sender.connected:
        return "batches wait until the cloud says the time"
    return trouble


def kept_back(sender: Session) -> str:
    """What the budget of the day makes wait for tomorrow."""
    if sender.outbox.budget.holds(Lane.LIVE):
        return "live and history"
    return "history" if sender.outbox.budget.holds(Lane.HISTORY) else ""


def status(sender: Session, now_ms: int) -> dict[str, Any]:
    box, spool = sender.outbox, sender.spool
    by_lane = lanes(sender, now_ms)
    return {
        "connected": box.connected,
        "connects": sender.connects,
        "last_ack_ms": sender.last_ack_ms,
        "waiting": {x.name.lower(): s.batches for x, s in by_lane.items()},
        "oldest_age_s": {x.name.lower(): s.oldest_age_s for x, s in by_lane.items() if s.batches},
        "in_flight": box.in_flight(),
        "resent": box.resent,
        "refused": dict(box.refused),
        "bad_acks": sender.bad_acks,
        "spool_bytes": spool.bytes_waiting,
        "spool_cap_bytes": spool.cap_bytes,
        "spool_set_aside": str(spool.set_aside) if spool.set_aside else None,
        "spool_renamed": sender.renamed,
        "thinned": spool.totals("thinned"),
        "dropped": spool.totals("dropped"),
        "held_in_memory": sender.held.readings,
        "lost_to_full_disk": sender.held.lost,
        "bytes_today": box.budget.bytes_today,
        "bytes_per_day": box.settings.bytes_per_day,
        "kept_back": kept_back(sender),
        "clock": clock(sender),
        "clock_confirmed": sender.keeper.confirmed if sender.keeper else None,
        "disk_trouble": sender.disk_trouble,
    }


def remember_budget(sender: Session) -> None:
    """A restart must not give the day's bytes again. Raises SpoolFull."""
    budget = sender.outbox.budget
    if budget.bytes_per_day is not None:
        sender.spool.remember("budget", f"{budget.day}:{budget.bytes_today}")


def recall_budget(sender: Session) -> None:
    day, _, used = str(sender.spool.recall("budget") or "").partition(":")
    if day.isdigit() and used.isdigit():
        sender.outbox.budget.day, sender.outbox.budget.bytes_today = int(day), int(used)
