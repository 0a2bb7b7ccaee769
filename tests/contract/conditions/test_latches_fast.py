"""The engine that looks only at what is due, against a plain walk over every condition: the same changes, always."""

from __future__ import annotations

import json

import numpy as np
import pytest

from contract.catalogue.rules import Level, Rule
from contract.conditions.deadlines import Deadlines
from contract.conditions.findings import Findings
from contract.conditions.latches import Condition, Conditions, State, dump, restore
from contract.conditions.state import Change, Late
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Flag, ReadingBatch
from tests.memory import kept_bytes

S = 1000
KINDS = [
    {"on_delay_s": 60.0, "off_delay_s": 300.0, "min_hold_s": 300.0, "stale_after_s": 600.0},
    {"on_delay_s": 0.0, "off_delay_s": 0.0, "min_hold_s": 0.0, "stale_after_s": 200.0},
    {"on_delay_s": 400.0, "off_delay_s": 30.0, "min_hold_s": 0.0, "stale_after_s": 100.0},  # stale before it is due
    {"on_delay_s": 90.5, "off_delay_s": 0.0, "min_hold_s": 900.0, "stale_after_s": 90.5},
]
LEVELS = {Level.BLUE: 0.1, Level.YELLOW: 0.2, Level.RED: 0.5}
CHANNELS = (3, 1, 2, 70, 12, 5, 900, 901)
RULES = {
    ConditionKey(Target.of_channel(n), f"r{n}"): Rule(id=f"r{n}", channels=(n,), levels=LEVELS, **KINDS[n % 4])
    for n in CHANNELS
}


def found_in(batch: ReadingBatch) -> Findings:
    """Of each reading of a watched channel, one: what the channel measured."""
    mine = batch.take(np.isin(batch.channel, CHANNELS))
    return Findings.of(np.searchsorted(sorted(CHANNELS), mine.channel), mine)


class PlainWalk(Conditions):
    """The oracle: every condition is looked at in every step."""

    def step(self, state: State, found: Findings, now_ms: int) -> tuple[State, list[Change], list[Late]]:
        changes: list[Change] = []
        late: list[Late] = []
        found = found.take(np.argsort(found.time_ms, kind="stable"))
        columns = (found.time_ms, found.condition, found.channel, found.value, found.flag)
        for t, place, channel, v, flag in zip(*(c.tolist() for c in columns), strict=True):
            note = self._finding(state[self.keys[place]], t, channel, v, flag, now_ms, changes)
            late += [] if note is None else [note]
        for _, condition in sorted(state.items()):
            self._time(condition, now_ms, now_ms, changes)
        return state, changes, late


def history(rng: np.random.Generator) -> list[tuple[ReadingBatch, int]]:
    """Batches and ticks: late, doubled, shuffled, unusable, from channels nobody watches; times that nearly meet."""
    now_ms, out = 1_626_768_000_000, []
    for _ in range(120):
        now_ms += int(rng.choice([0, 1, 500, 1000, 30_000, 60_000, 90_500, 100_000, 300_000, 700_000]))
        n = int(rng.integers(0, 9))
        channel = rng.choice([1, 2, 3, 4, 5, 12, 70, 71, 900, 901, 4_000_000], n)
        time_ms = now_ms - rng.choice([0, 0, 0, 1000, 30_000, 60_000, 199_000, 650_000, -5000], n)
        value = rng.choice([0.0, 0.09, 0.1, 0.19, 0.2, 0.3, 0.48, 0.5, 1.0, np.nan], n)
        flag = rng.choice([Flag.PASS, Flag.PASS, Flag.PASS, Flag.SUSPECT, Flag.FAIL, Flag.MISSING], n)
        out.append((ReadingBatch.of(time_ms, channel, value, flag), now_ms))
    return out


@pytest.mark.parametrize("seed", range(40))
def test_same_changes_as_a_plain_walk_and_a_restart_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fast, plain = Conditions(RULES), PlainWalk(RULES)
    state, restarted, walked = fast.initial(), fast.initial(), plain.initial()
    seen = 0
    for batch, now_ms in history(rng):
        before = {c: json.dumps(row) for c, row in zip(state, dump(state), strict=True)}
        found = found_in(batch)
        state, changes, late = fast.step(state, found, now_ms)
        if rng.random() < 0.2:
            stored = dump(restarted)
            restarted = restore(json.loads(json.dumps(stored)))
        restarted, *again = fast.step(restarted, found, now_ms)
        walked, *expected = plain.step(walked, found, now_ms)
        assert [changes, late] == expected == again
        assert dump(state) == dump(walked) == dump(restarted)
        moved = {c for c, row in zip(state, dump(state), strict=True) if json.dumps(row) != before[c]}
        assert moved <= set(state.moved)
        seen += len(changes)
    assert seen > 50


def test_time_alone_looks_only_at_what_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Conditions(RULES)
    state = engine.initial()
    n = len(RULES)
    state, _, _ = engine.step(state, found_in(ReadingBatch.of([0] * n, CHANNELS, [0.0] * n, [1] * n)), 0)
    looked: list[Target] = []
    plain = Conditions._time

    def noting(self: Conditions, c: Condition, until_ms: int, now_ms: int, out: list[Change]) -> None:
        looked.append(c.key.target)
        plain(self, c, until_ms, now_ms, out)

    monkeypatch.setattr(Conditions, "_time", noting)
    engine.step(state, Findings.none(), 90_500)
    assert looked == []
    engine.step(state, Findings.none(), 90_501)
    assert looked == [Target.of_channel(3)]  # the one whose readings are stale after 90.5 s


def test_due_times_keep_the_earliest_and_do_not_pile_up() -> None:
    due = Deadlines([(7, 100), (8, None), (9, 50)])
    due.set(9, 500)  # put off: its old moment brings one look, not none
    assert due.due(99) == [9]
    due.set(9, 500)
    due.set(7, 20)
    assert due.due(30) == [7]
    assert due.due(499) == []
    due.set(9, None)
    assert due.due(10**9) == []
    with kept_bytes() as kept:
        for k in range(100_000):
            due.set(1, 10**9 - k)
        assert kept() < 100_000  # a byte a moment: they are not kept
