"""To whom the receiver listens: to all gateways, but for those that send more messages than it can look at.

A broker has no rate of its own and hands everything on through one connection. Wherever it is let go behind that, a
flood of small messages stands before the alarms of all others; only what is not subscribed to stays away. Pure: time is
told.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cloud.ingest.allowance import Allowance
from contract.wire.topics import filters_of

# An honest gateway has 32 batches on the way and its budgets take 650 messages a second; the receiver's thread looks
# at some 15,000. At once: what the broker keeps of all while the cloud is away, see `cloud.identity.broker_files`.
MESSAGES_PER_S, MESSAGES_AT_ONCE = 1000.0, 5_000
SILENCE_S, SILENCE_MOST_S = 60.0, 3600.0
_FILTERS_A_PACKET = 200  # of some fifty bytes each


@dataclass(frozen=True, slots=True)
class _Silence:
    until_s: float
    took_s: float


class Listening:
    """One thread hears, any may ask.

    gateways: of the district, listened to by name while somebody else is not; None: all are listened to, always.
    silence_s: for so long a gateway is not listened to; twice as long each time that it goes on within an hour.
    """

    def __init__(self, district: str, gateways: Collection[str] | None, silence_s: float = SILENCE_S) -> None:
        self._district, self._silence_s = district, silence_s
        self._all, self._gateways = gateways is None, sorted(gateways or ())
        self._messages = Allowance(MESSAGES_PER_S, MESSAGES_AT_ONCE)
        self._silent: dict[str, _Silence] = {}
        self._ended: dict[str, _Silence] = {}
        self.changes = 0  # of what `wanted` says
        self._lock = threading.Lock()

    def hears(self, gateway: str, now_s: float) -> bool:
        """Whether a message of it counts. Once it is one too many, none does, and `wanted` leaves it out."""
        if gateway in self._silent:
            return False
        if self._all or self._messages.take(gateway, now_s):
            return True
        with self._lock:
            before = self._ended.pop(gateway, None)
            again = before is not None and now_s - before.until_s < SILENCE_MOST_S
            took_s = min(2 * before.took_s, SILENCE_MOST_S) if before is not None and again else self._silence_s
            self._silent = {**self._silent, gateway: _Silence(now_s + took_s, took_s)}
            self.changes += 1
        return False

    def again(self, now_s: float) -> None:
        """Whose time has passed, `wanted` names again."""
        with self._lock:
            over = {gateway: s for gateway, s in self._silent.items() if s.until_s <= now_s}
            self._ended = {g: s for g, s in self._ended.items() if now_s - s.until_s < SILENCE_MOST_S} | over
            self._silent = {gateway: s for gateway, s in self._silent.items() if gateway not in over}
            self.changes += bool(over)

    def wanted(self) -> frozenset[str]:
        """What to subscribe to now."""
        silent = self._silent
        if not silent:
            return frozenset(filters_of(self._district))
        return frozenset(f for g in self._gateways if g not in silent for f in filters_of(self._district, g))

    def possible(self) -> frozenset[str]:
        """All that `wanted` could name: the broker may remember some of it from a connection before."""
        return frozenset(f for g in ("+", *self._gateways) for f in filters_of(self._district, g))

    def silent(self, now_s: float) -> dict[str, float]:
        """Gateways that are not listened to, and for how many seconds yet."""
        return {gateway: max(0.0, s.until_s - now_s) for gateway, s in sorted(self._silent.items())}


def packets(filters: Collection[str]) -> list[Sequence[str]]:
    """As many filters in each as one message to the broker may hold."""
    named = sorted(filters)
    return [named[i : i + _FILTERS_A_PACKET] for i in range(0, len(named), _FILTERS_A_PACKET)]
