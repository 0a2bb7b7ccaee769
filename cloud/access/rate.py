"""A token bucket: how often somebody may ask. Pure; `cloud.access.limiter` holds the buckets of many."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """per_s: how fast tokens come back; burst: how many there are at most."""

    per_s: float
    burst: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """tokens: how many were left at at_ms."""

    tokens: float
    at_ms: int


def take(bucket: Bucket | None, rate: Rate, now_ms: int) -> tuple[Bucket, float]:
    """The bucket after a request, and the seconds to wait: 0 when it is allowed, then a token is gone.

    A clock that steps back gives no tokens and takes none.
    """
    level = rate.burst
    if bucket is not None:
        level = min(rate.burst, bucket.tokens + max(now_ms - bucket.at_ms, 0) / 1000 * rate.per_s)
    if level >= 1:
        return Bucket(level - 1, now_ms), 0.0
    return Bucket(level, now_ms), (1 - level) / rate.per_s
