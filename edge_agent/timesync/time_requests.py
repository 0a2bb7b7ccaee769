"""When to ask the cloud for the time, what to make of its answers, and whether batches may leave. Pure.

What the cloud says may change the times of what waits, and what has left can be changed no more; the broker would even
keep it for a cloud that is not there. So on each link nothing is sent before an answer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from contract.wire.ack import Ack
from edge_agent.timesync.timekeeping import Timekeeper

_STATE_S = 30.0
_ASK_S = 5.0  # how often the cloud is asked for the time until it answers
_EAGER_S = 60.0  # then more seldom, until it speaks: the broker keeps every question for it
_ANSWER_S = 10.0  # a cloud that acknowledges and has said nothing of the time by then never will
_SURE_S = 300.0  # so long an answer holds: no crystal is off by more than a tenth of a second by then


@dataclass(slots=True)
class TimeRequests:
    """keeper: without one the caller's time is taken as right. waits: batches do, for an answer.

    Times are real seconds of any monotonic clock, but for mono_ms, which is the keeper's.
    """

    keeper: Timekeeper | None
    told_s: float
    waits: bool = False
    _doubted_s: float = 0.0
    _acked_s: float | None = None  # since when the cloud speaks on this link
    _asked_ms: deque[int] = field(default_factory=lambda: deque(maxlen=8))

    def doubt(self, now_s: float) -> None:
        """The link is new, or the cloud has been silent for long."""
        self._acked_s, self._doubted_s = None, now_s
        if self.keeper is not None:
            self.keeper.doubt()

    def asked(self, mono_ms: int) -> None:
        self._asked_ms.append(mono_ms)

    def every_s(self, now_s: float) -> float:
        """How often to ask."""
        if self.keeper is None:
            return _STATE_S
        if self.keeper.settled and now_s - self.told_s > _SURE_S:
            self.doubt(now_s)
        if self.keeper.settled:
            return _STATE_S
        return _ASK_S if self._acked_s is not None or now_s - self._doubted_s < _EAGER_S else _STATE_S

    def heard(self, ack: Ack, now_s: float | None, mono_ms: int) -> bool:
        """An acknowledgement of this spool. True when what waits is to be looked through."""
        if now_s is not None and self._acked_s is None:
            self._acked_s = now_s
        if self.keeper is None or not ack.cloud_ms or ack.asked_ms not in self._asked_ms:
            return False
        first = not self.keeper.confirmed
        patient = now_s is not None and self._acked_s is not None and now_s - self._acked_s < _ANSWER_S
        news = self.keeper.told(ack.cloud_ms, ack.asked_ms, mono_ms, patient)
        self.told_s = self.told_s if now_s is None else now_s
        return news or (first and self.keeper.confirmed)

    def may_send(self, now_s: float) -> bool:
        if self.keeper is None or self.keeper.settled:
            self.waits = False
        else:
            never = self._acked_s is not None and now_s - self._acked_s >= _ANSWER_S
            self.waits = self.keeper.answered or not never
        return not self.waits
