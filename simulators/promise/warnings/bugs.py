"""Mistakes that others have made, to be planted on purpose: a campaign that does not find them is worth nothing.

Each wraps production code while it lasts; production code knows nothing of it. Each is found by a property that is
named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from cloud.delivery import queue
from cloud.delivery.queue import Pending, Queue
from cloud.delivery.record import Record, Result
from cloud.log.log_clock import Instant, LogClock
from cloud.warnings.model import Message


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


def _told_twice_after_crash() -> AbstractContextManager[None]:
    """What was delivered is not written down: after a restart it goes out again."""
    begin = Record.begin

    def careless(self: Record, results: Sequence[Result], *rest: Any) -> dict[str, Message]:
        return begin(self, [r for r in results if r.delivered_ms is None], *rest)

    return replaced(Record, "begin", careless)


def _expired_as_new() -> AbstractContextManager[None]:
    """A consumer that was down gets what has expired meanwhile."""
    return replaced(queue, "_expired", lambda _message, _utc_ms: False)


def _poisoned_blocks() -> AbstractContextManager[None]:
    """A message that is refused is taken for a consumer that wants to be left alone."""

    def stubborn(self: Queue, message: Pending, why: str, now_ms: int) -> bool:
        self.failed(message, why, now_ms, wait_ms=3_600_000)
        return False

    return replaced(Queue, "refused", stubborn)


BUGS: dict[str, Bug] = {
    "told-twice-after-crash": Bug(_told_twice_after_crash, frozenset({"said-once"})),
    "expired-as-new": Bug(_expired_as_new, frozenset({"expired-is-not-news"})),
    "poisoned-blocks": Bug(_poisoned_blocks, frozenset({"poisoned-blocks-nothing"})),
    "clock-step-believed": Bug(_clock_step_believed, frozenset({"a-clock-step-is-not-believed"})),
}


def planted(name: str | None) -> AbstractContextManager[None]:
    """Raises KeyError for a bug that nobody has thought of."""
    return nullcontext() if name is None else BUGS[name].plant()
