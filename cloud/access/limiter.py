"""The token buckets of many callers."""

from __future__ import annotations

import threading
from collections import OrderedDict

from cloud.access.rate import Bucket, Rate, take


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
