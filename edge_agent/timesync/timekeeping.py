"""What time it is on a gateway: monotonic time plus an offset that only good reasons change. Pure.

A gateway may boot in 1970, or at the hour its battery died; its wall clock may be stepped by a day; its crystal may run
fast. Readings are stamped with monotonic + offset. The offset is taken from the wall clock when that is plausible, and
from the cloud when it answers: the answer's time lies between question and answer, so the error is bounded by the round
trip. Afterwards the wall clock is watched and not followed. What was stamped before the cloud spoke, or has drifted
since, is re-timed from monotonic time, as long as it never left the gateway; so nothing leaves before an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from contract.readings import Int64s
from edge_agent.timesync.now import Now

EARLIEST_MS = 1_704_067_200_000  # 2024-01-01: no gateway runs this program before it
LATEST_MS = EARLIEST_MS + 40 * 365 * 86_400_000
STEP_MS = 2000
_PROVABLE_MS = 1000
_WIDEST_MS = 2000  # an answer that took longer leaves more than 1 s of doubt
_SLEW = 0.05
_ANCHORS_MAX = 500


@dataclass(frozen=True, slots=True)
class Stamp:
    """By what clock readings were stamped. boot: of the machine, empty when that is not known. offset_ms: stamped time
    less monotonic. timed: the clock was believed then."""

    boot: str = ""
    offset_ms: int = 0
    timed: bool = True


@dataclass(slots=True)
class Timekeeper:
    """The gateway's UTC out of monotonic time. Used by one thread.

    boot: of the machine; monotonic times of two boots do not compare. wall_ms, mono_ms: wall clock (UTC) and monotonic
    time when it begins, both at the speed of the clock: ms of a scenario on a scaled one. earliest_ms: a wall clock
    that shows less is not believed. speed: ms of that clock in a real one.
    synchronised: the time is believed. confirmed: the cloud has said it. settled: it has said so well enough since the
    time was last doubted. wall_step_ms: how far the wall clock is off. jumped_ms: sum of the jumps of the gateway's
    time; who keeps times asks whether it changed.
    """

    boot: str
    wall_ms: int
    mono_ms: int
    earliest_ms: int = EARLIEST_MS
    speed: float = 1.0
    confirmed: bool = False
    settled: bool = False
    synchronised: bool = field(init=False)
    wall_step_ms: int = 0
    jumped_ms: int = 0
    _offset_ms: float = field(init=False)
    _target_ms: float = field(init=False)
    _at_ms: int = field(init=False)
    _anchors: list[tuple[int, float]] = field(default_factory=list)
    _bounds: tuple[int, int] | None = None  # of the offset, as the answers since the last doubt allow it

    def __post_init__(self) -> None:
        self._offset_ms = self._target_ms = self.wall_ms - self.mono_ms
        self._at_ms = self.mono_ms
        self.synchronised = self._plausible(self.wall_ms)

    def monotonic_ms(self, now: Now) -> int:
        """Monotonic time at the speed of the clock, ms: what `wall_ms` is measured against."""
        return round(now.monotonic_s * 1000 * self.speed)

    def now_ms(self, wall_ms: int, mono_ms: int) -> int:
        """The gateway's UTC ms. Looks at the wall clock, which it follows only while it knows no better."""
        step_ms = wall_ms - (mono_ms + self._target_ms)
        if not self.synchronised and self._plausible(wall_ms):
            self._jump(wall_ms - mono_ms)
            self.synchronised = True
            self._anchors = [(mono_ms, self._offset_ms)]
        elif self.synchronised:
            self.wall_step_ms = round(step_ms) if abs(step_ms) > STEP_MS else 0
        if self._offset_ms != self._target_ms:
            self._slew(mono_ms)
        self._at_ms = mono_ms
        return round(mono_ms + self._offset_ms)

    def resume(self, offset_ms: int) -> None:
        """What the cloud said in an earlier run of this boot holds, whatever the wall clock shows by now."""
        if not self._plausible(self.mono_ms + offset_ms):
            return
        if abs(offset_ms - self._offset_ms) > STEP_MS:
            self._jump(offset_ms)
        self._target_ms = offset_ms
        self._anchors = [(self.mono_ms, float(offset_ms))]
        self.synchronised = True

    def doubt(self) -> None:
        """The link is new, or the cloud has long been silent: the crystal may have drifted, so it is to be asked."""
        self.settled, self._bounds = False, None

    @property
    def has_answer(self) -> bool:
        """The cloud has said something of the time since the last doubt."""
        return self.settled or self._bounds is not None

    @property
    def offset_ms(self) -> int:
        """UTC less monotonic, as far as is known."""
        return round(self._target_ms)

    @property
    def began_ms(self) -> int:
        """UTC when this keeper began, as far as is known now."""
        return round(self.mono_ms + self._target_ms)

    @property
    def wall_was_off_ms(self) -> int:
        """By how much the wall clock was wrong when this keeper began, as far as is known now."""
        return self.wall_ms - self.began_ms

    def take_answer(self, cloud_ms: int, asked_ms: int, mono_ms: int, patient: bool = False) -> bool:
        """What the cloud says of the time: it was `cloud_ms` (UTC) at some moment between the question and now, of
        monotonic `asked_ms` and `mono_ms`. True when what waits should be re-timed.

        patient: an answer that took too long is kept for what it is worth; a better one may come.
        """
        if asked_ms <= 0 or not asked_ms <= mono_ms or not self._plausible(cloud_ms):
            return False
        low, high = cloud_ms - mono_ms, cloud_ms - asked_ms
        if not self.settled:
            low, high = self._bounds = self._narrowed(low, high)
            # An answer takes real time, which is more of a scenario's.
            if patient and high - low > _WIDEST_MS * self.speed:
                return False
        off_ms = max(low - self._target_ms, self._target_ms - high, 0.0)
        wrong = off_ms > _PROVABLE_MS
        news = wrong or not self.synchronised
        if news:
            middle = (low + high) / 2
            if abs(middle - self._offset_ms) > STEP_MS:
                self._jump(middle)
            self._target_ms = middle
        if not self.confirmed:
            self._anchors = []
        self._anchor(mono_ms, self._target_ms)
        self.confirmed = self.synchronised = self.settled = True
        return news

    def stamp(self) -> Stamp:
        """By what clock readings are stamped now."""
        return Stamp(self.boot, round(self._offset_ms), self.synchronised)

    def retimed(self, time_ms: Int64s, stamp: Stamp) -> Int64s | None:
        """True times (UTC ms) of readings that were stamped `time_ms`, an array; None when they are right already, are
        of another boot, or nobody knows better.

        Between two answers of the cloud the crystal is taken to have drifted evenly.
        """
        if stamp.boot != self.boot or not self._anchors or not len(time_ms):
            return None
        mono = time_ms - stamp.offset_ms
        at, offset = np.array(self._anchors, np.float64).T
        right: Int64s = np.rint(mono + np.interp(mono, at, offset)).astype(np.int64)
        if stamp.timed and int(np.abs(right - time_ms).max()) <= _PROVABLE_MS:
            return None
        return right

    def trouble(self) -> str:
        """For an operator; empty when there is nothing to say."""
        if not self.synchronised:
            return "not synchronised: readings wait until the cloud says the time"
        if self.wall_step_ms:
            return f"the wall clock is {self.wall_step_ms / 1000:+.1f} s off and is not followed: mend its NTP"
        return ""

    def _narrowed(self, low: int, high: int) -> tuple[int, int]:
        """What this answer and those before it allow; if they cannot all be right, this one."""
        if self._bounds is None:
            return low, high
        both = max(low, self._bounds[0]), min(high, self._bounds[1])
        return both if both[0] <= both[1] else (low, high)

    def _plausible(self, ms: int) -> bool:
        return self.earliest_ms <= ms <= LATEST_MS

    def _jump(self, offset_ms: float) -> None:
        self.jumped_ms += round(offset_ms - self._offset_ms)
        self._offset_ms = self._target_ms = offset_ms

    def _slew(self, mono_ms: int) -> None:
        """Small corrections are spread out, so that no two readings of a second get one stamp."""
        room = max(mono_ms - self._at_ms, 0) * _SLEW
        self._offset_ms += min(max(self._target_ms - self._offset_ms, -room), room)

    def _anchor(self, mono_ms: int, offset_ms: float) -> None:
        if len(self._anchors) > 1 and self._anchors[-1][1] == self._anchors[-2][1] == offset_ms:
            self._anchors.pop()
        self._anchors.append((mono_ms, offset_ms))
        if len(self._anchors) > _ANCHORS_MAX:
            del self._anchors[: _ANCHORS_MAX // 2]
