"""What is remembered of a gateway's spools is bounded: how many gaps their numbers have, and how many spools there are.

What would break a bound is let go: nothing of it is acknowledged, so its gateway sends it again. Pure.
"""

from __future__ import annotations

import threading
from collections import Counter

from cloud.ingest.allowance import Allowance
from cloud.log.base import Key, SeenStore

# A gateway that sends alarms and keeps history back for a month, a batch a minute of each, has 43,000.
MOST_GAPS = 50_000
# A spool is new when a disk is. One an hour comes back, so that nobody is shut out for good.
NEW_SPOOLS = 32
_BACK_S = 3600.0


class SpoolBounds:
    """Safe from any thread."""

    def __init__(self, seen: SeenStore, most_gaps: int = MOST_GAPS) -> None:
        self._seen, self._most_gaps = seen, most_gaps
        self._new_spools = Allowance(1 / _BACK_S, NEW_SPOOLS)
        self._reached: dict[str, str] = {}  # gateway -> what an operator should know
        self._begun: set[tuple[str, int]] = set()  # new ones that were let in
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def take(self, key: Key, now_ms: int) -> bool:
        """Whether a batch of this name may be stored, or kept aside."""
        gateway, spool, _ = key
        gaps = self._seen.gaps(gateway, spool)
        if gaps is None:
            with self._lock:
                return key[:2] in self._begun or self._new_spool(gateway, spool, now_ms)
        if gaps >= self._most_gaps and self._seen.opens_gap(key):
            self.counts["gaps_deferred"] += 1
            self._reached[gateway] = (
                f"the numbers of {gateway}'s batches have {gaps} gaps: what would open another is left with it until it"
                " closes one. If nothing is wrong with its spool, somebody else has its key: revoke it"
            )
            return False
        return True

    def troubles(self) -> list[str]:
        """Which gateways have reached a bound since start."""
        return [what for _, what in sorted(self._reached.items())]

    def _new_spool(self, gateway: str, spool: int, now_ms: int) -> bool:
        taken = self._new_spools.take(gateway, now_ms / 1000)
        if taken:
            self._begun = {key for key in self._begun if self._seen.gaps(*key) is None} | {(gateway, spool)}
        else:
            self.counts["spools_deferred"] += 1
            self._reached[gateway] = (
                f"{gateway} has named {NEW_SPOOLS} new spools within a short time: of others it is heard one an hour."
                " If its disk was not changed, somebody else has its key: revoke it"
            )
        return taken
