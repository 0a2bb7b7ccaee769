"""What an alarm means: threshold rules on channels, with hysteresis, delays and *unknown*. Pure.

Every level of a rule is a latch. It sets when the value has stood at or above its threshold for `on_delay_s`; it
resets when readings have stood below threshold less hysteresis for `off_delay_s`, and it has been set for
`min_hold_s`. Setting may happen by time alone, because report by exception says nothing while nothing changes;
resetting needs a reading that says so: silence never clears.

A channel without a usable reading for `stale_after_s` is UNKNOWN: its latches hold as they are. One that was never
heard is UNKNOWN from the beginning, not normal. A reading that is older than the channel's last, or comes later than
`stale_after_s`, is history: it moves nothing, and is reported as late if it reached a level. A year of calm history
costs a comparison of arrays.

A step costs what its readings cost, and those conditions whose moment has come: however many others there are.
Changes come in the order of the readings' times, and then, for what time alone did, by channel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from contract.catalogue.rules import Level, Rule
from contract.conditions.deadlines import Deadlines
from contract.conditions.state import Change, ConditionState, Late, Reason
from contract.readings import Bools, Flag, Int64s, ReadingBatch


@dataclass(slots=True)
class Latch:
    above_ms: int | None = None  # since when at or above the threshold
    below_ms: int | None = None  # since when below the clear value
    set_ms: int | None = None  # when it set; None: not set


@dataclass(slots=True)
class Condition:
    """One rule on one channel, as it stands."""

    channel: int
    state: ConditionState = ConditionState.UNKNOWN
    level: Level | None = None
    since_ms: int = 0
    reason: Reason = Reason.NEVER_SEEN
    reading_ms: int | None = None
    value: float | None = None
    suspect: bool = False
    unusable: bool = False  # something came since the last usable reading, and it was of no use
    latches: dict[Level, Latch] = field(default_factory=dict)


class State(dict[int, Condition]):
    """Every condition, by channel. moved: the channels whose condition the last step may have altered."""

    __slots__ = ("due", "moved")

    def __init__(self, conditions: Mapping[int, Condition] | None = None) -> None:
        super().__init__(conditions or {})
        self.moved: set[int] = set()
        self.due: Deadlines | None = None  # follows from the conditions and the rules; made by the first step


class Conditions:
    """The rules that watch a set of channels."""

    def __init__(self, rules: Mapping[int, Rule]) -> None:
        self._rules = dict(rules)
        self._watched = np.array(sorted(rules), np.uint32)
        self._levels = {c: sorted(r.levels.items(), key=lambda item: item[1]) for c, r in rules.items()}
        # by place in _watched
        self._stale_ms = np.array([self._rules[c].stale_after_s * 1000 for c in self._watched.tolist()])
        self._lowest = np.array([min(self._rules[c].levels.values(), default=math.inf) for c in self._watched.tolist()])

    def initial(self, now_ms: int = 0) -> State:
        return State(
            {
                c: Condition(c, since_ms=now_ms, latches={level: Latch() for level, _ in self._levels[c]})
                for c in sorted(self._rules)
            }
        )

    def heeded(self, batch: ReadingBatch, now_ms: int | Int64s) -> Bools:
        """Which readings a step looks at: of channels that a rule watches, and not calm history. now_ms: of the step,
        or for each reading that of its own step. Leaving the others out beforehand alters nothing."""
        if not len(self._watched):
            return np.zeros(len(batch), np.bool_)
        nearest = np.minimum(np.searchsorted(self._watched, batch.channel), len(self._watched) - 1)
        calm_history = (now_ms - batch.time_ms > self._stale_ms[nearest]) & ~(batch.value >= self._lowest[nearest])
        return np.asarray((self._watched[nearest] == batch.channel) & ~calm_history)

    def step(self, state: State, batch: ReadingBatch, now_ms: int) -> tuple[State, list[Change], list[Late]]:
        """The conditions after a batch (an empty one: after time alone). `state` is consumed."""
        changes: list[Change] = []
        late: list[Late] = []
        if state.due is None:
            state.due = Deadlines((c.channel, self._next_ms(c)) for c in state.values())
        state.moved = set()
        if len(batch):
            mine = batch.take(self.heeded(batch, now_ms))
            order = np.argsort(mine.time_ms, kind="stable")
            columns = (mine.time_ms[order], mine.channel[order], mine.value[order], mine.flag[order])
            for t, channel, v, flag in zip(*(c.tolist() for c in columns), strict=True):
                note = self._reading(state[channel], t, v, flag, now_ms, changes)
                if note is not None:
                    late.append(note)
                state.moved.add(channel)
        for channel in state.moved:
            state.due.set(channel, self._next_ms(state[channel]))
        for channel in state.due.due(now_ms):
            state.moved.add(channel)
            self._time(state[channel], now_ms, now_ms, changes)
            state.due.set(channel, self._next_ms(state[channel]))
        return state, changes, late

    # --- one condition ---

    def _reading(self, c: Condition, t: int, v: float, flag: int, now_ms: int, out: list[Change]) -> Late | None:
        rule = self._rules[c.channel]
        too_late = now_ms - t > rule.stale_after_s * 1000
        if too_late or (c.reading_ms is not None and t < c.reading_ms):
            reached = self._reached(c.channel, v)
            return None if reached is None else Late(c.channel, t, now_ms, v, reached)
        if math.isnan(v) or flag in (Flag.FAIL, Flag.MISSING):
            c.unusable = True
            return None
        if c.reading_ms is not None:
            self._time(c, t, now_ms, out)  # what became due between the last reading and this one
        heard_again = c.state is ConditionState.UNKNOWN
        c.reading_ms, c.value, c.suspect, c.unusable = t, v, flag == Flag.SUSPECT, False
        for level, threshold in self._levels[c.channel]:
            latch = c.latches[level]
            if heard_again:  # the silence between says nothing: every delay begins anew
                latch.above_ms = latch.below_ms = None
            if v >= threshold:
                latch.above_ms = t if latch.above_ms is None else latch.above_ms
            else:
                latch.above_ms = None
            if v >= threshold - rule.hysteresis:
                latch.below_ms = None
            else:
                latch.below_ms = t if latch.below_ms is None else latch.below_ms
                self._maybe_reset(latch, rule, t)
            if latch.set_ms is None and latch.above_ms is not None and rule.on_delay_s == 0:
                latch.set_ms = now_ms
        self._settle(c, now_ms, Reason.HEARD_AGAIN if heard_again else None, out)
        return None

    def _maybe_reset(self, latch: Latch, rule: Rule, t: int) -> None:
        if (
            latch.set_ms is not None
            and latch.below_ms is not None
            and t - latch.below_ms >= rule.off_delay_s * 1000
            and t - latch.set_ms >= rule.min_hold_s * 1000
        ):
            latch.set_ms = None

    def _time(self, c: Condition, until_ms: int, now_ms: int, out: list[Change]) -> None:
        """Let time pass until until_ms, without a reading."""
        if c.state is ConditionState.UNKNOWN or c.reading_ms is None:
            return
        rule = self._rules[c.channel]
        stale_ms = c.reading_ms + int(rule.stale_after_s * 1000)
        for latch in c.latches.values():
            if latch.set_ms is None and latch.above_ms is not None:
                due_ms = latch.above_ms + int(rule.on_delay_s * 1000)
                if due_ms <= min(until_ms, stale_ms):
                    latch.set_ms = now_ms
        self._settle(c, now_ms, None, out)
        if until_ms > stale_ms:
            reason = Reason.UNUSABLE if c.unusable else Reason.SILENT
            self._become(c, ConditionState.UNKNOWN, c.level, reason, now_ms, out)

    def _next_ms(self, c: Condition) -> int | None:
        """When time alone next alters the condition, if no reading comes; None: never."""
        if c.state is ConditionState.UNKNOWN or c.reading_ms is None:
            return None
        rule = self._rules[c.channel]
        stale_ms = c.reading_ms + int(rule.stale_after_s * 1000)
        waiting = (x.above_ms for x in c.latches.values() if x.set_ms is None and x.above_ms is not None)
        on_ms = min((above_ms + int(rule.on_delay_s * 1000) for above_ms in waiting), default=stale_ms + 1)
        return min(on_ms, stale_ms + 1)

    def _settle(self, c: Condition, now_ms: int, reason: Reason | None, out: list[Change]) -> None:
        """State and level from the latches."""
        held = [level for level, _ in self._levels[c.channel] if c.latches[level].set_ms is not None]
        level = held[-1] if held else None
        if level is not None:
            clearing = c.latches[level].below_ms is not None
            state = ConditionState.CLEARING if clearing else ConditionState.ACTIVE
        elif any(latch.above_ms is not None for latch in c.latches.values()):
            state = ConditionState.PENDING
        else:
            state = ConditionState.NORMAL
        if (state, level) != (c.state, c.level):
            self._become(c, state, level, reason or _reason(c, state, level), now_ms, out)

    def _become(
        self, c: Condition, state: ConditionState, level: Level | None, reason: Reason, now_ms: int, out: list[Change]
    ) -> None:
        out.append(Change(c.channel, now_ms, state, level, c.state, c.level, reason, c.value))
        c.state, c.level, c.reason, c.since_ms = state, level, reason, now_ms

    def _reached(self, channel: int, v: float) -> Level | None:
        reached = [level for level, threshold in self._levels[channel] if v >= threshold]
        return reached[-1] if reached else None


def _reason(c: Condition, state: ConditionState, level: Level | None) -> Reason:
    if level is not None and (c.level is None or level.rank > c.level.rank):
        return Reason.ON_DELAY_OVER
    if (level is None and c.level is not None) or (
        level is not None and c.level is not None and level.rank < c.level.rank
    ):
        return Reason.OFF_DELAY_OVER
    if state is ConditionState.ACTIVE:
        return Reason.ROSE_AGAIN
    return Reason.ROSE_ABOVE if state is ConditionState.PENDING else Reason.FELL_BELOW


def to_json(c: Condition) -> dict[str, Any]:
    """By hand: dataclasses.asdict takes five times as long, and this runs for every reading."""
    return {
        "channel": c.channel,
        "state": c.state.value,
        "level": c.level.value if c.level else None,
        "since_ms": c.since_ms,
        "reason": c.reason.value,
        "reading_ms": c.reading_ms,
        "value": c.value,
        "suspect": c.suspect,
        "unusable": c.unusable,
        "latches": {
            level.value: {"above_ms": x.above_ms, "below_ms": x.below_ms, "set_ms": x.set_ms}
            for level, x in c.latches.items()
        },
    }


def from_json(row: Mapping[str, Any]) -> Condition:
    """What `to_json` gave."""
    level = row["level"]
    return Condition(
        channel=row["channel"],
        state=ConditionState(row["state"]),
        level=None if level is None else Level(level),
        since_ms=row["since_ms"],
        reason=Reason(row["reason"]),
        reading_ms=row["reading_ms"],
        value=row["value"],
        suspect=row["suspect"],
        unusable=row["unusable"],
        latches={Level(k): Latch(**v) for k, v in row["latches"].items()},
    )


def dump(state: State) -> list[dict[str, Any]]:
    """For JSON."""
    return [to_json(c) for c in state.values()]


def restore(data: Sequence[Mapping[str, Any]]) -> State:
    """What `dump` gave."""
    return State({row["channel"]: from_json(row) for row in data})
