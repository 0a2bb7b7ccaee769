"""How a sink is, for whoever asks: health, metrics, the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from contract.clock import iso


class SinkMode(StrEnum):
    """What a consumer gets at present."""

    WORKING = "working"
    FAILING = "failing"  # it takes nothing for now: tried again and again
    GONE = "gone"  # it answered 410: a test message every ten minutes
    OFF = "off"  # by a person


@dataclass(frozen=True, slots=True)
class SinkState:
    """delivered, waiting, noted: messages; None while the ledger is out of reach. noted: by
    `cloud.delivery.values.Noted`. trouble: empty when there is none. oldest_ms: of the oldest that waits, last_ms: of
    the last delivery, UTC; None: there is none. aside: ids of messages in force that the consumer refused.
    """

    name: str
    delivered: int | None
    waiting: int | None
    trouble: str
    mode: SinkMode = SinkMode.WORKING
    noted: Mapping[str, int] | None = None
    oldest_ms: int | None = None
    last_ms: int | None = None
    aside: Sequence[str] = field(default=())


def sink_json(s: SinkState, now_ms: int) -> dict[str, Any]:
    """As the page and `headwater-cloud sinks` show it."""
    return {
        "name": s.name,
        "state": s.mode.value,
        "trouble": s.trouble,
        "delivered": s.delivered,
        "waiting": s.waiting,
        **dict(sorted((s.noted or {}).items())),
        "oldest_waiting_s": None if s.oldest_ms is None else max(now_ms - s.oldest_ms, 0) / 1000,
        "last_success": None if s.last_ms is None else iso(s.last_ms),
        "aside": list(s.aside),
    }
