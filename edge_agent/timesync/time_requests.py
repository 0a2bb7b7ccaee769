"""When to ask the cloud for the time, what to make of its answers, and whether batches may leave. Pure.

What the cloud says may change the times of what waits, and what has left can be changed no more; the broker would even
keep it for a cloud that is not there. So on each link nothing is sent before an answer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from contract.wire.ack import Ack
from edge_agent.timesync.now import Now
from edge_agent.timesync.timekeeping import Timekeeper

_STATE_S = 30.0
_ASK_S = 5.0  # how often the cloud is asked for the time until it answers
_EAGER_S = 60.0  # then more seldom, until it speaks: the broker keeps every question for it
_ANSWER_S = 10.0  # a cloud that acknowledges and has said nothing of the time by then never will
_SURE_S = 300.0  # so long an answer holds: no crystal is off by more than a tenth of a second by then


@dataclass(slots=True)
class TimeRequests:
    """keeper: without one the caller's time is taken as right, and nobody is asked. answered_s: monotonic time of the
    last answer, or of the start. holds_batches: they wait for an answer, as `may_send` last found.

    Questions travel in births and states, answers in acknowledgements.
    """

    keeper: Timekeeper | None
    answered_s: float
    holds_batches: bool = False
    _doubted_s: float = 0.0
    _acked_s: float | None = None  # since when the cloud speaks on this link
    _asked_ms: deque[int] = field(default_factory=lambda: deque(maxlen=8))

    def doubt(self, now: Now) -> None:
        """The link is new, or the cloud has been silent for long."""
        self._acked_s, self._doubted_s = None, now.monotonic_s
        if self.keeper is not None:
            self.keeper.doubt()

    def ask(self, now: Now) -> int:
        """A question is about to be sent: the number it carries, monotonic ms; 0 for no question."""
        if self.keeper is None:
            return 0
        asked_ms = self.keeper.monotonic_ms(now)
        self._asked_ms.append(asked_ms)
        return asked_ms

    def interval_s(self, now: Now) -> float:
        """How often to ask, in real seconds."""
        if self.keeper is None:
            return _STATE_S
        if self.keeper.settled and now.monotonic_s - self.answered_s > _SURE_S:
            self.doubt(now)
        if self.keeper.settled:
            return _STATE_S
        return _ASK_S if self._acked_s is not None or now.monotonic_s - self._doubted_s < _EAGER_S else _STATE_S

    def take_ack(self, ack: Ack, now: Now) -> bool:
        """An acknowledgement of this spool, which may hold an answer. True when what waits should be re-timed."""
        if self._acked_s is None:
            self._acked_s = now.monotonic_s
        if self.keeper is None or not ack.cloud_ms or ack.asked_ms not in self._asked_ms:
            return False
        first = not self.keeper.confirmed
        patient = now.monotonic_s - self._acked_s < _ANSWER_S
        news = self.keeper.take_answer(ack.cloud_ms, ack.asked_ms, self.keeper.monotonic_ms(now), patient)
        self.answered_s = now.monotonic_s
        return news or (first and self.keeper.confirmed)

    def may_send(self, now: Now) -> bool:
        """Whether batches may leave: the time is known well enough, or the cloud never says it."""
        if self.keeper is None or self.keeper.settled:
            self.holds_batches = False
        else:
            never = self._acked_s is not None and now.monotonic_s - self._acked_s >= _ANSWER_S
            self.holds_batches = self.keeper.has_answer or not never
        return not self.holds_batches
