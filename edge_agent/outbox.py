"""What to send, hold, send again and forget: a state machine without I/O or clock.

Numbered batches wait in three lanes. A batch is forgotten only when the cloud says it is durable (or refused and kept
aside); a broker's PUBACK counts for nothing. After an outage what waited becomes history: live goes first, history
follows under a rate limit, newest day first and each day in order.

A metered link has so many bytes a day: history stops at 60 % of them, live waits from 90 % on, alarms always go. The
shell says what the connection really carried (`metered`); until it does, payloads count.

Times are real seconds of any monotonic clock, given by the caller.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from contract.wire import Ack, Lane

_DAY_MS = 86_400_000
# Share of the day's bytes after which a lane waits for the next day.
_SHARE = {Lane.HISTORY: 0.6, Lane.LIVE: 0.9}


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """window: batches on the way at once. resend_s doubles up to resend_max_s at each repeat.

    live_age_s: what has waited longer when the link comes up is history.
    bytes_per_day: in days of UTC; None is unmetered. history_bytes_per_s: of payload; None is unlimited.
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
    """A batch in the spool. created_ms: the agent's UTC ms when it was spooled; since_s: caller's clock."""

    seq: int
    lane: Lane
    created_ms: int
    since_s: float
    bytes: int = 0


@dataclass(slots=True)
class _Flight:
    waiting: Waiting
    due_s: float
    attempts: int = 1


@dataclass(slots=True)
class Outbox:
    spool: int
    settings: OutboxSettings = field(default_factory=OutboxSettings)
    connected: bool = False
    refused: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    resent: int = 0
    _lanes: dict[Lane, deque[Waiting]] = field(default_factory=lambda: {lane: deque() for lane in Lane})
    _flights: dict[int, _Flight] = field(default_factory=dict)
    bytes_today: int = 0
    day: int = 0
    _known: dict[int, Lane] = field(default_factory=dict)
    _ascending: deque[int] = field(default_factory=deque)  # what is known, and some already forgotten
    _allowance: float = 0.0  # history batches that may go now
    _allowed_bytes: float = 0.0
    _allowed_s: float | None = None
    _carried: int = 0  # bytes of this connection that bytes_today holds already

    # --- events ---

    def restored(self, waiting: Iterable[Waiting]) -> None:
        """What a restart found in the spool, by sequence: history, all but the alarms."""
        for w in waiting:
            lane = Lane.ALARM if w.lane is Lane.ALARM else Lane.HISTORY
            self._known[w.seq] = lane
            self._ascending.append(w.seq)
            self._lanes[lane].append(w)
        self._order_history()

    def spooled(self, waiting: Waiting) -> None:
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
        self.connected = True
        self._carried = 0
        self._allowance, self._allowed_bytes, self._allowed_s = 0.0, 0.0, now_s
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
        """The sequences that may be forgotten. An acknowledgement of another spool forgets nothing."""
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

    def dropped(self, seqs: Iterable[int]) -> list[int]:
        """Forget these, acknowledged or thrown out of a full spool."""
        gone = sorted(seq for seq in seqs if self._known.pop(seq, None) is not None)
        for seq in gone:
            self._flights.pop(seq, None)
        return gone

    # --- what to do now ---

    def due(self, now_s: float, now_ms: int = 0, only_alarms: bool = False) -> list[tuple[int, Lane]]:
        """Sequences to publish now, with their lanes; they count as on the way from here on.

        now_ms: UTC, for the budget of the day.
        """
        if not self.connected:
            return []
        if self.holds(Lane.LIVE):
            self._age(now_s)
        self._new_day(now_ms // _DAY_MS)
        out = [(seq, self._known[seq]) for seq in self._overdue(now_s)]
        self._earn(now_s)
        for lane in (Lane.ALARM, Lane.LIVE, Lane.HISTORY):
            queue = self._lanes[lane]
            if only_alarms and lane is not Lane.ALARM:
                break
            while queue and len(self._flights) < self.settings.window and not self.holds(lane):
                if queue[0].seq not in self._known:  # acknowledged while it waited to be sent again
                    queue.popleft()
                    continue
                if lane is Lane.HISTORY and not self._spend_allowance(queue[0]):
                    break
                w = queue.popleft()
                self._count(w.bytes)
                self._flights[w.seq] = _Flight(w, now_s + self.settings.resend_s)
                out.append((w.seq, lane))
        return out

    def metered(self, link_bytes: int) -> None:
        """link_bytes: what this connection has carried up to now, both ways, with every header.

        Payload was counted when it was sent, so that a burst cannot outrun its budget; the rest is added here.
        """
        self._count(max(0, link_bytes - self._carried))

    def holds(self, lane: Lane) -> bool:
        """Whether the budget of the day keeps this lane back."""
        budget, share = self.settings.bytes_per_day, _SHARE.get(lane)
        return budget is not None and share is not None and self.bytes_today >= budget * share

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
        return len(self._flights)

    def _overdue(self, now_s: float) -> list[int]:
        out = []
        for seq, flight in self._flights.items():
            if now_s >= flight.due_s:
                if self.holds(self._known[seq]):
                    flight.due_s = now_s + self.settings.resend_max_s
                    continue
                pause = min(self.settings.resend_s * 2**flight.attempts, self.settings.resend_max_s)
                flight.attempts += 1
                flight.due_s = now_s + pause
                self.resent += 1
                self._count(flight.waiting.bytes)
                out.append(seq)
        return out

    def _earn(self, now_s: float) -> None:
        if self._allowed_s is not None:
            earned = (now_s - self._allowed_s) * self.settings.history_per_s
            self._allowance = min(self._allowance + earned, max(1.0, self.settings.history_per_s))
            rate = self.settings.history_bytes_per_s or 0.0
            self._allowed_bytes = min(self._allowed_bytes + (now_s - self._allowed_s) * rate, rate)
        self._allowed_s = now_s

    def _spend_allowance(self, w: Waiting) -> bool:
        """Bytes may run into debt by one batch, or one larger than a second's worth would never go."""
        metered = self.settings.history_bytes_per_s is not None
        if self._allowance < 1 or (metered and self._allowed_bytes <= 0):
            return False
        self._allowance -= 1
        self._allowed_bytes -= w.bytes if metered else 0
        return True

    def _count(self, more: int) -> None:
        self.bytes_today += more
        self._carried += more

    def _new_day(self, day: int) -> None:
        if day != self.day:
            self.day, self.bytes_today = day, 0

    def _order_history(self) -> None:
        history = sorted(self._lanes[Lane.HISTORY], key=lambda w: (-(w.created_ms // _DAY_MS), w.created_ms, w.seq))
        self._lanes[Lane.HISTORY] = deque(history)
