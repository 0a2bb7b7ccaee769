"""What an alarm means: levels raised on evidence, held through silence, ended by dry readings alone. Pure.

Detectors give findings: values of targets, in time. What follows of them is the same for every detector:

- A finding stands until the next one: report by exception says nothing while nothing changes.
- Conditions are judged once for each entry of the log, when all its findings are in, and when time alone is due.
- An **episode** of a level begins with a finding at or above its threshold. It ends when less than two fifths of the
  last `on_delay_s` (at least four periods of the channel) stood at or above: no one dip ends it, a suspect one never.
- A level is **set** when its episode has lasted for `on_delay_s`, at least two fifths of it at or above, on two usable
  findings at or above, or on one that is not suspect and stood unchallenged for two periods; the newest finding is at
  or above and young (half of `stale_after_s`).
- A level is **reset** by a finding below threshold less hysteresis, when all of `off_delay_s` is known and nine tenths
  of it were below, on two findings of which half are not suspect, and `min_hold_s` is over. Silence never resets.
- A finding that comes again with a worse flag is **corrected**: a level that rested on it alone is taken back.
- **Silent** for `stale_after_s`, or **muted**: UNKNOWN, and the levels hold as they are. Never heard is UNKNOWN, too.
- What comes later than `stale_after_s`, or as older than what is remembered, is **history**: it moves nothing, and is
  reported as late if it reached a level.
- What one entry brings **denser** than a sensor measures is thinned first, see `contract.conditions.dense`.
- **Another rule** judges what is held anew, see `contract.conditions.reconciling`.

Conditions are columns; a step judges all that it touches at once, round by round: in each round every condition takes
its next entry. Results are the same however entries are grouped into steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from contract.catalogue.rules import Rule
from contract.conditions import dense, doubts, judging, memory
from contract.conditions.columns import (
    LEVELS,
    NO_LEVEL,
    NORMAL,
    NOT_DUE,
    REASONS,
    STATES,
    UNKNOWN,
    State,
)
from contract.conditions.findings import Findings
from contract.conditions.limits import Limits, Watched
from contract.conditions.state import Change, Condition, ConditionState, Late, Reason
from contract.conditions.taking_in import Taken, take_in, usable
from contract.conditions.targets import ConditionKey
from contract.readings import Bools, Float64s, Int64s, ReadingBatch, Uint8s

__all__ = ["Condition", "Conditions", "Outcome", "State", "Watched", "calm_history"]

_OF = {reason: REASONS.index(reason) for reason in Reason}


@dataclass(slots=True)
class Outcome:
    """What some entries brought, each with the place of its entry; by entry, then by moment, then by condition.

    stands: conditions that hold a level or changed, as they stand after that entry.
    """

    changes: list[tuple[int, Change]] = field(default_factory=list)
    late: list[tuple[int, Late]] = field(default_factory=list)
    stands: list[tuple[int, Condition]] = field(default_factory=list)


class Conditions:
    """The rules that watch a set of targets, each by the key of its condition.

    keys: sorted; a finding's `condition` is a place in them.
    """

    def __init__(self, rules: Mapping[ConditionKey, Rule | Watched]) -> None:
        self.keys: Sequence[ConditionKey] = sorted(rules)
        self.watched = {k: w if isinstance(w, Watched) else Watched(w) for k, w in rules.items()}
        self.limits = Limits.of(self.keys, self.watched)

    def initial(self, now_ms: int = 0) -> State:
        """All of them unknown, never seen."""
        return State(self.keys, now_ms)

    def step(self, state: State, found: Findings, now_ms: int) -> tuple[State, list[Change], list[Late]]:
        """The conditions after one entry (without findings: after time alone). `state` is consumed.

        now_ms: of the entry, UTC; never earlier than that of the one before.
        """
        entry = np.zeros(len(found), np.int64)
        state, out = self.steps(state, found, entry, np.array([now_ms], np.int64))
        return state, [c for _, c in out.changes], [n for _, n in out.late]

    def steps(self, state: State, found: Findings, entry: Int64s, now_ms: Int64s) -> tuple[State, Outcome]:
        """The conditions after some entries. `state` is consumed.

        entry: shape (n,), the place of the entry that each finding came with, rising. now_ms: shape (e,), of each.
        """
        out = Outcome()
        if not len(now_ms):
            return state, out
        sheet = _Sheet(state)
        for c in state.gone:
            gone = (c.key, c.channel, int(now_ms[0]), ConditionState.UNKNOWN, None, c.state, c.level)
            out.changes.append((0, Change(*gone, Reason.NO_LONGER_WATCHED, c.value)))
            if c.key in state.rows:  # what watches there now begins anew
                out.stands.append((0, state[c.key]))
        state.gone.clear()
        for was in state.differing:
            row = state.rows[was.key]
            state.reason[row], state.since_ms[row] = _OF[Reason.THRESHOLDS_CHANGED], now_ms[0]
            c = state.at(row)
            is_now = (int(now_ms[0]), c.state, c.level, was.state, was.level)
            out.changes.append((0, Change(c.key, c.channel, *is_now, Reason.THRESHOLDS_CHANGED, c.value)))
            out.stands.append((0, c))
        state.differing.clear()
        if len(found):
            late = calm_history(
                found, now_ms[entry], self.limits.stale_ms[found.condition], self.limits.lowest[found.condition]
            )
            if late.any():
                found, entry = found.take(~late), entry[~late]
        groups = _Groups(found, entry)
        rows = groups.rows
        due = state.due_ms <= now_ms[-1]
        due[rows] = False
        waiting = np.flatnonzero(due)
        rows = np.concatenate([rows, waiting]) if len(waiting) else rows
        group = np.concatenate([groups.first, np.full(len(waiting), -1)]) if len(waiting) else groups.first
        last = np.full(len(rows), -1)
        end = len(now_ms)
        while len(rows):
            at = np.searchsorted(now_ms, state.due_ms[rows])
            at = np.maximum(at, last + 1)
            comes = np.where(group >= 0, groups.entry[group], end) if groups.count else np.full(len(rows), end)
            now = np.minimum(at, comes)
            on = now < end
            if not on.all():
                rows, group, comes, now = rows[on], group[on], comes[on], now[on]
                if not len(rows):
                    break
            hit = (group >= 0) & (comes == now)
            self._round(state, found, groups, rows, group, hit, now, now_ms, sheet)
            last = now
            if groups.count:
                group = np.where(hit, groups.after(group), group)
        sheet.results(out)
        return state, out

    def mute(self, state: State, rows: Sequence[int], until_ms: int, now_ms: int) -> list[Change]:
        """Believe no finding of these conditions up to a time: unknown, never dry. A time not after now ends a mute."""
        changes = []
        at = np.array(sorted(rows), np.int64)
        state.muted_ms[at] = np.minimum(state.muted_ms[at], now_ms) if until_ms <= now_ms else until_ms
        if until_ms <= now_ms:
            return []
        memory.forget(state, at)
        for row in at.tolist():
            before = state.at(row)
            if before.state is not ConditionState.UNKNOWN or before.reason is not Reason.MUTED:
                state.state[row], state.reason[row], state.since_ms[row] = UNKNOWN, _OF[Reason.MUTED], now_ms
                is_now = (now_ms, ConditionState.UNKNOWN, before.level, before.state, before.level)
                changes.append(Change(before.key, before.channel, *is_now, Reason.MUTED, before.value))
            state.due_ms[row] = NOT_DUE
        return changes

    # --- a round ---

    def _round(
        self,
        state: State,
        found: Findings,
        groups: _Groups,
        rows: Int64s,
        group: Int64s,
        hit: Bools,
        entry: Int64s,
        now_ms: Int64s,
        sheet: _Sheet,
    ) -> None:
        """Each of these rows takes its next entry: its findings, where it has any there, or time alone."""
        limits = self.limits
        now = now_ms[entry]
        moment = state.due_ms[rows]
        if hit.any():
            first = groups.start[group]
            size = np.where(hit, groups.size[group], 0)
            easy = hit & (size == 1)
            if easy.any():
                easy[easy] = self._still_dry(state, found, rows[easy], groups.order[first[easy]], now[easy])
                if easy.all():
                    return
                if easy.any():
                    rest = ~easy
                    rows, hit, entry, now, moment = rows[rest], hit[rest], entry[rest], now[rest], moment[rest]
                    first, size = first[rest], size[rest]
            taken, order = Taken(), groups.order
            if size.max(initial=0) > dense.MOST:
                order, first, size = dense.thinned(state, limits, found, rows, order, first, size)
            for k in range(int(size.max(initial=0))):
                some = size > k
                take_in(state, limits, found, order[first[some] + k], now[some], taken)
            newest = order[np.maximum(first + size - 1, 0)] if len(found) else first
            moment = np.where(size > 0, found.time_ms[newest], moment)
            sheet.late += [(int(entry_of), place, note) for entry_of, place, note in groups.of_late(taken.late)]
        else:
            taken = Taken()
        self._judge(state, rows, entry, now, moment, taken, sheet)

    def _still_dry(self, state: State, found: Findings, rows: Int64s, places: Int64s, now: Int64s) -> Bools:
        """Rows that were dry and are dry now, taken in at once: every level stands as it stood."""
        limits = self.limits
        time_ms, value = found.time_ms[places], found.value[places]
        before_ms = state.reading_ms[rows]
        dry = (state.state[rows] == NORMAL) & (value < limits.dry_below[rows]) & (time_ms > before_ms)
        dry &= (state.value[rows] < limits.dry_below[rows]) & (time_ms - before_ms <= limits.stale_ms[rows])
        dry &= (now - time_ms <= limits.stale_ms[rows]) & (state.due_ms[rows] > before_ms + limits.stale_ms[rows])
        dry &= usable(value, found.flag[places]) & (time_ms > state.muted_ms[rows])
        if not dry.all():
            rows, places, time_ms, value = rows[dry], places[dry], time_ms[dry], value[dry]
            if not len(rows):
                return np.asarray(dry)
        water = limits.water[rows]
        doubts.note_pace(state, rows[water], time_ms[water], value[water])
        channel = found.channel[places]
        state.count[rows] = 1
        state.time_ms[0, rows], state.found[0, rows] = time_ms, value
        state.flag[0, rows], state.source[0, rows] = found.flag[places], channel
        state.channel[rows], state.reading_ms[rows], state.value[rows] = channel, time_ms, value
        state.shown[rows], state.shown_ms[rows] = value, time_ms
        state.unusable[rows] = False
        state.due_ms[rows] = time_ms + limits.stale_ms[rows] + 1
        return np.asarray(dry)

    def _judge(
        self, state: State, rows: Int64s, entry: Int64s, now: Int64s, moment: Int64s, taken: Taken, sheet: _Sheet
    ) -> None:
        limits = self.limits
        before, level_before = state.state[rows], state.level[rows]
        reason = np.full(len(rows), _OF[Reason.SILENT], np.uint8)
        fresh = _among(rows, taken.fresh)
        again = _among(rows, set(state.changed))
        anew = again | _among(rows, {*taken.corrected, *taken.filled})
        if anew.any():
            memory.replay_episodes(state, limits, rows[anew])
        heard = (before != UNKNOWN) | fresh
        live = heard & (now - state.reading_ms[rows] <= limits.stale_ms[rows]) & (state.count[rows] > 0)
        at = np.flatnonzero(live)
        if len(at):
            mine, then = rows[at], now[at]
            memory.end_episodes(state, limits, mine, then)
            corrected = np.zeros(len(rows), np.bool_)
            if taken.corrected:
                told = np.flatnonzero(_among(mine, taken.corrected.keys()))
                levels = [taken.corrected[row] for row in mine[told].tolist()]
                corrected[at[told]] = judging.take_back(state, limits, mine[told], levels)
            judging.set_levels(state, limits, mine, then)
            if fresh.any():
                judging.reset_levels(state, limits, mine[fresh[at]])
            reason[at] = judging.settle(state, limits, mine, then)
            judging.show(state, limits, mine, then)
            lower = state.level[rows] < level_before
            reason[corrected & lower] = _OF[Reason.CORRECTED]
            reason[again & live & (state.level[rows] != level_before)] = _OF[Reason.THRESHOLDS_CHANGED]
        unheard = again & ~live
        if unheard.any():
            state.level[rows[unheard]] = judging.highest(state, rows[unheard])
            reason[unheard] = _OF[Reason.THRESHOLDS_CHANGED]
        lost = heard & ~live & ~again
        state.state[rows[heard & ~live]] = UNKNOWN
        if lost.any():
            gone = rows[lost]
            reason[lost] = np.where(state.unusable[gone], _OF[Reason.UNUSABLE], _OF[Reason.SILENT])
        state.due_ms[rows] = judging.next_due(state, limits, rows, now)
        if again.any():
            told_of = set(rows[again].tolist())
            state.changed[:] = [row for row in state.changed if row not in told_of]
        moved = (state.state[rows] != before) | (state.level[rows] != level_before)
        if moved.any():
            changed = rows[moved]
            state.reason[changed], state.since_ms[changed] = reason[moved], now[moved]
        sheet.add(rows, entry, now, moment, moved, before, level_before)


class _Groups:
    """The findings of each row and entry, together; by row, then by entry, then by time."""

    def __init__(self, found: Findings, entry: Int64s) -> None:
        self._entry_of = entry
        self.count = 0
        if len(found):
            self.order = np.lexsort((found.time_ms, entry, found.condition))
            row, of = found.condition[self.order], entry[self.order]
            new_row = np.diff(row, prepend=-1) != 0
            new = new_row | (np.diff(of, prepend=-1) != 0)
            self.start = np.flatnonzero(new)
            self.count = len(self.start)
            self.size = np.diff(np.append(self.start, len(row)))
            self.entry, of_group = of[self.start], row[self.start]
            self._last = np.append(np.diff(of_group) != 0, True)
            self.first = np.flatnonzero(new_row[self.start])
            self.rows = of_group[self.first]
        else:
            empty = np.empty(0, np.int64)
            self.order = self.start = self.size = self.entry = self.first = self.rows = empty
            self._last = np.empty(0, np.bool_)

    def after(self, group: Int64s) -> Int64s:
        """The next group of the same row; -1: there is none."""
        return np.where((group < 0) | self._last[group], -1, group + 1)

    def of_late(self, late: Iterable[tuple[int, Late]]) -> Iterable[tuple[int, int, Late]]:
        """With the entry that each came with."""
        return ((int(self._entry_of[place]), place, note) for place, note in late)


class _Sheet:
    """What happened in all rounds, to be put in order."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._changes: list[tuple[int, int, int, Change]] = []
        self._stands: list[tuple[int, int, int, Condition]] = []
        self.late: list[tuple[int, int, Late]] = []

    def add(
        self,
        rows: Int64s,
        entry: Int64s,
        now: Int64s,
        moment: Int64s,
        moved: Bools,
        before: Uint8s,
        level_before: judging.Int8s,
    ) -> None:
        state = self._state
        told = np.flatnonzero(moved | (state.level[rows] != NO_LEVEL))
        if not len(told):
            return
        mine = rows[told]
        placed = zip(entry[told].tolist(), moment[told].tolist(), mine.tolist(), state.all_at(mine), strict=True)
        stands = list(placed)
        self._stands += stands
        for n in np.flatnonzero(moved[told]).tolist():
            k, (at, when, row, c) = told[n], stands[n]
            was = None if level_before[k] == NO_LEVEL else LEVELS[level_before[k]]
            is_now = (int(now[k]), c.state, c.level, STATES[before[k]], was)
            self._changes.append((at, when, row, Change(c.key, c.channel, *is_now, c.reason, c.value)))

    def results(self, out: Outcome) -> None:
        self._changes.sort(key=lambda x: x[:3])
        self._stands.sort(key=lambda x: x[:3])
        self.late.sort(key=lambda x: (x[0], x[2].reading_ms, x[2].key))
        out.changes += [(x[0], x[3]) for x in self._changes]
        out.stands += [(x[0], x[3]) for x in self._stands]
        out.late += [(x[0], x[2]) for x in self.late]


def _among(rows: Int64s, some: Iterable[int]) -> Bools:
    listed = list(some)
    return np.isin(rows, listed) if listed else np.zeros(len(rows), np.bool_)


def calm_history(found: Findings | ReadingBatch, now_ms: int | Int64s, stale_ms: Int64s, lowest: Float64s) -> Bools:
    """Which findings, or readings, move nothing and are not worth a note: too old, and below every level.

    Everything is of shape (n,), or one number for all: when each came, after how long it counts as history, and the
    lowest level that it might have reached.
    """
    return np.asarray((now_ms - found.time_ms > stale_ms) & ~(found.value >= lowest))
