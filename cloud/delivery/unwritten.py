"""What became of a sink's messages and does not stand in the ledger yet."""

from __future__ import annotations

from cloud.delivery.record import Record, Result
from cloud.delivery.values import Noted, Plan
from cloud.warnings.model import Message

_NOTHING = Plan()


class Unwritten:
    """results: of attempts. notes: of messages that do not go out. For one thread."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.results: list[Result] = []
        self.notes: list[tuple[str, Noted]] = []
        self._gone: tuple[str, int | None] | None = None  # None: nothing new

    def said_gone(self, why: str, now_ms: int) -> None:
        """The consumer wants no more. now_ms: UTC."""
        self._gone = (why, now_ms)

    def is_back(self) -> None:
        """The consumer takes messages again."""
        self._gone = ("", None)

    def write(self, now_ms: int, plan: Plan = _NOTHING) -> dict[str, Message]:
        """All of it, and what the plan starts; the texts of that, by id. Raises SQLAlchemyError while the ledger is out
        of reach; what is not written is kept for the next time."""
        if self._gone is not None:
            self._record.set_gone(*self._gone)
            self._gone = None
        texts = self._record.begin(self.results, self.notes, plan.start, plan.first, now_ms)
        self.results.clear()
        self.notes.clear()
        return texts
