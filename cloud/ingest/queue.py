"""What came and is not stored yet, a lane each: alarms first, then live readings, and history when there is room.

Within a lane the gateways take turns, each within its budget: see `cloud.ingest.fair_lane`. However much waits, a group
to be stored holds little of it. Each lane is bounded: what finds it full is let go and counted, of the gateway that has
most in it. Nothing of it was acknowledged, so its gateway keeps it and sends it again. So no flood of one lane, or of
one gateway, fills the memory or makes another wait.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

from cloud.ingest.admission import InboundMessage
from cloud.ingest.fair_lane import FairLane
from cloud.ingest.parting import gateway_of
from contract.wire.topics import TopicKind

# At most so many messages wait. A gateway has 100 batches of history on the way, so twenty may return at once.
_BOUNDS = {TopicKind.ALARM: 10_000, TopicKind.LIVE: 20_000, TopicKind.HISTORY: 2_000}
LANE_BYTES = 32_000_000
# Of a gateway, in each lane. Two thousand channels that are read each second are 2,000; warnings take in 100,000 a
# second and more.
READINGS_PER_S: Mapping[TopicKind, float] = {TopicKind.ALARM: 1000, TopicKind.LIVE: 2000, TopicKind.HISTORY: 10_000}
_HISTORY_SHARE = 10  # of a full group history gets one in ten, so that it never starves
HISTORY_AT_ONCE = 200  # and no more at all: an alarm waits for the group before it to be stored
HISTORY_TRICKLE = 10  # while the warnings are behind: an alarm in the log waits for what stands before it
GROUP_READINGS = 20_000  # of each lane: some hundredths of a second to store, and as much for the warnings
TRICKLE_READINGS = 1000
_TOLD_S = 60.0


class LaneQueues:
    """Any threads put, one takes. deferred: `alarm_deferred`, `live_deferred`, `history_deferred`, since start.

    readings_per_s: of a gateway, by lane.
    """

    def __init__(
        self,
        bounds: dict[TopicKind, int] | None = None,
        readings_per_s: Mapping[TopicKind, float] = READINGS_PER_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        bounds = bounds or _BOUNDS
        self._lanes = {kind: FairLane(readings_per_s[kind], bounds[kind], LANE_BYTES) for kind in _BOUNDS}
        self._now_s = now_s
        self._news = threading.Condition()
        self._wanted, self._history_most = 1, HISTORY_AT_ONCE  # so many make a taker go on, of them so much history
        self.deferred: Counter[str] = Counter()
        self._floods: dict[str, float] = {}  # gateway -> when something of it was last let go

    def put(self, message: InboundMessage) -> bool:
        """False when something was let go. Never waits. A topic that names no lane goes with the live ones, to be
        refused by the receiver."""
        kind = next((kind for kind in _BOUNDS if message.topic.endswith(f"/{kind.value}")), TopicKind.LIVE)
        lane, gateway = self._lanes[kind], gateway_of(message)
        with self._news:
            now_s = self._now_s()
            kept = lane.put(gateway, message, now_s)
            if not kept:
                self.deferred[f"{kind.name.lower()}_deferred"] += sum(lane.let_go.values())
                self._floods |= dict.fromkeys(lane.let_go, now_s)
                lane.let_go.clear()
            if kind is TopicKind.ALARM or self._takeable() >= self._wanted:
                self._news.notify()  # to wake him for each would halve what comes in
        return kept

    def take(
        self, most: int, idle_s: float, gather_s: float, history_most: int = HISTORY_AT_ONCE
    ) -> list[InboundMessage]:
        """Up to `most`, alarms first, and of history at most history_most; empty when nothing comes in idle_s. An alarm
        is taken at once, others when `most` are there or gather_s after the first."""
        alarms, live, history = (self._lanes[kind] for kind in _BOUNDS)
        with self._news:
            self._wanted, self._history_most = 1, history_most
            self._wake()
            if not self._news.wait_for(self._any, idle_s):
                return []
            self._wanted = most
            self._news.wait_for(lambda: bool(alarms.ready) or self._takeable() >= most, gather_s)
            now_s = self._now_s()
            kept = min(history.ready, most // _HISTORY_SHARE, history_most)
            group = alarms.take(most, GROUP_READINGS, now_s)
            group += live.take(most - len(group) - kept, GROUP_READINGS, now_s)
            readings = TRICKLE_READINGS if history_most <= HISTORY_TRICKLE else GROUP_READINGS
            return group + history.take(min(most - len(group), history_most), readings, now_s)

    def floods(self) -> list[str]:
        """Gateways of which something was let go within a minute."""
        with self._news:
            now_s = self._now_s()
            self._floods = {g: s for g, s in self._floods.items() if now_s - s < _TOLD_S}
            return sorted(self._floods)

    def __len__(self) -> int:
        return sum(lane.count for lane in self._lanes.values())

    def _takeable(self) -> int:
        history = self._lanes[TopicKind.HISTORY].ready
        return sum(lane.ready for lane in self._lanes.values()) - history + min(history, self._history_most)

    def _any(self) -> bool:
        return any(lane.ready for lane in self._lanes.values())

    def _wake(self) -> None:
        now_s = self._now_s()
        for lane in self._lanes.values():
            lane.wake(now_s)
