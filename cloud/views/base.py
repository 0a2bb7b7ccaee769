"""What a view is: a pure function of the log and its cursor, followed by `cloud.views.runner`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cloud.log.base import Cursor, Entry


class RetryLater(Exception):
    """The store behind the view is absent or refuses for now. The view keeps its cursor and is tried again."""


class Poisoned(Exception):
    """One entry can never be applied: it is set aside by name, and the view goes on behind it."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"log offset {offset}: {reason}")
        self.offset = offset
        self.reason = reason


class View(Protocol):
    """Applies log entries in order; the result depends on nothing else.

    `apply` must make its effect and the new cursor durable together, or be idempotent: after a crash it is
    called again from `cursor()`. How entries are cut into calls must not change the result.
    """

    @property
    def name(self) -> str: ...

    def cursor(self) -> Cursor:
        """The place behind the last entry applied; `START` before the first."""
        ...

    def apply(self, entries: Sequence[Entry]) -> None:
        """Raises RetryLater or Poisoned; anything else stops this view alone and is reported."""
        ...

    def reset(self) -> None:
        """Forget everything: the cursor is 0 again, and the view will be rebuilt from the log."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ViewState:
    """How far a view has come, and what holds it up (empty when nothing does)."""

    name: str
    cursor: Cursor
    behind: int
    trouble: str
    set_aside: int
