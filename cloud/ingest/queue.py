"""What came and is not stored yet, a queue a lane: alarms first, then live readings, and history when there is room.

However much history waits, a group to be stored holds little of it. Each queue is bounded: what finds its queue full is
let go and counted. Nothing of it was acknowledged, so its gateway keeps it and sends it again. So no flood of one lane
fills the memory, or makes another lane wait.
"""

from __future__ import annotations

import threading
from collections import Counter, deque

from cloud.ingest.admission import InboundMessage
from contract.wire.topics import TopicKind

# At most so many messages wait. A gateway has 100 batches of history on the way, so twenty may return at once.
_BOUNDS = {TopicKind.ALARM: 10_000, TopicKind.LIVE: 20_000, TopicKind.HISTORY: 2_000}
LANE_BYTES = 32_000_000
_HISTORY_SHARE = 10  # of a full group history gets one in ten, so that it never starves
HISTORY_AT_ONCE = 200  # and no more at all: an alarm waits for the group before it to be stored
HISTORY_TRICKLE = 10  # while the warnings are behind: an alarm in the log waits for what stands before it


class LaneQueues:
    """Any threads put, one takes. deferred: `alarm_deferred`, `live_deferred`, `history_deferred`, since start."""

    def __init__(self, bounds: dict[TopicKind, int] | None = None) -> None:
        self._bounds = bounds or _BOUNDS
        self._waiting: dict[TopicKind, deque[InboundMessage]] = {kind: deque() for kind in _BOUNDS}
        self._bytes: Counter[TopicKind] = Counter()
        self._news = threading.Condition()
        self._wanted, self._history_most = 1, HISTORY_AT_ONCE  # so many make a taker go on, of them so much history
        self.deferred: Counter[str] = Counter()

    def put(self, message: InboundMessage) -> bool:
        """False when the lane is full. Never waits. A topic that names no lane goes with the live ones, to be
        refused by the receiver."""
        lane = next((kind for kind in _BOUNDS if message.topic.endswith(f"/{kind.value}")), TopicKind.LIVE)
        with self._news:
            full = len(self._waiting[lane]) >= self._bounds[lane]
            if full or self._bytes[lane] + len(message.payload) > LANE_BYTES:
                self.deferred[f"{lane.name.lower()}_deferred"] += 1
                return False
            self._waiting[lane].append(message)
            self._bytes[lane] += len(message.payload)
            if (
                lane is TopicKind.ALARM or self._takeable() >= self._wanted
            ):  # to wake him for each would halve what comes in
                self._news.notify()
        return True

    def take(
        self, most: int, idle_s: float, gather_s: float, history_most: int = HISTORY_AT_ONCE
    ) -> list[InboundMessage]:
        """Up to `most`, alarms first, and of history at most history_most; empty when nothing comes in idle_s. An alarm
        is taken at once, others when `most` are there or gather_s after the first."""
        with self._news:
            self._wanted, self._history_most = 1, history_most
            if not self._news.wait_for(self._any, idle_s):
                return []
            self._wanted = most
            self._news.wait_for(lambda: bool(self._waiting[TopicKind.ALARM]) or self._takeable() >= most, gather_s)
            kept = min(len(self._waiting[TopicKind.HISTORY]), most // _HISTORY_SHARE, history_most)
            group = self._pop(TopicKind.ALARM, most)
            group += self._pop(TopicKind.LIVE, most - len(group) - kept)
            return group + self._pop(TopicKind.HISTORY, min(most - len(group), history_most))

    def _takeable(self) -> int:
        history = len(self._waiting[TopicKind.HISTORY])
        return len(self) - history + min(history, self._history_most)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def _any(self) -> bool:
        return any(self._waiting.values())

    def _pop(self, lane: TopicKind, most: int) -> list[InboundMessage]:
        queue = self._waiting[lane]
        out = [queue.popleft() for _ in range(max(0, min(most, len(queue))))]
        self._bytes[lane] -= sum(len(m.payload) for m in out)
        return out
