"""One condition on a bench: findings in, minute by minute, and what it says of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np

from contract.catalogue.rules import Level, Rule
from contract.conditions.columns import State
from contract.conditions.findings import Findings
from contract.conditions.latches import Conditions
from contract.conditions.limits import Watched
from contract.conditions.reconciling import restore
from contract.conditions.state import Change, Condition, ConditionState, Late, Reason
from contract.conditions.stored import dump, from_json
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Flag, ReadingBatch

S = 1000
PERIOD_S = 30.0
KEY = ConditionKey(Target.of_channel(1), "r")
STREET = Rule(
    id="r",
    channels=(1,),
    levels={Level.BLUE: 0.10, Level.YELLOW: 0.15, Level.ORANGE: 0.25, Level.RED: 0.40},
    hysteresis=0.02,
    on_delay_s=60,
    off_delay_s=600,
    min_hold_s=600,
    stale_after_s=1500,
)
UNDERPASS = STREET.model_copy(
    update={
        "levels": {Level.BLUE: 0.05, Level.YELLOW: 0.15, Level.ORANGE: 0.25, Level.RED: 0.50},
        "on_delay_s": 30.0,
        "stale_after_s": 1200.0,
    }
)

# time in seconds, value, flag
Reading = tuple[float, float, Flag]


def batch_of(readings: Iterable[Reading]) -> ReadingBatch:
    each = list(readings)
    return ReadingBatch.of(
        [int(t * S) for t, _, _ in each], [1] * len(each), [v for _, v, _ in each], [f for _, _, f in each]
    )


def found(batch: ReadingBatch, place: int = 0) -> Findings:
    """Of each reading one, all of the condition at this place."""
    return Findings.of(np.full(len(batch), place), batch)


class Bench:
    """One condition. Time alone is looked at every so many seconds."""

    def __init__(
        self, rule: Rule = STREET, period_s: float = PERIOD_S, water: bool = True, tick_s: float = 5.0
    ) -> None:
        self.engine = Conditions({KEY: Watched(rule, period_s, water)})
        self.state: State = self.engine.initial()
        self.changes: list[Change] = []
        self.late: list[Late] = []
        self.now_s = 0.0
        self.tick_s = tick_s

    def read(self, t_s: float, value: float, flag: Flag = Flag.PASS, now_s: float | None = None) -> list[Change]:
        return self.entry(t_s if now_s is None else now_s, [(t_s, value, flag)])

    def entry(self, now_s: float, readings: Sequence[Reading]) -> list[Change]:
        """One entry of the log with these readings."""
        before = len(self.changes)
        while self.now_s + self.tick_s < now_s and self.now_s:
            self._step(self.now_s + self.tick_s, [])
        self._step(now_s, readings)
        return self.changes[before:]

    def wait(self, now_s: float) -> list[Change]:
        return self.entry(now_s, [])

    def polled(self, values: Iterable[float], every_s: float, begin_s: float | None = None) -> None:
        """One reading after the other, all of them PASS."""
        t = self.now_s + every_s if begin_s is None else begin_s
        for value in values:
            self.read(t, value)
            t += every_s

    def restart(self, rule: Rule | None = None) -> None:
        """Everything through JSON, perhaps under another rule."""
        stored = json.loads(json.dumps(dump(self.state, self.engine.limits)))
        if rule is not None:
            before = self.engine.watched[KEY]
            self.engine = Conditions({KEY: Watched(rule, before.period_s, before.water)})
        self.state = restore(self.engine, map(from_json, stored))

    def _step(self, now_s: float, readings: Sequence[Reading]) -> None:
        self.now_s = now_s
        self.state, changes, late = self.engine.step(self.state, found(batch_of(readings)), int(now_s * S))
        self.changes += changes
        self.late += late

    @property
    def condition(self) -> Condition:
        return self.state[KEY]

    @property
    def now(self) -> tuple[ConditionState, Level | None, Reason]:
        c = self.condition
        return c.state, c.level, c.reason

    @property
    def levels(self) -> list[Level | None]:
        """Every level that it had, one after the other."""
        return [c.level for c in self.changes if c.level != c.level_before]
