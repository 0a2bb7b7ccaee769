"""What an alarm means: one threshold rule on one channel, with hysteresis, delays and *unknown*.

Used by the cloud's warnings and by the local alarm on the gateway.
"""

from __future__ import annotations

from enum import StrEnum


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
