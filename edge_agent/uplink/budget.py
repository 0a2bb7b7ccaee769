"""What a link may carry: so many bytes a day, and history at a bounded rate. Pure.

A metered link has so many bytes a day: history stops at 60 % of them, live waits from 90 % on, alarms always go. The
shell says what the connection really carried (`metered`); until it does, payloads count.

Times are real seconds of any monotonic clock, given by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

from contract.wire.envelope import Lane

_DAY_MS = 86_400_000
# Share of the day's bytes after which a lane waits for the next day.
_SHARE = {Lane.HISTORY: 0.6, Lane.LIVE: 0.9}


@dataclass(slots=True)
class Budget:
    """bytes_per_day: in days of UTC; None is unmetered. history_per_s: batches of history; history_bytes_per_s: of
    their payload; None is unlimited. day: since 1970, the one of which `bytes_today` is the sum."""

    bytes_per_day: int | None = None
    history_per_s: float = 100.0
    history_bytes_per_s: float | None = None
    day: int = 0
    bytes_today: int = 0
    _carried: int = 0  # bytes of this connection that bytes_today holds already
    _batches: float = 0.0  # of history that may go now
    _bytes: float = 0.0
    _earned_s: float | None = None

    def restore(self, day: int, bytes_today: int) -> None:
        """What an earlier run had used of a day: a restart must not give the day's bytes again."""
        self.day, self.bytes_today = day, bytes_today

    def link_up(self, now_s: float) -> None:
        """A new connection has carried nothing, and history has saved up nothing."""
        self._carried = 0
        self._batches, self._bytes, self._earned_s = 0.0, 0.0, now_s

    def at(self, now_s: float, now_ms: int) -> None:
        """Time goes on. now_ms: UTC."""
        if (day := now_ms // _DAY_MS) != self.day:
            self.day, self.bytes_today = day, 0
        if self._earned_s is not None:
            passed_s = now_s - self._earned_s
            self._batches = min(self._batches + passed_s * self.history_per_s, max(1.0, self.history_per_s))
            rate = self.history_bytes_per_s or 0.0
            self._bytes = min(self._bytes + passed_s * rate, rate)
        self._earned_s = now_s

    def sent(self, payload_bytes: int) -> None:
        """A payload goes out."""
        self.bytes_today += payload_bytes
        self._carried += payload_bytes

    def metered(self, link_bytes: int) -> None:
        """link_bytes: what this connection has carried up to now, both ways, with every header.

        Payload was counted when it was sent, so that a burst cannot outrun its budget; the rest is added here.
        """
        self.sent(max(0, link_bytes - self._carried))

    def holds(self, lane: Lane) -> bool:
        """Whether the bytes of the day keep this lane back."""
        share = _SHARE.get(lane)
        return self.bytes_per_day is not None and share is not None and self.bytes_today >= self.bytes_per_day * share

    def lets_history(self, payload_bytes: int) -> bool:
        """Whether one more batch of history may go now; it is counted. Bytes may run into debt by one batch, or one
        larger than a second's worth would never go."""
        metered = self.history_bytes_per_s is not None
        if self._batches < 1 or (metered and self._bytes <= 0):
            return False
        self._batches -= 1
        self._bytes -= payload_bytes if metered else 0
        return True
