"""What an alarm means: levels with hysteresis, delays and *unknown*, of one rule on one target. Pure.

Detectors give findings: values of targets, in time. What follows of them is the same for every detector. Every level
of a rule is a latch. It sets when the value has stood at or above its threshold for `on_delay_s`; it
resets when findings have stood below threshold less hysteresis for `off_delay_s`, and it has been set for
`min_hold_s`. Setting may happen by time alone, because report by exception says nothing while nothing changes;
resetting needs a finding that says so: silence never clears.

A target without a usable finding for `stale_after_s` is UNKNOWN: its latches hold as they are. One that was never
heard is UNKNOWN from the beginning, not normal. A finding that is older than the condition's last, or comes later than
`stale_after_s`, is history: it moves nothing, and is reported as late if it reached a level. A year of calm history
costs a comparison of arrays.

A step costs what its findings cost, and those conditions whose moment has come: however many others there are.
Changes come in the order of the findings' times, and then, for what time alone did, by target and rule.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from contract.catalogue.rules import Level, Rule
from contract.conditions.deadlines import Deadlines
from contract.conditions.findings import Findings
from contract.conditions.state import Change, ConditionState, Late, Reason
from contract.conditions.targets import ConditionKey, Target, TargetKind
from contract.readings import Bools, Flag, Float64s, Int64s, ReadingBatch


@dataclass(slots=True)
class Latch:
    """One level of a condition. Times are UTC milliseconds."""

    above_ms: int | None = None  # since when at or above the threshold
    below_ms: int | None = None  # since when below the clear value
    set_ms: int | None = None  # when it set; None: not set


@dataclass(slots=True)
class Condition:
    """One rule on one target, as it stands.

    channel: whose reading the last usable finding rests on; None when there was none and the target is no channel.
    reading_ms, value, suspect: of that finding. Times are UTC milliseconds, the value is in the detector's unit.
    """

    key: ConditionKey
    channel: int | None = None
    state: ConditionState = ConditionState.UNKNOWN
    level: Level | None = None
    since_ms: int = 0
    reason: Reason = Reason.NEVER_SEEN
    reading_ms: int | None = None
    value: float | None = None
    suspect: bool = False
    unusable: bool = False  # something came since the last usable reading, and it was of no use
    latches: dict[Level, Latch] = field(default_factory=dict)


class State(dict[ConditionKey, Condition]):
    """Every condition, by key. moved: those that the last step may have altered, each once."""

    __slots__ = ("due", "moved", "of_channel")

    def __init__(self, conditions: Iterable[Condition] = ()) -> None:
        super().__init__((c.key, c) for c in conditions)
        self.moved: list[ConditionKey] = []
        self.of_channel: dict[int, list[ConditionKey]] = {}
        for key in self:
            if key.target.kind is TargetKind.CHANNEL:
                self.of_channel.setdefault(int(key.target.id), []).append(key)
        self.due: Deadlines | None = None  # follows from the conditions and the rules; made by the first step

    def of_channels(self, channels: Collection[int]) -> list[Condition]:
        """The conditions whose target is one of these channels, by channel and rule."""
        return [self[key] for c in sorted(channels) for key in self.of_channel.get(c, ())]


class Conditions:
    """The rules that watch a set of targets, each by the key of its condition.

    keys: sorted; a finding's `condition` is a place in them.
    """

    def __init__(self, rules: Mapping[ConditionKey, Rule]) -> None:
        self.keys: Sequence[ConditionKey] = sorted(rules)
        self._rules = {key: rules[key] for key in self.keys}
        self._levels = {key: sorted(r.levels.items(), key=lambda item: item[1]) for key, r in self._rules.items()}
        # Below this a value is below the clear value of every level.
        self._dry_below = {key: self._levels[key][0][1] - r.hysteresis for key, r in self._rules.items()}
        self._stale_ms = np.array([r.stale_after_s * 1000 for r in self._rules.values()])
        self._lowest = np.array([min(r.levels.values(), default=math.inf) for r in self._rules.values()])

    def initial(self, now_ms: int = 0) -> State:
        """All of them unknown, never seen."""
        return State(
            Condition(
                key,
                int(key.target.id) if key.target.kind is TargetKind.CHANNEL else None,
                since_ms=now_ms,
                latches={level: Latch() for level, _ in levels},
            )
            for key, levels in self._levels.items()
        )

    def step(self, state: State, found: Findings, now_ms: int) -> tuple[State, list[Change], list[Late]]:
        """The conditions after some findings (none: after time alone). `state` is consumed.

        now_ms: of the step, UTC; never earlier than that of the step before.
        """
        changes: list[Change] = []
        late: list[Late] = []
        if state.due is None:
            state.due = Deadlines((place, self._next_ms(state[key])) for place, key in enumerate(self.keys))
        moved: set[int] = set()
        if len(found):
            stale_ms, lowest = self._stale_ms[found.condition], self._lowest[found.condition]
            found = found.take(~calm_history(found, now_ms, stale_ms, lowest))
            order = np.argsort(found.time_ms, kind="stable")
            columns = (found.time_ms, found.condition, found.channel, found.value, found.flag)
            for t, place, channel, v, flag in zip(*(c[order].tolist() for c in columns), strict=True):
                note = self._finding(state[self.keys[place]], t, channel, v, flag, now_ms, changes)
                if note is not None:
                    late.append(note)
                moved.add(place)
        for place in moved:
            state.due.set(place, self._next_ms(state[self.keys[place]]))
        for place in state.due.due(now_ms):
            moved.add(place)
            condition = state[self.keys[place]]
            self._time(condition, now_ms, now_ms, changes)
            state.due.set(place, self._next_ms(condition))
        state.moved = [self.keys[place] for place in sorted(moved)]
        return state, changes, late

    # --- one condition ---

    def _finding(
        self, c: Condition, t: int, channel: int, v: float, flag: int, now_ms: int, out: list[Change]
    ) -> Late | None:
        rule = self._rules[c.key]
        too_late = now_ms - t > rule.stale_after_s * 1000
        if too_late or (c.reading_ms is not None and t < c.reading_ms):
            reached = self._reached(c.key, v)
            return None if reached is None else Late(c.key, channel, t, now_ms, v, reached)
        if math.isnan(v) or flag in (Flag.FAIL, Flag.MISSING):
            c.unusable = True
            return None
        if c.reading_ms is not None:
            self._time(c, t, now_ms, out)  # what became due between the last reading and this one
        heard_again = c.state is ConditionState.UNKNOWN
        was_dry = c.state is ConditionState.NORMAL and c.value is not None and c.value < self._dry_below[c.key]
        c.channel, c.reading_ms, c.value, c.suspect, c.unusable = channel, t, v, flag == Flag.SUSPECT, False
        if was_dry and v < self._dry_below[c.key]:
            return None  # dry it was, and dry it is: every latch stands as it stood
        for level, threshold in self._levels[c.key]:
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
        rule = self._rules[c.key]
        stale_ms = c.reading_ms + int(rule.stale_after_s * 1000)
        if c.state is ConditionState.NORMAL and until_ms <= stale_ms:
            return  # no latch waits
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
        rule = self._rules[c.key]
        stale_ms = c.reading_ms + int(rule.stale_after_s * 1000)
        if c.state is ConditionState.NORMAL:
            return stale_ms + 1
        waiting = (x.above_ms for x in c.latches.values() if x.set_ms is None and x.above_ms is not None)
        on_ms = min((above_ms + int(rule.on_delay_s * 1000) for above_ms in waiting), default=stale_ms + 1)
        return min(on_ms, stale_ms + 1)

    def _settle(self, c: Condition, now_ms: int, reason: Reason | None, out: list[Change]) -> None:
        """State and level from the latches."""
        held = [level for level, _ in self._levels[c.key] if c.latches[level].set_ms is not None]
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
        out.append(Change(c.key, c.channel, now_ms, state, level, c.state, c.level, reason, c.value))
        c.state, c.level, c.reason, c.since_ms = state, level, reason, now_ms

    def _reached(self, key: ConditionKey, v: float) -> Level | None:
        reached = [level for level, threshold in self._levels[key] if v >= threshold]
        return reached[-1] if reached else None


def calm_history(found: Findings | ReadingBatch, now_ms: int | Int64s, stale_ms: Float64s, lowest: Float64s) -> Bools:
    """Which findings, or readings, move nothing and are not worth a note: too old, and below every level.

    Everything is of shape (n,), or one number for all: when each came, after how long it counts as history, and the
    lowest level that it might have reached.
    """
    return np.asarray((now_ms - found.time_ms > stale_ms) & ~(found.value >= lowest))


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
        "rule": c.key.rule,
        "target": c.key.target.text,
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
    """What `to_json` gave; of a release that had one rule a channel and did not store which, with an empty rule.

    Raises LookupError, ValueError or TypeError on anything else.
    """
    level = row["level"]
    target = Target.parse(row["target"]) if "target" in row else Target.of_channel(row["channel"])
    return Condition(
        key=ConditionKey(target, row.get("rule", "")),
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
    return State(from_json(row) for row in data)
