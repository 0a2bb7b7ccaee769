"""Every condition in columns, a row each, with the findings that it remembers. Pure data.

Levels stand in rows of four, mildest first. Findings stand slot by slot, oldest first: slot `k` of a row is
`time_ms[k, row]`, and `count[row]` slots are in use. Slot by slot, because nearly all conditions are dry and remember
one: memory of slots that were never used is never touched.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from contract.catalogue.rules import Level
from contract.conditions.state import Condition, ConditionState, Doubt, Reason
from contract.conditions.targets import ConditionKey, TargetKind
from contract.readings import Bools, Float64s, Int64s, Uint8s

LEVELS = tuple(Level)
STATES = tuple(ConditionState)
REASONS = tuple(Reason)
DOUBTS = tuple(Doubt)
UNKNOWN, NORMAL, PENDING, ACTIVE, CLEARING = (
    STATES.index(s)
    for s in (
        ConditionState.UNKNOWN,
        ConditionState.NORMAL,
        ConditionState.PENDING,
        ConditionState.ACTIVE,
        ConditionState.CLEARING,
    )
)
NO_LEVEL = -1
NEVER = -(2**62)  # for a time that there is not
NOT_DUE = 2**62
SLOTS = 64  # findings a condition remembers at most


class State(Mapping[ConditionKey, Condition]):
    """Every condition, by key, sorted; each is made of its row when it is asked for.

    listed: the keys, by row. due_ms: when time alone alters each row next.
    gone: as they were, conditions that are watched no longer, or begin anew, of which the next step tells.
    differing: as they were told, conditions that stand otherwise after a rebuild; the next step tells of it.
    changed: rows under another rule than the one that judged them last; the next step judges them anew.
    """

    def __init__(self, keys: Sequence[ConditionKey], now_ms: int = 0) -> None:
        n = len(keys)
        assert all(a < b for a, b in pairwise(keys))
        self.listed = keys
        self.rows = {key: row for row, key in enumerate(keys)}
        self.of_channel: dict[int, list[ConditionKey]] = {}
        for key in keys:
            if key.target.kind is TargetKind.CHANNEL:
                self.of_channel.setdefault(int(key.target.id), []).append(key)
        self.gone: list[Condition] = []
        self.differing: list[Condition] = []
        self.changed: list[int] = []

        self.state: Uint8s = np.full(n, UNKNOWN, np.uint8)
        self.level = np.full(n, NO_LEVEL, np.int8)
        self.reason: Uint8s = np.full(n, REASONS.index(Reason.NEVER_SEEN), np.uint8)
        self.since_ms: Int64s = np.full(n, now_ms, np.int64)
        own = [int(k.target.id) if k.target.kind is TargetKind.CHANNEL else -1 for k in keys]
        self.channel: Int64s = np.array(own, np.int64)
        self.reading_ms: Int64s = np.full(n, NEVER, np.int64)
        self.value: Float64s = np.full(n, np.nan)
        self.unusable: Bools = np.zeros(n, np.bool_)
        self.muted_ms: Int64s = np.full(n, NEVER, np.int64)  # no finding up to then is believed
        self.due_ms: Int64s = np.full(n, NOT_DUE, np.int64)

        # Of each level: since when an episode at or above it lasts, when the level was set, and when the episode that
        # set it began.
        self.above_ms: Int64s = np.full((len(LEVELS), n), NEVER, np.int64)
        self.set_ms: Int64s = np.full((len(LEVELS), n), NEVER, np.int64)
        self.from_ms: Int64s = np.full((len(LEVELS), n), NEVER, np.int64)

        self.count: Int64s = np.zeros(n, np.int64)
        self.time_ms: Int64s = np.zeros((SLOTS, n), np.int64)
        self.found: Float64s = np.zeros((SLOTS, n))
        self.flag: Uint8s = np.zeros((SLOTS, n), np.uint8)
        self.source: Int64s = np.zeros((SLOTS, n), np.int64)  # channels

        self.shown: Float64s = np.full(n, np.nan)
        self.shown_ms: Int64s = np.full(n, NEVER, np.int64)
        self.rise: Float64s = np.full(n, np.nan)  # a minute
        self.doubt: Uint8s = np.zeros(n, np.uint8)
        self.step_value: Float64s = np.full(n, np.nan)  # what it stepped to faster than water; NaN: it did not
        self.base_ms: Int64s = np.full(n, NEVER, np.int64)  # the lowest value of the last hours, and
        self.base_value: Float64s = np.full(n, np.nan)
        self.brisk_ms: Int64s = np.full(n, NEVER, np.int64)  # when it last moved as fast as water does

    def __getitem__(self, key: ConditionKey) -> Condition:
        return self.at(self.rows[key])

    def __iter__(self) -> Iterator[ConditionKey]:
        return iter(self.listed)

    def __len__(self) -> int:
        return len(self.listed)

    def take(self, other: State, rows: Int64s) -> None:
        """These rows as they are in `other`, which has the same keys."""
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray):
                column[..., rows] = getattr(other, name)[..., rows]

    def begin_anew(self, rows: Int64s, now_ms: int) -> None:
        """These rows are as if they had never heard anything, but muted as they are: what is heard from now on comes
        from elsewhere. The next step tells that their levels are watched no longer: it neither holds nor ends them."""
        muted_ms = self.muted_ms[rows]
        self.gone += [self.at(row) for row in rows.tolist() if self.level[row] != NO_LEVEL]
        self.take(State(self.listed, now_ms), rows)
        self.muted_ms[rows], self.due_ms[rows] = muted_ms, now_ms

    def of_channels(self, channels: Collection[int]) -> list[Condition]:
        """The conditions whose target is one of these channels, by channel and rule."""
        return [self[key] for c in sorted(channels) for key in self.of_channel.get(c, ())]

    def at(self, row: int) -> Condition:
        """The condition in this row."""
        return self.all_at(np.array([row], np.int64))[0]

    def all_at(self, rows: Int64s) -> list[Condition]:
        """The conditions in these rows."""
        level = self.level[rows]
        columns = zip(
            rows.tolist(),
            self.channel[rows].tolist(),
            self.state[rows].tolist(),
            level.tolist(),
            self.since_ms[rows].tolist(),
            self.reason[rows].tolist(),
            self.reading_ms[rows].tolist(),
            self.value[rows].tolist(),
            self.unusable[rows].tolist(),
            self.shown[rows].tolist(),
            self.shown_ms[rows].tolist(),
            self.set_ms[level, rows].tolist(),  # of one without a level the highest's, which is not asked for
            self.rise[rows].tolist(),
            self.doubt[rows].tolist(),
            self.muted_ms[rows].tolist(),
            strict=True,
        )
        return [
            Condition(
                self.listed[row],
                None if channel == -1 else channel,
                STATES[state],
                None if of_level == NO_LEVEL else LEVELS[of_level],
                since_ms,
                REASONS[reason],
                None if reading_ms == NEVER else reading_ms,
                number_or_none(value),
                unusable,
                number_or_none(shown),
                None if shown_ms == NEVER else shown_ms,
                None if of_level == NO_LEVEL else set_ms,
                number_or_none(rise),
                DOUBTS[doubt],
                None if muted_ms == NEVER else muted_ms,
            )
            for row, channel, state, of_level, since_ms, reason, reading_ms, value, unusable, shown, shown_ms, set_ms,
            rise, doubt, muted_ms in columns
        ]  # fmt: skip


def number_or_none(value: float) -> float | None:
    """None for NaN."""
    return None if math.isnan(value) else value
