"""What is learnt of a server's ways with connections: what a new one swallows, after how many replies it hangs up, and
that it may fall silent for good, while a new one would be served.

Silence may also be a unit's that is dead, asleep or slow, or has no such register. So only questions that were answered
before tell of a connection: it is given up when several units fell silent on it, or the only one did twice; but once a
new one was served at its first question, where the old was silent, one lost question of a unit that answered until then
is enough. It opens and sends nothing. Times are seconds of the caller's clock.
"""

from __future__ import annotations

from collections import Counter

from firmware_bridge.modbus_frames import Question

_FRESH_S = 2.0  # how long after it was made a connection may swallow what is asked
_TWICE = 2
_REMEMBERED_S = 600.0  # then it is tried whether the server has changed its ways
_MOST_RAISED = 2  # a pause that does not help after that was none
_LIVED = 3  # questions in a row without a reply: a unit that may have answered until now
_DEAD = 12  # a unit that gave no reply to so many questions in a row tells nothing of the connection
_MOST_DOUBLED = 3  # the silence that ends a connection, where that was in vain before
_OLD_S = 3.0  # a connection that has never given a reply is given up then


class ConnectionWays:
    """pause_s: how long a new connection is left alone, as the bus says or as learnt. replied: on this connection."""

    def __init__(self, pause_s: float | None) -> None:
        """pause_s: None: found out."""
        self.pause_s = pause_s or 0.0
        self._asks_again = self._learns_pause = pause_s is None
        self._raised = 0
        self._opened_s = 0.0
        self._replies = 0
        self._silent: Counter[int] = Counter()  # unit -> questions in a row without a reply
        self._known: set[Question] = set()  # that were answered, on any connection
        self._vain: set[Question] = set()  # not answered, since the last reply on this connection
        self._missed = 0  # questions to known units since then
        self._waits_until_s = 0.0  # until when a unit that is known to be slow may answer yet
        self._given_up_after: int | None = None  # replies of a connection that fell silent; until the next one has said
        self._unanswered: set[Question] = set()  # of it
        self._in_vain = 0  # connections given up in a row, and the next one was no better
        self._falls_silent_until_s = 0.0
        self._ends_after, self._times, self._until_s = 0, 0, 0.0

    @property
    def replied(self) -> bool:
        return self._replies > 0

    def opened(self, now_s: float) -> None:
        """A new connection."""
        self._opened_s, self._replies = now_s, 0
        self._speaks()
        self._waits_until_s = 0.0

    def ended_in_the_pause(self) -> bool:
        """The connection was ended while it was left alone. Whether it should be asked at once from now on."""
        again, self._learns_pause = self._learns_pause, False
        self.pause_s = 0.0 if again else self.pause_s
        return again

    def reply(self, question: Question, after_s: float, timeout_s: float) -> None:
        """A reply to what was asked so long after the connection was made."""
        first, at_once = not self._replies, after_s <= self.pause_s + timeout_s / 2
        if first and self._learns_pause and not at_once and question in self._vain:
            self._raise_pause(min(after_s, _FRESH_S))
        if first and self._given_up_after is not None and at_once and question in self._unanswered:
            self._ended(self._given_up_after, self._opened_s)
            self._falls_silent_until_s = self._opened_s + _REMEMBERED_S
            self._in_vain = 0
        self._given_up_after = None
        self._replies += 1
        if question not in self._known:
            self._known.add(question)
        self._silent[question.unit] = 0
        if self._vain or self._missed:
            self._speaks()

    def missed(self, question: Question, slow_s: float | None, now_s: float) -> None:
        """A question was not answered. slow_s: how long the unit's last late reply took; None: it was never late."""
        unit = question.unit
        self._silent[unit] += 1
        self._vain.add(question)
        if question in self._known:
            again = self._given_up_after is not None and question in self._unanswered
            if again and not self._replies and self._silent[unit] <= _DEAD:
                self._in_vain, self._given_up_after = self._in_vain + 1, None
            self._missed += 1
            self._waits_until_s = max(self._waits_until_s, now_s + 1.5 * slow_s if slow_s else 0.0)

    def late(self) -> None:
        """A reply came too late: the connection lives, and so do its units."""
        self._silent.clear()
        self._speaks()

    def may_swallow(self, question: Question, now_s: float) -> bool:
        """Whether a question may have been swallowed, as somebody should have been there to answer it."""
        fresh = self._asks_again and not self._replies and now_s - self._opened_s <= _FRESH_S
        return fresh and (not self._known or (question in self._known and self._silent[question.unit] <= _DEAD))

    def is_well(self) -> bool:
        """Whether it is neither dead nor spent, as far as one look tells: its last question was answered."""
        return self._replies > 0 and not self._vain and not self._times

    def has_died(self, now_s: float) -> bool:
        """Whether the connection is silent and should be made again."""
        if now_s < self._waits_until_s or (self._replies and not self._vain):
            return False
        alive = any(self._silent[q.unit] < 2 for q in self._known)
        if not self._replies:
            return not alive and self._silent.total() >= 3 and now_s - self._opened_s > _OLD_S
        fell = {q.unit for q in self._vain & self._known}
        if now_s < self._falls_silent_until_s and not self._in_vain and any(self._silent[u] <= _LIVED for u in fell):
            return True
        several = len(fell) >= 2 or (not alive and fell)
        return bool(several) and self._missed >= 2 << min(self._in_vain, _MOST_DOUBLED)

    def given_up(self) -> None:
        """It was closed because `has_died`."""
        self._given_up_after, self._unanswered = self._replies or None, set(self._vain)

    def hung_up(self, now_s: float) -> None:
        """The server ended the connection in place of a reply."""
        if self._replies:
            self._ended(self._replies, now_s)

    def is_spent(self, now_s: float) -> bool:
        """Whether the server has ended connections after as many replies as came, time and again: then a question is
        better sent on a new connection than lost in its end."""
        if now_s > self._until_s:
            self._times = 0
        return self._times >= _TWICE and self._replies >= self._ends_after

    def _speaks(self) -> None:
        self._vain.clear()
        self._missed = 0

    def _ended(self, replies: int, now_s: float) -> None:
        self._times = self._times + 1 if self._ends_after == replies else 1
        self._ends_after, self._until_s = replies, now_s + _REMEMBERED_S

    def _raise_pause(self, pause_s: float) -> None:
        """A pause after which the first question is not answered time and again is none: it is the unit that sleeps."""
        self._raised += 1
        if self._raised > _MOST_RAISED:
            self._learns_pause, pause_s = False, 0.0
        self.pause_s = pause_s
