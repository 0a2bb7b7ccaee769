"""The words for a condition: what it may be, why it changed, how it stands, and what is noted of it.

What moves a condition: `contract.conditions.latches`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contract.catalogue.rules import Level
from contract.conditions.targets import ConditionKey


class ConditionState(StrEnum):
    """What a condition may be. ACTIVE and CLEARING have a level, UNKNOWN may hold one."""

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
    CORRECTED = "corrected"  # what it rested on was taken back by its own sensor or gateway
    MUTED = "muted"  # a person says that this sensor is not to be believed; UNKNOWN, and what is held is held
    THRESHOLDS_CHANGED = "thresholds_changed"
    NO_LONGER_WATCHED = "no_longer_watched"  # its rule, station or channel was taken away
    ENDED_BY_PERSON = "ended_by_person"


class Doubt(StrEnum):
    """Why a value is believed less. It lowers certainty and silences nothing."""

    NONE = ""
    SUSPECT = "suspect"  # the quality tests say so
    STEP = "step to a constant"  # from dry to a level faster than water rises, then still: a parked car, a blocked eye
    DRIFT = "drift"  # a level reached more slowly than water rises: a sensor that ages or silts up


@dataclass(frozen=True, slots=True)
class Condition:
    """One rule on one target, as it stands. Times are UTC milliseconds, values are in the detector's unit.

    channel: whose reading the last usable finding rests on; None when there was none and the target is no channel.
    since_ms: when it became what it is. level_ms: when its level was reached; None without one.
    reading_ms, value: of the last usable finding. unusable: something came since, and it was of no use.
    shown_value, shown_ms: what people are told and of when: while a level is held, no single echo, high or low.
    rise_per_min: over the last minutes; None when unknown.
    muted_until_ms: findings up to then are not believed; None: it was never muted.
    """

    key: ConditionKey
    channel: int | None = None
    state: ConditionState = ConditionState.UNKNOWN
    level: Level | None = None
    since_ms: int = 0
    reason: Reason = Reason.NEVER_SEEN
    reading_ms: int | None = None
    value: float | None = None
    unusable: bool = False
    shown_value: float | None = None
    shown_ms: int | None = None
    level_ms: int | None = None
    rise_per_min: float | None = None
    doubt: Doubt = Doubt.NONE
    muted_until_ms: int | None = None

    @property
    def suspect(self) -> bool:
        """Is what it shows doubted, for whatever reason?"""
        return self.doubt is not Doubt.NONE


@dataclass(frozen=True, slots=True)
class Change:
    """A condition is not what it was. level: the highest latch set now, or None.

    channel: whose reading the condition last rested on; None when there was none and its target is no channel.
    """

    key: ConditionKey
    channel: int | None
    time_ms: int
    state: ConditionState
    level: Level | None
    before: ConditionState
    level_before: Level | None
    reason: Reason
    value: float | None


@dataclass(frozen=True, slots=True)
class Late:
    """A finding that came as history. level: what it would have warned of, had it come in time."""

    key: ConditionKey
    channel: int
    reading_ms: int
    now_ms: int
    value: float
    level: Level | None
