"""What time it is for the cloud: the wall clock as far as it can be believed, monotonic time where not. Pure.

The wall clock is followed while it goes as fast as monotonic time does. Where it jumps, that is a step: perhaps it was
put right, perhaps wrong. A step is not believed until the kernel says that the clock is synchronised (NTP), or a person
confirms it; meanwhile time runs on by the monotonic clock. A wall clock that comes back by itself is believed again.

What is decided at a start, and why: docs/decisions/log.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from contract.clock import iso

STEP_MS = 5000  # real ms: what the wall clock may jump and is followed without a question
CONFIRM_MS = 10_000  # real ms: so long the kernel must call a clock that has stepped synchronised
EARLIEST_MS = 1_704_067_200_000  # 2024-01-01: no cloud runs this program before it
_DRIFT = 0.0005  # of the wall clock against the monotonic one: what a kernel lets NTP ask for
_OLD_MS, _AHEAD_MS = 600_000, 60_000  # how far from the true time a reading may be that has just come
_OUTAGE_MS = 3_600_000  # a machine that went down with a step in doubt, and came back within this, is still in doubt


@dataclass(frozen=True, slots=True)
class Instant:
    """Both clocks, read together. wall_ms: UTC; mono_ms: monotonic, suspends of the machine counted; at one speed."""

    wall_ms: int
    mono_ms: int

    @property
    def offset_ms(self) -> int:
        return self.wall_ms - self.mono_ms


@dataclass(frozen=True, slots=True)
class Step:
    """The wall clock is off by so much from the time that is believed. at_ms: believed UTC ms when that was seen."""

    by_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was known in an earlier run. boot: of the machine, for monotonic times of two boots do not compare.

    offset_ms: believed UTC less monotonic. step_ms: of a step in doubt; 0: none. known: as in `LogClock`.
    """

    boot: str
    offset_ms: int
    step_ms: int = 0
    known: bool = True


class Start(StrEnum):
    """On what grounds time begins."""

    SAME_BOOT = "as in the run before, by the monotonic clock"
    WALL = "by the wall clock"
    SYNCHRONISED = "by the wall clock, which the kernel calls synchronised"
    CONFIRMED = "by the wall clock, which a person has confirmed"
    STILL_IN_DOUBT = "by the wall clock less the step that was in doubt before the machine went down"
    LOG = "from the log's last entry on: the wall clock is behind what gateways had read by then"
    NOTHING = "by a wall clock that cannot be right, for there is nothing else"


class LogClock:
    """Used by one thread at a time. offset_ms: believed UTC less monotonic.

    speed: ms of the clocks in a real one. known: False while the time is only guessed, so that nobody else should be
    told. earliest_ms: a wall clock that shows less is wrong.
    """

    def __init__(
        self, offset_ms: int, at: Instant, speed: float = 1.0, known: bool = True, earliest_ms: int = 0
    ) -> None:
        self.known = known
        self._speed, self._earliest_ms = speed, earliest_ms
        self._offset_ms, self._at_ms = offset_ms, at.mono_ms
        self._stepped_to_ms: int | None = None  # the offset of a wall clock that is not believed
        self._stepped_at_ms = 0  # believed UTC ms when that was seen
        self._synchronised_since_ms: int | None = None

    @property
    def offset_ms(self) -> int:
        return self._offset_ms

    @property
    def step(self) -> Step | None:
        """What is in doubt; None: nothing is."""
        if self._stepped_to_ms is None:
            return None
        return Step(self._stepped_to_ms - self._offset_ms, self._stepped_at_ms)

    def now_ms(self, at: Instant) -> int:
        """The time that is believed, UTC ms. Looks at the wall clock, and follows it while it does not jump."""
        offset_ms, believed_ms = at.offset_ms, at.mono_ms + self._offset_ms
        allowed_ms = STEP_MS * self._speed + _DRIFT * (at.mono_ms - self._at_ms)
        self._at_ms = at.mono_ms
        if abs(offset_ms - self._offset_ms) <= allowed_ms:
            self._offset_ms = offset_ms
            self._stepped_to_ms = self._synchronised_since_ms = None
            return at.wall_ms
        if self._stepped_to_ms is None:
            self._stepped_at_ms = believed_ms
        if self._stepped_to_ms is None or abs(offset_ms - self._stepped_to_ms) > STEP_MS * self._speed:
            self._synchronised_since_ms = None
        self._stepped_to_ms = offset_ms
        return believed_ms

    def confirmed(self, at: Instant, synchronised: bool, readings_ms: Sequence[int] = ()) -> str:
        """Why the wall clock is to be believed from now on; empty: nothing speaks for it, or it is believed.

        synchronised: the kernel says so of the wall clock, now. readings_ms: the newest reading of each gateway that
        has sent any since the start; they count only while the time is guessed, else gateways have it from the cloud.
        """
        self.now_ms(at)
        if self._stepped_to_ms is None and self.known:
            return ""
        if not synchronised:
            self._synchronised_since_ms = None
        elif self._synchronised_since_ms is None:
            self._synchronised_since_ms = at.mono_ms
        since_ms = self._synchronised_since_ms
        if since_ms is not None and at.mono_ms - since_ms >= CONFIRM_MS * self._speed:
            return "the kernel calls the clock synchronised"
        if self.known:
            return ""
        if at.mono_ms + self._offset_ms < self._earliest_ms <= at.wall_ms:
            return "the time before could not be right"
        agree = sum(at.wall_ms - _OLD_MS <= reading_ms <= at.wall_ms + _AHEAD_MS for reading_ms in readings_ms)
        return "gateways' readings agree with the clock" if 2 * agree > len(readings_ms) else ""

    def believe(self, at: Instant) -> None:
        """The wall clock is right."""
        self._offset_ms, self._at_ms, self.known = at.offset_ms, at.mono_ms, True
        self._stepped_to_ms = self._synchronised_since_ms = None

    def trouble(self) -> str:
        """For an operator; empty when there is nothing to say."""
        step = self.step
        if step is None:
            return "" if self.known else "the machine's clock cannot be right, and nothing else tells the time: set it"
        return (
            f"the machine's clock stepped by {said(step.by_ms)} at {iso(step.at_ms // 1000 * 1000)}; not believed: "
            "time runs on without it. Mend its NTP; if it is right now, say so by `headwater-cloud clock confirm`"
        )


def begin(
    at: Instant,
    boot: str,
    remembered: Remembered | None,
    last_ms: int,
    readings_ms: Sequence[int],
    synchronised: bool = False,
    confirmed: bool = False,
    speed: float = 1.0,
    earliest_ms: int = EARLIEST_MS,
) -> tuple[LogClock, Start]:
    """The time at a start, and on what grounds.

    last_ms: *now* of the log's last entry, 0 when it is empty. readings_ms: the newest reading of each gateway of which
    the end of the log holds any. synchronised: by the kernel; confirmed: by a person. earliest_ms: a wall clock that
    shows less is wrong. A log that is ahead of the time given here is to be put right.
    """
    step_ms = STEP_MS * speed
    later = sum(reading_ms > at.wall_ms + step_ms for reading_ms in readings_ms)
    doubted_ms = 0 if remembered is None else remembered.step_ms
    offset_ms, known = at.offset_ms, True
    if synchronised or confirmed:
        start = Start.SYNCHRONISED if synchronised else Start.CONFIRMED
    elif remembered is not None and remembered.boot == boot:
        start, offset_ms, known = Start.SAME_BOOT, remembered.offset_ms, remembered.known
    elif max(at.wall_ms, last_ms) < earliest_ms:
        start, known = Start.NOTHING, False
    elif at.wall_ms < earliest_ms or (last_ms > at.wall_ms + step_ms and 2 * later > len(readings_ms)):
        start, offset_ms, known = Start.LOG, last_ms - at.mono_ms, False
    elif doubted_ms and last_ms - step_ms <= at.wall_ms - doubted_ms <= last_ms + _OUTAGE_MS:
        start, offset_ms = Start.STILL_IN_DOUBT, at.offset_ms - doubted_ms
    else:
        start = Start.WALL
    return LogClock(offset_ms, at, speed, known, earliest_ms), start


def said(span_ms: int) -> str:
    """A span as people say it, with its sign: +8 h, -51 years, +90 s."""
    for name, ms in (("years", 31_557_600_000), ("days", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if abs(span_ms) >= 2 * ms:
            return f"{span_ms / ms:+.1f}".removesuffix(".0") + f" {name}"
    return f"{span_ms / 1000:+.0f} s"
