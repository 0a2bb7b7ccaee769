"""Mistakes that others have made, to be planted on purpose: a campaign that does not find them is worth nothing.

Each wraps production code while it lasts; production code knows nothing of it. Each is found by a property that is
named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from cloud.log.log_clock import Instant, LogClock


@contextmanager
def replaced(owner: Any, name: str, new: Callable[..., Any]) -> Iterator[None]:
    """An attribute of a class or module is another while it lasts."""
    old = getattr(owner, name)
    setattr(owner, name, new)
    try:
        yield
    finally:
        setattr(owner, name, old)


@dataclass(frozen=True, slots=True)
class Bug:
    """plant: puts it in. found_by: the properties of which one must find it."""

    plant: Callable[[], AbstractContextManager[None]]
    found_by: frozenset[str]


def _clock_step_believed() -> AbstractContextManager[None]:
    """The wall clock is right, whatever it says."""

    def trusting(self: LogClock, at: Instant) -> int:
        self.believe(at)
        return at.wall_ms

    return replaced(LogClock, "now_ms", trusting)


BUGS: dict[str, Bug] = {
    "clock-step-believed": Bug(_clock_step_believed, frozenset({"a-clock-step-is-not-believed"})),
}


def planted(name: str | None) -> AbstractContextManager[None]:
    """Raises KeyError for a bug that nobody has thought of."""
    return nullcontext() if name is None else BUGS[name].plant()
