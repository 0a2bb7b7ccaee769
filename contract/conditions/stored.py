"""Conditions as plain values and back, of this release and of those before. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.catalogue.rules import Level
from contract.conditions.columns import DOUBTS, LEVELS, NEVER, NO_LEVEL, REASONS, STATES, State, number_or_none
from contract.conditions.limits import Limits
from contract.conditions.state import ConditionState, Doubt, Reason
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Flag, Float64s


@dataclass(frozen=True, slots=True)
class Thresholds:
    """By which conditions were judged, shape (4, n), by level; infinite where a rule has no such level."""

    threshold: Float64s
    clear: Float64s


@dataclass(slots=True)
class Stored:
    """A condition as it was stored. thresholds: of the rule that judged it, by level; None: nobody wrote them down.

    quantity: what it measured; empty: nobody wrote it down.
    levels: by level, when its episode began, when it was set, and when the episode that set it began; `NEVER` for none.
    findings: time, value, flag and channel of each, oldest first.
    """

    key: ConditionKey
    channel: int | None
    state: ConditionState
    level: Level | None
    since_ms: int
    reason: Reason
    reading_ms: int | None
    value: float | None
    unusable: bool
    levels: Mapping[Level, tuple[int, int, int]]
    thresholds: Mapping[Level, tuple[float, float]] | None = None
    muted_ms: int = NEVER
    findings: Sequence[tuple[int, float, int, int]] = ()
    step_value: float | None = None
    base: tuple[int, float | None] = (NEVER, None)
    brisk_ms: int = NEVER
    due_ms: int | None = None
    shown: tuple[float | None, int] | None = None
    rise: float | None = None
    doubt: Doubt = Doubt.NONE
    quantity: str = ""


def to_json(state: State, limits: Limits | Thresholds, row: int) -> dict[str, Any]:
    """One condition, for `from_json`."""
    n = int(state.count[row])
    columns = (c[:n, row].tolist() for c in (state.time_ms, state.found, state.flag, state.source))
    level = int(state.level[row])
    return {
        "rule": state.listed[row].rule,
        "target": state.listed[row].target.text,
        "channel": None if state.channel[row] < 0 else int(state.channel[row]),
        "state": STATES[state.state[row]].value,
        "level": None if level == NO_LEVEL else LEVELS[level].value,
        "since_ms": int(state.since_ms[row]),
        "reason": REASONS[state.reason[row]].value,
        "reading_ms": None if state.reading_ms[row] == NEVER else int(state.reading_ms[row]),
        "value": number_or_none(float(state.value[row])),
        "unusable": bool(state.unusable[row]),
        "levels": {
            each.value: [
                float(limits.threshold[each.rank, row]),
                float(limits.clear[each.rank, row]),
                *(_or_null(int(c[each.rank, row])) for c in (state.above_ms, state.set_ms, state.from_ms)),
            ]
            for each in LEVELS
            if np.isfinite(limits.threshold[each.rank, row])
        },
        "muted_ms": _or_null(int(state.muted_ms[row])),
        "findings": [list(f) for f in zip(*columns, strict=True)],
        "step": number_or_none(float(state.step_value[row])),
        "base": [_or_null(int(state.base_ms[row])), number_or_none(float(state.base_value[row]))],
        "brisk_ms": _or_null(int(state.brisk_ms[row])),
        "due_ms": int(state.due_ms[row]),
        "shown": [number_or_none(float(state.shown[row])), _or_null(int(state.shown_ms[row]))],
        "rise": number_or_none(float(state.rise[row])),
        "doubt": DOUBTS[state.doubt[row]].value,
    }


def from_json(row: Mapping[str, Any]) -> Stored:
    """What `to_json` gave; or what a release stored that remembered no findings, or had one rule a channel and did not
    store which: then with an empty rule.

    Raises LookupError, ValueError or TypeError on anything else.
    """
    level = row["level"]
    target = Target.parse(row["target"]) if "target" in row else Target.of_channel(row["channel"])
    found = Stored(
        key=ConditionKey(target, row.get("rule", "")),
        channel=row["channel"],
        state=ConditionState(row["state"]),
        level=None if level is None else Level(level),
        since_ms=row["since_ms"],
        reason=Reason(row["reason"]),
        reading_ms=row["reading_ms"],
        value=row["value"],
        unusable=row["unusable"],
        levels={},
    )
    if "levels" not in row:  # before conditions remembered findings
        old = {Level(name): latch for name, latch in row["latches"].items()}
        found.levels = {
            at: (_time(x["above_ms"]), _time(x["set_ms"]), _time(x["above_ms"] or x["set_ms"])) for at, x in old.items()
        }
        if found.reading_ms is not None and found.value is not None:
            flag = Flag.SUSPECT if row["suspect"] else Flag.PASS
            channel = -1 if found.channel is None else found.channel
            found.findings = [(found.reading_ms, found.value, int(flag), channel)]
        return found
    each = {Level(name): values for name, values in row["levels"].items()}
    found.levels = {at: (_time(a), _time(s), _time(f)) for at, (_, _, a, s, f) in each.items()}
    found.thresholds = {at: (threshold, clear) for at, (threshold, clear, *_) in each.items()}
    found.muted_ms = _time(row["muted_ms"])
    found.findings = [(int(t), float(v), int(f), int(c)) for t, v, f, c in row["findings"]]
    found.step_value, found.base = row["step"], (_time(row["base"][0]), row["base"][1])
    found.brisk_ms, found.due_ms = _time(row["brisk_ms"]), row["due_ms"]
    found.shown, found.rise = (row["shown"][0], _time(row["shown"][1])), row["rise"]
    found.doubt = Doubt(row["doubt"])
    return found


def dump(state: State, limits: Limits) -> list[dict[str, Any]]:
    """For JSON."""
    return [to_json(state, limits, row) for row in range(len(state))]


def _or_null(value: int) -> int | None:
    return None if value == NEVER else value


def _time(value: int | None) -> int:
    return NEVER if value is None else int(value)
