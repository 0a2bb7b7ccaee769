"""Token buckets: how often somebody may ask. Pure, but for `Limiter`, which holds the buckets of many."""

from __future__ import annotations

import threading
from collections import OrderedDict
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


class Limiter:
    """Buckets by name; safe from any thread. The longest unused are forgotten, and any that is full: no loss."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, rate: Rate, now_ms: int) -> float:
        """Seconds to wait; 0: go on."""
        with self._lock:
            bucket, wait_s = take(self._buckets.pop(name, None), rate, now_ms)
            self._buckets[name] = bucket
            while len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return wait_s

    def give_back(self, name: str, rate: Rate) -> None:
        """What was taken was not to be counted, nor to push out what was."""
        with self._lock:
            bucket = self._buckets.get(name)
            if bucket is None:
                return
            if bucket.tokens + 1 >= rate.burst:
                del self._buckets[name]
            else:
                self._buckets[name] = Bucket(bucket.tokens + 1, bucket.at_ms)
