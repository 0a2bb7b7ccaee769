"""What the rules of conditions ask for, in columns beside the conditions. Pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contract.catalogue.rules import Rule
from contract.conditions.columns import LEVELS
from contract.conditions.targets import ConditionKey
from contract.readings import Bools, Float64s, Int64s

PERIOD_S = 30.0  # of a condition that rests on no channel of its own
_STANDS_PERIODS, _STANDS_EXTRA_S = 2, 5.0
_WINDOW_PERIODS = 4
RISE_MS = 300_000  # over how long a rise is measured


@dataclass(frozen=True, slots=True)
class Watched:
    """What is judged for one condition. period_s: of its channel. water: is it a depth of water, in metres? quantity:
    what the channel measures; empty for other targets."""

    rule: Rule
    period_s: float = PERIOD_S
    water: bool = False
    quantity: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """threshold, clear: shape (4, n), by level; infinite where a rule has no such level. The others: shape (n,).

    stands_ms: how long a single finding must go unchallenged before it counts as evidence. window_ms: over how long the
    share at or above a level decides whether a dip ends its episode. keep_ms: how long findings are remembered.
    lowest: the lowest threshold. dry_below: under it a value is below the clear value of every level.
    """

    threshold: Float64s
    clear: Float64s
    on_ms: Int64s
    off_ms: Int64s
    hold_ms: Int64s
    stale_ms: Int64s
    young_ms: Int64s
    stands_ms: Int64s
    window_ms: Int64s
    keep_ms: Int64s
    period_ms: Int64s
    lowest: Float64s
    dry_below: Float64s
    water: Bools

    @classmethod
    def of(cls, keys: Sequence[ConditionKey], watched: Mapping[ConditionKey, Watched]) -> Limits:
        """In the order of `keys`."""
        each = [watched[key] for key in keys]
        rules = [w.rule for w in each]
        once = {id(rule): rule for rule in rules}
        column = {n: [rule.levels.get(level, np.inf) for level in LEVELS] for n, rule in once.items()}
        threshold = np.array([column[id(rule)] for rule in rules], np.float64).reshape(-1, len(LEVELS)).T.copy()
        hysteresis = np.array([r.hysteresis for r in rules], np.float64)
        period = _ms([w.period_s for w in each])
        on, off = _ms([r.on_delay_s for r in rules]), _ms([r.off_delay_s for r in rules])
        stale = _ms([r.stale_after_s for r in rules])
        window = np.maximum(on, _WINDOW_PERIODS * period)
        lowest = threshold.min(axis=0) if len(LEVELS) else np.empty(0)
        return cls(
            threshold=threshold,
            clear=threshold - hysteresis,
            on_ms=on,
            off_ms=off,
            hold_ms=_ms([r.min_hold_s for r in rules]),
            stale_ms=stale,
            young_ms=stale // 2,
            stands_ms=np.maximum(on, _STANDS_PERIODS * period + int(_STANDS_EXTRA_S * 1000)),
            window_ms=window,
            keep_ms=np.maximum(np.maximum(off, window), RISE_MS),
            period_ms=period,
            lowest=lowest,
            dry_below=lowest - hysteresis,
            water=np.array([w.water for w in each], np.bool_),
        )


def _ms(seconds: Sequence[float]) -> Int64s:
    return np.ceil(np.array(seconds, np.float64) * 1000).astype(np.int64)
