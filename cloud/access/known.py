"""From where people have logged in before: those places are not shut because others fail beside them.

Behind one proxy or one router many people have one address. What is known is in memory, and found again at the start in
the audit record, which has the address of every login.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict

from sqlalchemy import Engine

from cloud.ledger import audit

_MOST = 10_000
_LOOKED_BACK = 5_000  # rows of the audit record


class Known:
    """Safe from any thread. The longest unused are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._places: dict[str, int] = {}
        self._recalled = False

    def recall(self, engine: Engine) -> None:
        """What the audit record has, once. Raises what the ledger raises."""
        with self._lock:
            if self._recalled:
                return
        for row in reversed(audit.newest(engine, _LOOKED_BACK, what="login")):
            self.add(row.target, row.source)
        with self._lock:
            self._recalled = True

    def add(self, name: str, source: str) -> None:
        """A person has logged in from there."""
        key = (name, neighbourhood(source))
        with self._lock:
            if key not in self._of:
                self._places[key[1]] = self._places.get(key[1], 0) + 1
            self._of[key] = None
            self._of.move_to_end(key)
            while len(self._of) > _MOST:
                (_, place), _ = self._of.popitem(last=False)
                self._places[place] -= 1
                if not self._places[place]:
                    del self._places[place]

    def place(self, source: str) -> bool:
        """Whether anybody has logged in from there."""
        with self._lock:
            return neighbourhood(source) in self._places

    def person(self, name: str, source: str) -> bool:
        """Whether this person has."""
        with self._lock:
            return (name, neighbourhood(source)) in self._of


def neighbourhood(source: str) -> str:
    """What counts as one address: of IPv6 the /64, for a household or an attacker has all of one."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    return source if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
