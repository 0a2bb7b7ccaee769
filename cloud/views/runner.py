"""Follows the log for one view, in a thread of its own: whatever holds that view up holds up nobody else."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from cloud.log.base import BatchLog, Entry
from cloud.views.base import Poisoned, RetryLater, View, ViewState
from cloud.views.decode import without

log = logging.getLogger(__name__)

_ENTRIES = 2000
_IDLE_S = 0.5
_PAUSE_FIRST_S, _PAUSE_MAX_S = 0.5, 30.0
_TRIES = 6  # of an entry that a defect of ours cannot take, alone: a quarter of a minute; then it is set aside
_ALONE = 2 * _ENTRIES  # entries taken one by one behind a defect: a view may go on from well before it
# What an entry's content brings about. Memory, disks and databases raise others: those pass, and no entry is to blame.
_OF_CONTENT = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError)


class ViewRunner:
    """aside: a file that names the entries set aside, one JSON object a line, for somebody to look at.

    at_rest: called in the view's thread when nothing has come for half a second.
    """

    def __init__(
        self, view: View, batch_log: BatchLog, aside: Path, at_rest: Callable[[], None] = lambda: None
    ) -> None:
        self.view = view
        self._at_rest = at_rest
        self._log = batch_log
        self._aside = aside
        self._set_aside = _offsets(aside)
        self._trouble = ""
        self.handled_ms: int | None = None  # UTC, of the last entry applied or set aside since the start
        self._alone = 0  # so many entries more are taken one by one
        self._tries: Counter[int] = Counter()  # by offset, of entries that were taken alone
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"view {view.name}", daemon=True)

    @property
    def name(self) -> str:
        return self._thread.name

    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        self.view.close()

    def state(self) -> ViewState:
        cursor = self.view.cursor()
        behind = self._log.behind(cursor)
        return ViewState(self.view.name, cursor, behind, self._trouble, len(self._set_aside))

    def _run(self) -> None:
        pause_s = _PAUSE_FIRST_S
        while not self._stop.is_set():
            try:
                if not self._step() and not self._log.wait(self.view.cursor(), _IDLE_S):
                    self._at_rest()
                pause_s, self._trouble = _PAUSE_FIRST_S, ""
            except RetryLater as error:
                self._say(str(error))
                self._stop.wait(pause_s)
                pause_s = min(pause_s * 2, _PAUSE_MAX_S)
            except Exception as error:  # a defect in this view must not stop the others, nor this one for ever
                self._say(f"{type(error).__name__}: {error}")
                log.exception("view %s stopped at log offset %d; it will try again", self.view.name, self.view.cursor())
                self._stop.wait(pause_s)
                pause_s = min(pause_s * 2, _PAUSE_MAX_S)

    def _step(self) -> bool:
        entries = self._log.read(self.view.cursor(), 1 if self._alone else _ENTRIES)
        if not entries:
            return False
        try:
            self.view.apply(without(entries, self._set_aside))
            self.handled_ms = entries[-1].now_ms
        except Poisoned as error:
            self._put_aside(error)
        except _OF_CONTENT as error:
            self._blame(entries, error)
        else:
            self._alone = max(self._alone - 1, 0)
        return True

    def _blame(self, entries: Sequence[Entry], error: Exception) -> None:
        """Finds out which entry it is, and sets that aside in the end: one that cannot be taken must not keep all that
        come after it from everybody. Raises the error to have it tried again."""
        if self._alone == 0:
            log.exception("view %s fails; its next entries are taken one by one", self.view.name)
            self._alone = _ALONE
            if len(entries) > 1:
                return
        offset = entries[0].offset
        self._tries[offset] += 1
        if self._tries[offset] < _TRIES or offset in self._set_aside:
            raise error
        del self._tries[offset]
        self._put_aside(Poisoned(offset, f"{type(error).__name__}: {error}"))

    def _put_aside(self, error: Poisoned) -> None:
        with self._aside.open("a") as file:
            file.write(json.dumps({"view": self.view.name, "offset": error.offset, "reason": error.reason}) + "\n")
        self._set_aside.add(error.offset)
        log.error("view %s sets aside log offset %d: %s", self.view.name, error.offset, error.reason)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("view %s waits: %s", self.view.name, trouble)
        self._trouble = trouble


def _offsets(aside: Path) -> set[int]:
    """A line that cannot be read (torn by a crash) is passed over: its entry, met again, is set aside again."""
    found: set[int] = set()
    unread = 0
    if not aside.exists():
        return found
    for line in aside.read_text(errors="replace").split("\n"):
        if not line.strip():
            continue
        try:
            found.add(int(json.loads(line)["offset"]))
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
            unread += 1
    if unread:
        log.warning("%s: %d lines cannot be read and are passed over", aside, unread)
    return found
