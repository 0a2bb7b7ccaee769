"""The clock of the cloud: the machine's, as far as it can be believed (`cloud.log.log_clock`), for every part of it.

What it knows stands in files of the data folder, see `cloud.log.clock_files`.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.log.base import BatchLog, Entry, EntryKind
from cloud.log.clock_files import ClockFiles
from cloud.log.correction import Correction, encode_correction
from cloud.log.log_clock import EARLIEST_MS, STEP_MS, Instant, Remembered, Start, Step, begin, said
from contract.clock import Clock, SystemClock, iso
from contract.wire.envelope import Lane
from host.boot import boot_of
from host.kernel_time import KernelTime, kernel_time

log = logging.getLogger(__name__)

_TAIL = 2000  # entries of the log in which the newest readings are looked for
_AGREE_MS = 2000  # between the wall clock that a process reads, and the kernel's own
_TOGETHER_MS = 20  # real: two clocks read further apart than this are read again
_TRIES = 5
_KEPT_MS = 1000  # the wall clock may drift so much before what is remembered is written anew


@dataclass(frozen=True, slots=True)
class ClockState:
    """step: what is in doubt; None: nothing is. known: False while the time is only guessed. trouble: for an operator;
    empty when there is nothing to say."""

    now_ms: int
    wall_ms: int
    step: Step | None
    known: bool
    trouble: str


class BelievedClock:
    """See `contract.clock.Clock`; safe from any thread. `look` is to be called every second or so, by one thread.

    folder: of the cloud's data. kernel: asks what the kernel says of the clock; without it, this machine's kernel is
    asked of the machine's own clock, and nobody of another. To the log it writes only what puts that right.
    """

    def __init__(
        self,
        under: Clock,
        folder: Path,
        batch_log: BatchLog,
        kernel: Callable[[], KernelTime | None] | None = None,
    ) -> None:
        self._under, self._log, self._files = under, batch_log, ClockFiles(folder)
        system = isinstance(under, SystemClock)
        self._kernel = kernel or (kernel_time if system else _nobody)
        self._boot = boot_of(under)
        self._speed = 1 / under.real_s(1.0)
        self._lock = threading.Lock()
        self._looking = threading.Lock()  # one looks, or confirms
        self._counts: Counter[str] = Counter()
        self._owed: list[Correction] = []  # entries that the log has yet to take
        self._told: Step | None = None
        recalled = self._files.recall()
        self._kept = None if recalled is None else recalled[0]
        self._began = batch_log.end()
        last_ms = batch_log.now_ms()
        at = self._instant()
        self._time, self.start = begin(
            at,
            self._boot,
            self._kept,
            last_ms,
            newest_readings(batch_log.tail(_TAIL)),
            self._synchronised(at),
            bool(self._said_right(at)),
            self._speed,
            EARLIEST_MS if system else 0,
        )
        now_ms = self._time.now_ms(at)
        if last_ms > now_ms + STEP_MS * self._speed:
            ahead = said(last_ms - now_ms).lstrip("+")
            why = f"the log was {ahead} ahead of time at a start; time begins {self.start.value}"
            self._owed.append(Correction(last_ms, now_ms, why, "headwater"))
        if self.start is not Start.WALL or self._owed:
            log.info("time begins %s: %s", self.start.value, iso(now_ms))
        self._follow_up()

    # --- the clock ---

    def now_ms(self) -> int:
        with self._lock:
            return self._time.now_ms(self._instant())

    def told_ms(self) -> int:
        """What gateways are told of the time; 0 while it is only guessed."""
        now_ms = self.now_ms()
        return now_ms if self._time.known else 0

    def monotonic_ms(self) -> int:
        return self._under.monotonic_ms()

    def real_s(self, scenario_s: float) -> float:
        return self._under.real_s(scenario_s)

    async def sleep(self, scenario_s: float) -> None:
        await self._under.sleep(scenario_s)

    # --- whether it is believed ---

    def look(self) -> None:
        """Looks at the wall clock, at what speaks for it, and at what people say; puts the log right where it must be.

        Raises nothing: what the disk refuses is tried again at the next look.
        """
        with self._looking:
            readings_ms = [] if self._time.known else newest_readings(self._log.read(self._began, _TAIL), Lane.HISTORY)
            with self._lock:
                at = self._instant()
                if who := self._said_right(at):
                    self._believe(at, "confirmed", who)
                elif why := self._time.confirmed(at, self._synchronised(at), readings_ms):
                    self._believe(at, why, "headwater")
            self._follow_up()

    def confirm(self, who: str) -> bool:
        """A person says that the wall clock is right as it is now. False: nothing was in doubt."""
        with self._looking:
            with self._lock:
                at = self._instant()
                self._time.now_ms(at)
                doubt = self._time.step is not None or not self._time.known
                if doubt:
                    self._believe(at, "confirmed", who)
            self._follow_up()
        return doubt

    def state(self) -> ClockState:
        with self._lock:
            at = self._instant()
            now_ms = self._time.now_ms(at)
            trouble = self._time.trouble()
            if not trouble and self._owed:
                trouble = "the log is ahead of time: make room on its disk, so that it is freed"
            known, step = self._time.known, self._time.step
            return ClockState(now_ms, at.wall_ms, step, known, trouble)

    def counters(self) -> Mapping[str, int]:
        """Totals since start: clock_steps, clock_steps_confirmed."""
        return {"clock_steps": 0, "clock_steps_confirmed": 0, **self._counts}

    # --- inside ---

    def _follow_up(self) -> None:
        self._write_owed()
        self._say()
        self._keep()

    def _instant(self) -> Instant:
        """Both clocks. A thread may be held up between two looks, which is no step of the wall clock."""
        for _ in range(_TRIES):
            before_ms = self._under.monotonic_ms()
            wall_ms = self._under.now_ms()
            mono_ms = self._under.monotonic_ms()
            if mono_ms - before_ms <= _TOGETHER_MS * self._speed:
                break
        return Instant(wall_ms, mono_ms)

    def _synchronised(self, at: Instant) -> bool:
        found = self._kernel()
        return found is not None and found.synchronised and abs(found.now_ms - at.wall_ms) <= _AGREE_MS

    def _said_right(self, at: Instant) -> str:
        """Who says that the wall clock is right as it is now; empty: nobody. What was said is taken."""
        who, boot, offset_ms = self._files.take() or ("", "", 0)
        right = boot == self._boot and abs(offset_ms - at.offset_ms) <= STEP_MS * self._speed
        return who if right else ""

    def _believe(self, at: Instant, why: str, who: str) -> None:
        was_ms, step = self._time.now_ms(at), self._time.step
        self._time.believe(at)
        if step is None:
            return
        self._counts["clock_steps_confirmed"] += 1
        log.warning("the clock's step of %s is believed: %s (%s)", said(step.by_ms), why, who)
        what = f"a step of the clock of {said(step.by_ms)}: {why}"
        self._owed.append(Correction(max(was_ms, self._log.now_ms()), at.wall_ms, what, who))

    def _write_owed(self) -> None:
        while self._owed:
            c = self._owed[0]
            # Time went on since, if the disk was full.
            correction = c._replace(now_ms=self.now_ms())
            try:
                self._log.put_right(correction.now_ms, encode_correction(correction))
            except (sqlite3.Error, OSError) as error:
                log.error("the log's time cannot be put right: %s", error)
                return
            del self._owed[0]
            log.warning("the log's time goes from %s to %s: %s (%s)", iso(c.was_ms), iso(c.now_ms), c.why, c.who)

    def _say(self) -> None:
        """A step that is new, or gone."""
        with self._lock:
            step, trouble = self._time.step, self._time.trouble()
        if step is not None and (self._told is None or step.at_ms != self._told.at_ms):
            self._counts["clock_steps"] += 1
            log.warning("%s", trouble)
        elif step is None and self._told is not None:
            log.info("the clock is believed again")
        self._told = step

    def _keep(self) -> None:
        with self._lock:
            step = self._time.step
            found = Remembered(self._boot, self._time.offset_ms, 0 if step is None else step.by_ms, self._time.known)
            trouble = self._time.trouble()
        kept, least_ms = self._kept, _KEPT_MS * self._speed
        if kept is not None and (kept.boot, kept.known) == (found.boot, found.known):
            moved_ms = abs(found.offset_ms - kept.offset_ms), abs(found.step_ms - kept.step_ms)
            if max(moved_ms) < least_ms:
                return
        self._files.keep(found, trouble)
        self._kept = found


def newest_readings(entries: Sequence[Entry], but: Lane | None = None) -> list[int]:
    """The newest reading of each gateway of these entries, UTC ms. but: a lane that does not count."""
    newest: dict[str, int] = {}
    for e in entries:
        if e.kind is EntryKind.BATCH and e.lane is not but:
            newest[e.gateway] = max(e.time_max_ms, newest.get(e.gateway, 0))
    return list(newest.values())


def ask_to_confirm(under: Clock, folder: Path, who: str) -> None:
    """Tells the cloud of this folder that the wall clock is right as it is now. Raises OSError."""
    ClockFiles(folder).ask(who, boot_of(under), under.now_ms() - under.monotonic_ms())


def _nobody() -> KernelTime | None:
    return None
