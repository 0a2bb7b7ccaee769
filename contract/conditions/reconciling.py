"""What was stored of conditions, under the rules of now: what they hold is judged anew, never dropped. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from contract.catalogue.rules import Level
from contract.conditions.columns import DOUBTS, LEVELS, NEVER, NO_LEVEL, REASONS, STATES, UNKNOWN, State
from contract.conditions.judging import next_due
from contract.conditions.latches import Conditions
from contract.conditions.limits import Limits
from contract.conditions.state import Condition, ConditionState
from contract.conditions.stored import Stored
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Flag


def restore(conditions: Conditions, stored: Iterable[Stored]) -> State:
    """The state under these conditions' rules of what was stored under perhaps others.

    Conditions whose rule judges otherwise now are judged anew by the next step, and of those that are watched no longer
    it tells. One whose rule has another name now is the condition of the one new rule that watches its target. What a
    channel held when it measured something else is watched no longer, and what it measures now begins anew.
    """
    state = conditions.initial()
    every = list(stored)
    rows = _rows_of(conditions, every, state)
    for s, row in zip(every, rows, strict=True):
        if row is None or _other_quantity(conditions, state.listed[row], s):
            if row is not None:
                state.muted_ms[row] = s.muted_ms
            if s.reading_ms is not None or s.level is not None:
                state.gone.append(_as_it_was(s))
            continue
        _put(state, row, s)
        renamed = s.key.rule not in ("", state.listed[row].rule)
        if renamed or not _same(conditions, row, s):
            _under_another_rule(state, conditions.limits, row, s)
        elif s.due_ms is None and s.state is not ConditionState.UNKNOWN:  # nobody had written it down
            at = np.array([row])
            state.due_ms[row] = next_due(state, conditions.limits, at, state.reading_ms[at])[0]
    state.gone.sort(key=lambda c: c.key)
    return state


def after_rebuild(told: State, rebuilt: State) -> State:
    """The conditions as a rebuild from the log found them; what was told otherwise, the next step tells of.

    What the log no longer knows (it was trimmed), or knows as silent, keeps what was told: a rebuild clears nothing
    that no reading denies. Until when each is muted the log knows best. Both under the same rules; `told` as `restore`
    gave it. Consumes `rebuilt`.
    """
    forgotten = (rebuilt.reading_ms == NEVER) & (told.reading_ms != NEVER)
    keeps = forgotten | ((rebuilt.state == UNKNOWN) & (told.level > rebuilt.level))
    keeps[_anew(told)] = True
    kept = np.flatnonzero(keeps)
    muted_ms = rebuilt.muted_ms[kept]
    rebuilt.take(told, kept)
    rebuilt.muted_ms[kept] = muted_ms
    anew = set(kept.tolist())
    rebuilt.changed[:] = [row for row in told.changed if row in anew]
    rebuilt.gone[:] = told.gone
    rebuilt.differing[:] = [told.at(row) for row in np.flatnonzero(told.level != rebuilt.level).tolist()]
    return rebuilt


def after_recall(told: State, recalled: State) -> State:
    """The same of conditions that a restart under other rules found again, from a snapshot and the entries behind it.

    Those whose rule judges as it did are what they were. Consumes both.
    """
    as_they_were = np.ones(len(told), np.bool_)
    as_they_were[[*told.changed, *_anew(told)]] = False
    told.take(recalled, np.flatnonzero(as_they_were))
    return after_rebuild(told, recalled)


def as_they_stood(state: State, keys: Collection[ConditionKey]) -> tuple[dict[ConditionKey, Condition], bool]:
    """Conditions that are known by these keys from before a restart, as of `restore` and what followed it, before any
    step: those that are gone as they were, those whose rule has another name by what watches the same target now.

    With it, whether all are judged as they were.
    """
    gone = {c.key: c for c in state.gone}
    lost = {key.target for key in keys if key not in gone and key not in state.rows}
    heirs = {key.target: key for key in reversed(state.listed) if key.target in lost} if lost else {}
    out = {}
    for key in keys:
        if key in gone:
            out[key] = gone[key]
        elif key in state.rows:
            out[key] = state[key]
        elif key.target in heirs:
            out[key] = state[heirs[key.target]]
    return out, not (state.gone or state.differing or state.changed)


def _rows_of(conditions: Conditions, every: list[Stored], state: State) -> list[int | None]:
    """Of each the row that it has now; None: it is watched no longer."""
    known = {s.key for s in every}
    heirs: dict[Target, list[ConditionKey]] = {}
    for key in conditions.keys:
        if key not in known:
            heirs.setdefault(key.target, []).append(key)
    rows: list[int | None] = []
    for s in every:
        row = state.rows.get(s.key)
        if row is None:
            free = heirs.get(s.key.target, [])
            fits = next((key for key in free if _levels(conditions, key) == set(s.levels)), None)
            if fits is None and s.key.rule and free:
                fits = free[0]
            if fits is not None:
                free.remove(fits)
                row = state.rows[fits]
        rows.append(row)
    return rows


def _anew(told: State) -> list[int]:
    """Rows that measure something else now than when they were stored."""
    return [told.rows[c.key] for c in told.gone if c.key in told.rows]


def _other_quantity(conditions: Conditions, key: ConditionKey, s: Stored) -> bool:
    return s.quantity not in ("", conditions.watched[key].quantity)


def _same(conditions: Conditions, row: int, s: Stored) -> bool:
    """Is it judged as it was?"""
    if s.thresholds is None:
        return _levels(conditions, conditions.keys[row]) == set(s.levels)
    return _thresholds(conditions.limits, row) == dict(s.thresholds)


def _levels(conditions: Conditions, key: ConditionKey) -> set[Level]:
    return set(conditions.watched[key].rule.levels)


def _thresholds(limits: Limits, row: int) -> dict[Level, tuple[float, float]]:
    pairs = zip(LEVELS, limits.threshold[:, row].tolist(), limits.clear[:, row].tolist(), strict=True)
    return {level: (at, clear) for level, at, clear in pairs if np.isfinite(at)}


def _as_it_was(s: Stored) -> Condition:
    value, time_ms = (s.value, s.reading_ms) if s.shown is None else s.shown
    is_now = (s.state, s.level, s.since_ms, s.reason, s.reading_ms, s.value, s.unusable)
    shown = (value, None if time_ms == NEVER else time_ms)
    return Condition(s.key, s.channel, *is_now, *shown, rise_per_min=s.rise, doubt=s.doubt)


def _put(state: State, row: int, s: Stored) -> None:
    state.state[row] = STATES.index(s.state)
    state.level[row] = NO_LEVEL if s.level is None else s.level.rank
    state.reason[row], state.since_ms[row] = REASONS.index(s.reason), s.since_ms
    if s.channel is not None:
        state.channel[row] = s.channel
    state.reading_ms[row] = _time_or_never(s.reading_ms)
    state.value[row] = np.nan if s.value is None else s.value
    state.unusable[row], state.muted_ms[row] = s.unusable, s.muted_ms
    for level, (above, set_, from_) in s.levels.items():
        state.above_ms[level.rank, row], state.set_ms[level.rank, row] = above, set_
        state.from_ms[level.rank, row] = from_
    for k, (time_ms, value, flag, channel) in enumerate(s.findings):
        state.time_ms[k, row], state.found[k, row] = time_ms, value
        state.flag[k, row], state.source[k, row] = flag, channel
    state.count[row] = len(s.findings)
    state.step_value[row] = np.nan if s.step_value is None else s.step_value
    state.base_ms[row], state.brisk_ms[row] = s.base[0], s.brisk_ms
    state.base_value[row] = np.nan if s.base[1] is None else s.base[1]
    if s.due_ms is not None:
        state.due_ms[row] = s.due_ms
    shown, shown_ms = (s.value, _time_or_never(s.reading_ms)) if s.shown is None else s.shown
    state.shown[row], state.shown_ms[row] = np.nan if shown is None else shown, shown_ms
    state.rise[row], state.doubt[row] = np.nan if s.rise is None else s.rise, DOUBTS.index(s.doubt)


def _under_another_rule(state: State, limits: Limits, row: int, s: Stored) -> None:
    """Which levels what is held amounts to under the rule that judges it now; the next step tells of it.

    While it is heard: those that were set and whose threshold did not rise, those whose clear value the value that is
    shown still reaches, and those that its findings have reached and not yet been below for `off_delay_s`; where the
    level it had was taken out and no lower one is held, the next higher, if the value reaches that. Unheard: the level
    it had, or the next lower that there is, or the next higher. Never none, without findings that say so.
    """
    had = s.level
    was_set = {level: times for level, times in s.levels.items() if times[1] != NEVER}
    exists = [level for level in LEVELS if np.isfinite(limits.threshold[level.rank, row])]
    for column in (state.above_ms, state.set_ms, state.from_ms):
        column[:, row] = NEVER
    state.changed.append(row)
    state.due_ms[row] = NEVER  # the next entry, whichever it is
    if had is None:
        return
    times = was_set.get(had) or (NEVER, s.since_ms, s.since_ms)
    heard = s.state is not ConditionState.UNKNOWN and bool(s.findings)
    held: set[Level] = set()
    anew: set[Level] = set()  # held by what was found, under a threshold that rose: `min_hold_s` begins again
    if heard:
        value = _robust(s)
        for level in exists:
            clear, threshold = float(limits.clear[level.rank, row]), float(limits.threshold[level.rank, row])
            before = None if s.thresholds is None else s.thresholds.get(level)
            kept = level in was_set and (before is None or threshold <= before[0])
            kept = kept or (level in was_set and value >= clear)
            if not kept and level in was_set and _not_yet_dry(s, level, threshold, clear, limits, row):
                anew.add(level)
            if kept or level in anew or (had not in exists and value >= threshold and not held):
                held.add(level)
    else:
        at = had if had in exists else None
        lower = [level for level in exists if level.rank < had.rank]
        at = at or (lower[-1] if lower else next(level for level in exists if level.rank > had.rank))
        held = {level for level in exists if level.rank <= at.rank and (level in was_set or level is at)}
    for level in held:
        _, set_ms, from_ms = was_set.get(level, times)
        if level in anew:
            set_ms = s.findings[-1][0]
        state.set_ms[level.rank, row], state.from_ms[level.rank, row] = set_ms, from_ms


def _not_yet_dry(s: Stored, level: Level, threshold: float, clear: float, limits: Limits, row: int) -> bool:
    """Whether the rule of now would still hold a level that was set.

    Its threshold was reached: by two findings, by one that stood and is not doubted, or before all that is remembered,
    where that is less than the off-delay. And since then findings do not say that the water is gone, as
    `judging.reset_levels` asks: for all of the off-delay, two at least, half of them not doubted.
    """
    last_ms, off_ms = s.findings[-1][0], int(limits.off_ms[row])
    since_ms = last_ms - max(off_ms, 1)
    reached = count = trusted = of_ms = dry_ms = 0
    stood = False
    for (time_ms, value, flag, _), end_ms in zip(s.findings, [*(f[0] for f in s.findings[1:]), last_ms], strict=True):
        doubted = flag == Flag.SUSPECT
        if value >= threshold:
            reached += 1
            stood |= not doubted and end_ms - time_ms >= limits.stands_ms[row]
        if end_ms > since_ms:
            for_ms = end_ms - max(time_ms, since_ms)
            of_ms += for_ms
            if value < clear:
                dry_ms, count, trusted = dry_ms + for_ms, count + 1, trusted + (not doubted)
    known = s.findings[0][0] <= last_ms - off_ms
    forgotten = not known and s.levels[level][2] < s.findings[0][0]
    gone = known and 10 * dry_ms >= 9 * of_ms and count > 1 and 2 * trusted >= count
    return (reached > 1 or stood or forgotten) and not gone


def _robust(s: Stored) -> float:
    """What it last showed, or of one that clears its newest value."""
    if s.state is ConditionState.CLEARING or s.shown is None or s.shown[0] is None:
        return s.findings[-1][1]
    return s.shown[0]


def _time_or_never(time_ms: int | None) -> int:
    return NEVER if time_ms is None else time_ms
