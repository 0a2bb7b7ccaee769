"""How attempts run, what came of them, and how their pauses are spread, where nobody plays time."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable

Outcome = Callable[[], None]


def spread() -> float:
    """A factor for a pause: consumers that fail together are not asked together."""
    return random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret


def in_a_thread(attempt: Callable[[], None]) -> None:
    """Each attempt in a thread of its own. Raises RuntimeError where the machine has none left."""
    threading.Thread(target=attempt, name="attempt", daemon=True).start()


def _nothing() -> None: ...


class UnderWay:
    """Attempts that have begun. Each ends in one outcome, which is heard in the thread of who began it.

    run: runs an attempt, at once or in another thread. wake: called when there is an outcome.
    """

    def __init__(self, run: Callable[[Callable[[], None]], None], wake: Callable[[], None]) -> None:
        self._run, self._wake = run, wake
        self.came: deque[tuple[Outcome, Callable[[], None]]] = deque()
        self.count = 0

    def begin(
        self,
        work: Callable[[], Outcome],
        stumbled: Callable[[Exception], Outcome],
        ended: Callable[[], None] = _nothing,
    ) -> None:
        """stumbled: the outcome when the attempt cannot be run, or raises: none is ever without one. ended: called once
        the outcome was heard, whatever that raised."""

        def attempt() -> None:
            try:
                outcome = work()
            except Exception as error:
                outcome = stumbled(error)
            self.came.append((outcome, ended))
            self._wake()

        self.count += 1
        try:
            self._run(attempt)
        except Exception as error:  # no thread to be had
            self.came.append((stumbled(error), ended))

    def hear(self) -> None:
        """All outcomes, in order. Raises what one of them raises: it counts as heard, those behind it wait for the next
        time."""
        while self.came:
            outcome, ended = self.came.popleft()
            self.count -= 1
            try:
                outcome()
            finally:
                ended()
