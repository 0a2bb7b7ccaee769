"""What to send, hold, send again and forget: a state machine without I/O or clock.

Numbered batches wait in three lanes. A batch is forgotten only when the cloud says it is durable (or refused and kept
aside); a broker's PUBACK counts for nothing. After an outage what waited becomes history: live goes first, history
follows under a rate limit, newest day first and each day in order.

What the link may carry is `edge_agent.uplink.budget`'s to say.

Times are real seconds of any monotonic clock, given by the caller.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from contract.wire.ack import Ack
from contract.wire.envelope import Lane
from edge_agent.uplink.budget import Budget

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """window: batches on the way at once. resend_s doubles up to resend_max_s at each repeat.

    live_age_s: what has waited longer when the link comes up is history.
    history_per_s, bytes_per_day, history_bytes_per_s: see `edge_agent.uplink.budget.Budget`.
    """

    window: int = 32
    resend_s: float = 5.0
    resend_max_s: float = 60.0
    history_per_s: float = 100.0
    live_age_s: float = 30.0
    bytes_per_day: int | None = None
    history_bytes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch in the spool, `bytes` of payload. created_ms: UTC when it was spooled; since_s: caller's clock.

    sent: it may have left before a restart.
    """

    seq: int
    lane: Lane
    created_ms: int
    since_s: float
    bytes: int = 0
    sent: bool = False


@dataclass(slots=True)
class _Flight:
    waiting: Waiting
    due_s: float
    attempts: int = 1


@dataclass(slots=True)
class Outbox:
    """What waits for the cloud, of one spool. spool: its identity. refused: batches by the cloud's reason.
    acknowledged, resent: batches since the agent began. budget: what the link may carry."""

    spool: int
    settings: OutboxSettings = field(default_factory=OutboxSettings)
    connected: bool = False
    refused: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    resent: int = 0
    _lanes: dict[Lane, deque[Waiting]] = field(default_factory=lambda: {lane: deque() for lane in Lane})
    _flights: dict[int, _Flight] = field(default_factory=dict)
    budget: Budget = field(init=False)
    _known: dict[int, Lane] = field(default_factory=dict)
    _left: set[int] = field(default_factory=set)  # of what is known: may have left the gateway
    _ascending: deque[int] = field(default_factory=deque)  # what is known, and some already forgotten

    def __post_init__(self) -> None:
        chosen = self.settings
        self.budget = Budget(chosen.bytes_per_day, chosen.history_per_s, chosen.history_bytes_per_s)

    # --- events ---

    def restored(self, waiting: Iterable[Waiting]) -> None:
        """What a restart found in the spool, by sequence: history, all but the alarms."""
        for w in waiting:
            lane = Lane.ALARM if w.lane is Lane.ALARM else Lane.HISTORY
            self._known[w.seq] = lane
            self._ascending.append(w.seq)
            self._lanes[lane].append(w)
            if w.sent:
                self._left.add(w.seq)
        self._order_history()

    def restart(self, spool: int, waiting: Iterable[Waiting], now_s: float) -> None:
        """The spool has another identity, and `waiting` is all that waits in it; counts, link and budget go on."""
        self.spool = spool
        self._flights.clear()
        self._known.clear()
        self._left.clear()
        self._ascending.clear()
        for queue in self._lanes.values():
            queue.clear()
        self.restored(waiting)
        self._age(now_s)

    def spooled(self, waiting: Waiting) -> None:
        """A new batch, to be sent in its lane."""
        self._known[waiting.seq] = waiting.lane
        self._ascending.append(waiting.seq)
        self._lanes[waiting.lane].append(waiting)

    def replaced(self, gone: Iterable[int], by: Iterable[Waiting]) -> None:
        """Batches that wait were merged or thinned into others, or thrown away."""
        self.dropped(gone)
        for queue in self._lanes.values():
            alive = [w for w in queue if w.seq in self._known]
            queue.clear()
            queue.extend(alive)
        self._ascending = deque(seq for seq in self._ascending if seq in self._known)
        for w in by:
            self.spooled(w)
        self._order_history()

    def link_up(self, now_s: float) -> None:
        """The link is there: `due` gives something from now on."""
        self.connected = True
        self.budget.link_up(now_s)
        self._age(now_s)

    def _age(self, now_s: float) -> None:
        """What has waited too long to be live becomes history."""
        live: deque[Waiting] = deque()
        old: list[Waiting] = []
        for w in self._lanes[Lane.LIVE]:
            (old if now_s - w.since_s > self.settings.live_age_s else live).append(w)
        if not old:
            return
        self._lanes[Lane.LIVE] = live
        for w in old:
            self._known[w.seq] = Lane.HISTORY
        self._lanes[Lane.HISTORY].extend(old)
        self._order_history()

    def link_down(self) -> None:
        """What was on the way waits again, in its place: nobody knows what arrived."""
        self.connected = False
        for seq, flight in sorted(self._flights.items(), reverse=True):
            self._lanes[self._known[seq]].appendleft(flight.waiting)
        self._flights.clear()

    def acked(self, ack: Ack) -> list[int]:
        """Takes what an acknowledgement names from what waits; gives the sequences that may be deleted. One of another
        spool says nothing."""
        if ack.spool != self.spool:
            return []
        durable = set(ack.seqs)
        while self._ascending and (self._ascending[0] <= ack.prefix or self._ascending[0] not in self._known):
            durable.add(self._ascending.popleft())
        for seq, reason in (ack.refused or {}).items():
            if seq in self._known:
                self.refused[reason] += 1
                durable.add(seq)
        gone = self.dropped(durable)
        self.acknowledged += len(gone)
        return gone

    def strange(self, ack: Ack, next_seq: int) -> bool:
        """Whether it names what this spool never sent. Then somebody else has used its name: the file from which this
        one was copied, or an impostor. next_seq: the first sequence that was never given."""
        if ack.spool != self.spool:
            return False
        named = {*ack.seqs, *(ack.refused or {})}
        for seq in self._ascending:
            if seq > ack.prefix:
                break
            named.add(seq)
        if max(ack.prefix, *named, 0) >= next_seq:
            return True
        return any(seq in self._known and seq not in self._left for seq in named)

    def durable_before(self, ack: Ack) -> list[int]:
        """What it names of that which left before this link: that much can be believed of a strange one."""
        named = {*ack.seqs, *(ack.refused or {})}
        return [s for s in self._left if (s <= ack.prefix or s in named) and s not in self._flights]

    def dropped(self, seqs: Iterable[int]) -> list[int]:
        """Forget these, acknowledged or thrown out of a full spool."""
        gone = sorted(seq for seq in seqs if self._known.pop(seq, None) is not None)
        for seq in gone:
            self._flights.pop(seq, None)
            self._left.discard(seq)
        return gone

    # --- what to do now ---

    def due(self, now_s: float, now_ms: int = 0, only_alarms: bool = False) -> list[tuple[int, Lane]]:
        """Sequences to publish now, with their lanes; they count as on the way from here on.

        now_ms: UTC, for the budget of the day.
        """
        if not self.connected:
            return []
        if self.budget.holds(Lane.LIVE):
            self._age(now_s)
        self.budget.at(now_s, now_ms)
        out = [(seq, self._known[seq]) for seq in self._overdue(now_s)]
        for lane in (Lane.ALARM, Lane.LIVE, Lane.HISTORY):
            queue = self._lanes[lane]
            if only_alarms and lane is not Lane.ALARM:
                break
            while queue and len(self._flights) < self.settings.window and not self.budget.holds(lane):
                if queue[0].seq not in self._known:  # acknowledged while it waited to be sent again
                    queue.popleft()
                    continue
                if lane is Lane.HISTORY and not self.budget.lets_history(queue[0].bytes):
                    break
                w = queue.popleft()
                self.budget.sent(w.bytes)
                self._flights[w.seq] = _Flight(w, now_s + self.settings.resend_s)
                self._left.add(w.seq)
                out.append((w.seq, lane))
        return out

    def lane_of(self, seq: int) -> Lane | None:
        """Where a batch waits; None for one that does not."""
        return self._known.get(seq)

    def flying(self) -> set[int]:
        """On the way since the link came up, and not acknowledged."""
        return set(self._flights)

    def waiting(self) -> dict[Lane, int]:
        """Batches not yet acknowledged, by lane."""
        count = Counter(self._known.values())
        return {lane: count[lane] for lane in Lane}

    def in_flight(self) -> int:
        """How many are on the way."""
        return len(self._flights)

    def _overdue(self, now_s: float) -> list[int]:
        out = []
        for seq, flight in self._flights.items():
            if now_s >= flight.due_s:
                if self.budget.holds(self._known[seq]):
                    flight.due_s = now_s + self.settings.resend_max_s
                    continue
                pause = min(self.settings.resend_s * 2**flight.attempts, self.settings.resend_max_s)
                flight.attempts += 1
                flight.due_s = now_s + pause
                self.resent += 1
                self.budget.sent(flight.waiting.bytes)
                out.append(seq)
        return out

    def _order_history(self) -> None:
        history = sorted(self._lanes[Lane.HISTORY], key=lambda w: (-(w.created_ms // _DAY_MS), w.created_ms, w.seq))
        self._lanes[Lane.HISTORY] = deque(history)
