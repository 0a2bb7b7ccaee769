"""What is learnt of a server's ways with connections: what a new one swallows, and after how many replies it hangs up.

It opens and sends nothing. Times are seconds of the caller's clock.
"""

from __future__ import annotations

FRESH_S = 2.0  # how long after it was made a connection may swallow what is asked
_TWICE = 2
_REMEMBERED_S = 600.0  # then it is tried whether the server has changed its ways


class ConnectionWays:
    """pause_s: how long a new connection is left alone, as the bus says or as learnt. replied: on this connection."""

    def __init__(self, pause_s: float | None) -> None:
        """pause_s: None: found out."""
        self.pause_s = pause_s or 0.0
        self.asks_again = pause_s is None
        self._learns_pause = pause_s is None
        self._replies = 0
        self._hung_up_after, self._times, self._until_s = 0, 0, 0.0

    @property
    def replied(self) -> bool:
        return self._replies > 0

    def opened(self) -> None:
        """A new connection."""
        self._replies = 0

    def ended_in_the_pause(self) -> bool:
        """The connection was ended while it was left alone. Whether it should be asked at once from now on."""
        again, self._learns_pause = self._learns_pause, False
        self.pause_s = 0.0 if again else self.pause_s
        return again

    def reply(self, after_s: float, timeout_s: float) -> None:
        """A reply to what was asked so long after the connection was made."""
        if not self._replies and self._learns_pause and after_s > self.pause_s + timeout_s / 2:
            self.pause_s = min(after_s, FRESH_S)
        self._replies += 1

    def hung_up(self, now_s: float) -> None:
        """The server ended the connection in place of a reply."""
        if self._replies:
            self._times = self._times + 1 if self._hung_up_after == self._replies else 1
            self._hung_up_after, self._until_s = self._replies, now_s + _REMEMBERED_S

    def is_spent(self, now_s: float) -> bool:
        """Whether the server has hung up after as many replies as came, time and again: then a question is better sent
        on a new connection than lost in its end."""
        if now_s > self._until_s:
            self._times = 0
        return self._times >= _TWICE and self._replies >= self._hung_up_after
