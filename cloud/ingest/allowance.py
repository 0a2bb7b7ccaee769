"""How often each gateway may do something: so many at once, and so many a second after. Pure: time is told."""

from __future__ import annotations

_MOST = 10_000  # names that are remembered: without identities anybody may make names up


class Allowance:
    """A clock that goes back gives nothing and takes nothing."""

    def __init__(self, per_s: float, at_once: int) -> None:
        self._per_s, self.at_once = per_s, at_once
        self._used: dict[str, tuple[float, float]] = {}  # name -> how many count still, as of when

    def take(self, name: str, now_s: float) -> bool:
        """Whether it may, now; then it counts."""
        used, as_of_s = self._used.pop(name, (0.0, now_s))
        used = max(0.0, used - max(0.0, now_s - as_of_s) * self._per_s)
        may = used + 1 <= self.at_once
        self._used[name] = (used + may, now_s)
        if len(self._used) > _MOST:
            del self._used[next(iter(self._used))]  # the one that has asked for nothing longest
        return may
