"""What waits in one lane, a queue a gateway: each gets its turn, counted in readings, and none more than its budget.

Whoever floods stands behind himself. Pure: time is told.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from dataclasses import dataclass, field

from cloud.ingest.admission import InboundMessage

_BYTES_A_READING = 11  # the least that a batch takes for one, see wire.proto
LEAST_COST = 20  # readings: a message alone costs the receiver as much
_TURN = 500  # readings: at each turn a gateway may take so many more
_BURST_S = 10.0
# Of its budget may wait. More would keep a gateway that has flooded for a minute, by some defect, from being heard of
# for an hour: it waits behind itself. What honest ones have on the way is a tenth of it.
_WAITS_S = 30.0
_MOST_NAMES = 10_000


def cost(message: InboundMessage) -> int:
    """Readings that it may hold, at most, whatever it says itself."""
    return max(LEAST_COST, len(message.payload) // _BYTES_A_READING)


@dataclass(slots=True)
class _Gateway:
    """credit: readings that it may still take in its turns. budget: that it may still take as of `as_of_s`; when that
    is used up it rests."""

    budget: float
    as_of_s: float
    credit: int = 0
    waiting: deque[InboundMessage] = field(default_factory=deque)
    readings: int = 0
    rests: bool = False


class FairLane:
    """readings_per_s: of each gateway, ten times as much at once, and thirty times as much, or one message, may wait of
    it. messages, bytes_: that may wait of all."""

    def __init__(self, readings_per_s: float, messages: int, bytes_: int) -> None:
        self._per_s, self._most, self._most_bytes = readings_per_s, messages, bytes_
        self._known: dict[str, _Gateway] = {}
        self._ready: dict[str, _Gateway] = {}  # in the order of their turns; each has something that waits
        self._resting: list[tuple[float, str]] = []  # have used their budget up, until then
        self.count = self.bytes = self._readings = 0
        self.ready = 0  # messages that may be taken now
        self.let_go: Counter[str] = Counter()  # gateway -> messages

    def put(self, gateway: str, message: InboundMessage, now_s: float) -> bool:
        """False: something was let go: this message, for enough of its gateway waits; or, for the lane is full, one of
        the gateway that has most waiting."""
        g = self._known.get(gateway)
        if g is None:
            self._forget(now_s)
            g = self._known[gateway] = _Gateway(self._per_s * _BURST_S, now_s)
        if g.waiting and g.readings + cost(message) > self._per_s * _WAITS_S:
            self.let_go[gateway] += 1
            return False
        kept = True
        while self.count >= self._most or self.bytes + len(message.payload) > self._most_bytes:
            kept = False
            name, most = self._fullest(gateway, g)
            self.let_go[name] += 1
            if most is g or not most.waiting:
                return False
            self._drop_last(name, most)
        if gateway not in self._ready and not self._rests(gateway, g, now_s):
            self._ready[gateway] = g
        g.waiting.append(message)
        g.readings += cost(message)
        self._readings += cost(message)
        self.count += 1
        self.bytes += len(message.payload)
        self.ready += gateway in self._ready
        return kept

    def wake(self, now_s: float) -> None:
        """Gateways that have something left of their budget again."""
        while self._resting and self._resting[0][0] <= now_s:
            _, gateway = heapq.heappop(self._resting)
            g = self._known[gateway]
            g.rests = False
            if g.waiting:
                self._ready[gateway] = g
                self.ready += len(g.waiting)

    def take(self, most: int, most_readings: int, now_s: float) -> list[InboundMessage]:
        """Up to so many, in turns; the last may go over most_readings."""
        out: list[InboundMessage] = []
        while self._ready and len(out) < most and most_readings > 0:
            gateway, g = next(iter(self._ready.items()))
            del self._ready[gateway]
            g.credit += _TURN
            self._earn(g, now_s)
            while g.waiting and g.credit > 0 and g.budget > 0 and len(out) < most and most_readings > 0:
                message = g.waiting.popleft()
                spent = cost(message)
                g.credit, g.budget = g.credit - spent, g.budget - spent
                most_readings -= spent
                self.ready -= 1
                self._gone(g, message)
                out.append(message)
            if not g.waiting:
                g.credit = min(g.credit, 0)
            elif g.budget > 0:
                self._ready[gateway] = g
            else:
                self.ready -= len(g.waiting)
                self._rest(gateway, g)
        return out

    def _rests(self, gateway: str, g: _Gateway, now_s: float) -> bool:
        self._earn(g, now_s)
        if g.budget <= 0 and not g.rests:
            self._rest(gateway, g)
        return g.rests

    def _rest(self, gateway: str, g: _Gateway) -> None:
        g.rests = True
        heapq.heappush(self._resting, (g.as_of_s + (1 - g.budget) / self._per_s, gateway))

    def _earn(self, g: _Gateway, now_s: float) -> None:
        passed_s = max(0.0, now_s - g.as_of_s)
        g.budget, g.as_of_s = min(self._per_s * _BURST_S, g.budget + passed_s * self._per_s), now_s

    def _fullest(self, gateway: str, g: _Gateway) -> tuple[str, _Gateway]:
        """The gateway that has most readings waiting; the one that asks, where several have."""
        if 2 * g.readings > self._readings:
            return gateway, g
        name = max(self._known, key=lambda n: (self._known[n].readings, n == gateway))
        return name, self._known[name]

    def _drop_last(self, name: str, g: _Gateway) -> None:
        self._gone(g, g.waiting.pop())
        if name in self._ready:
            self.ready -= 1
            if not g.waiting:
                del self._ready[name]

    def _gone(self, g: _Gateway, message: InboundMessage) -> None:
        g.readings -= cost(message)
        self._readings -= cost(message)
        self.count, self.bytes = self.count - 1, self.bytes - len(message.payload)

    def _forget(self, now_s: float) -> None:
        """Without identities anybody may make names up."""
        if len(self._known) < _MOST_NAMES:
            return
        idle = [n for n, g in self._known.items() if not g.waiting and not g.rests and now_s - g.as_of_s > _BURST_S]
        for name in idle:
            del self._known[name]
