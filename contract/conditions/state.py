"""What a condition is: its states, its changes, and its form in JSON.

What moves it: `contract.conditions.latches`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from contract.catalogue.rules import Level
from contract.conditions.deadlines import Deadlines


class ConditionState(StrEnum):
    NORMAL = "normal"
    PENDING = "pending"  # above a threshold, not yet for long enough
    ACTIVE = "active"
    CLEARING = "clearing"  # below the clear value, not yet for long enough; still counts as active
    UNKNOWN = "unknown"  # silent or unusable; holds the level it had


class Reason(StrEnum):
    """Why a condition changed."""

    NEVER_SEEN = "never_seen"
    ROSE_ABOVE = "rose_above"
    ON_DELAY_OVER = "on_delay_over"
    FELL_BELOW = "fell_below"
    OFF_DELAY_OVER = "off_delay_over"
    ROSE_AGAIN = "rose_again"
    SILENT = "silent"
    UNUSABLE = "unusable"
    HEARD_AGAIN = "heard_again"


@dataclass(frozen=True, slots=True)
class Change:
    """A condition is not what it was. level: the highest latch set now, or None."""

    channel: int
    time_ms: int
    state: ConditionState
    level: Level | None
    before: ConditionState
    level_before: Level | None
    reason: Reason
    value: float | None


@dataclass(frozen=True, slots=True)
class Late:
    """A reading that came as history. level: what it would have warned of, had it come in time."""

    channel: int
    reading_ms: int
    now_ms: int
    value: float
    level: Level | None


@dataclass(slots=True)
class Latch:
    above_ms: int | None = None  # since when at or above the threshold
    below_ms: int | None = None  # since when below the clear value
    set_ms: int | None = None  # when it set; None: not set


@dataclass(slots=True)
class Condition:
    """One rule on one channel, as it stands."""

    channel: int
    state: ConditionState = ConditionState.UNKNOWN
    level: Level | None = None
    since_ms: int = 0
    reason: Reason = Reason.NEVER_SEEN
    reading_ms: int | None = None
    value: float | None = None
    suspect: bool = False
    unusable: bool = False  # something came since the last usable reading, and it was of no use
    latches: dict[Level, Latch] = field(default_factory=dict)


class State(dict[int, Condition]):
    """Every condition, by channel. moved: the channels whose condition the last step may have altered."""

    __slots__ = ("due", "moved")

    def __init__(self, conditions: Mapping[int, Condition] | None = None) -> None:
        super().__init__(conditions or {})
        self.moved: set[int] = set()
        self.due: Deadlines | None = None  # follows from the conditions and the rules; made by the first step


def to_json(c: Condition) -> dict[str, Any]:
    """By hand: dataclasses.asdict takes five times as long, and this runs for every reading."""
    return {
        "channel": c.channel,
        "state": c.state.value,
        "level": c.level.value if c.level else None,
        "since_ms": c.since_ms,
        "reason": c.reason.value,
        "reading_ms": c.reading_ms,
        "value": c.value,
        "suspect": c.suspect,
        "unusable": c.unusable,
        "latches": {
            level.value: {"above_ms": x.above_ms, "below_ms": x.below_ms, "set_ms": x.set_ms}
            for level, x in c.latches.items()
        },
    }


def from_json(row: Mapping[str, Any]) -> Condition:
    """What `to_json` gave."""
    level = row["level"]
    return Condition(
        channel=row["channel"],
        state=ConditionState(row["state"]),
        level=None if level is None else Level(level),
        since_ms=row["since_ms"],
        reason=Reason(row["reason"]),
        reading_ms=row["reading_ms"],
        value=row["value"],
        suspect=row["suspect"],
        unusable=row["unusable"],
        latches={Level(k): Latch(**v) for k, v in row["latches"].items()},
    )


def dump(state: State) -> list[dict[str, Any]]:
    """For JSON."""
    return [to_json(c) for c in state.values()]


def restore(data: Sequence[Mapping[str, Any]]) -> State:
    """What `dump` gave."""
    return State({row["channel"]: from_json(row) for row in data})
