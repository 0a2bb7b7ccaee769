"""Every transition of a condition, with its reason; and what must never happen."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.catalogue.rules import Level, Rule
from contract.conditions.latches import Conditions, State, dump, restore
from contract.conditions.state import Change, ConditionState, Late, Reason
from contract.readings import Flag, ReadingBatch

S = 1000
RULE = Rule(
    id="r",
    channels=(1,),
    levels={Level.BLUE: 0.1, Level.ORANGE: 0.3},
    hysteresis=0.02,
    on_delay_s=60,
    off_delay_s=300,
    min_hold_s=300,
    stale_after_s=1200,
)


class Bench:
    """One condition, fed reading by reading."""

    def __init__(self, rule: Rule = RULE) -> None:
        self.engine = Conditions({1: rule})
        self.state: State = self.engine.initial()
        self.late: list[Late] = []

    def read(self, t_s: float, value: float, flag: Flag = Flag.PASS, now_s: float | None = None) -> list[Change]:
        batch = ReadingBatch.of([int(t_s * S)], [1], [value], [flag])
        now_ms = int((t_s if now_s is None else now_s) * S)
        self.state, changes, late = self.engine.step(self.state, batch, now_ms)
        self.late += late
        return changes

    def wait(self, now_s: float) -> list[Change]:
        self.state, changes, _ = self.engine.step(self.state, ReadingBatch.empty(), int(now_s * S))
        return changes

    @property
    def now(self) -> tuple[ConditionState, Level | None, Reason]:
        c = self.state[1]
        return c.state, c.level, c.reason


def test_a_channel_never_heard_is_unknown() -> None:
    bench = Bench()
    assert bench.wait(10_000) == []
    assert bench.now == (ConditionState.UNKNOWN, None, Reason.NEVER_SEEN)


def test_a_whole_flood() -> None:
    bench = Bench()
    bench.read(0, 0.0)
    assert bench.now == (ConditionState.NORMAL, None, Reason.HEARD_AGAIN)
    bench.read(30, 0.12)
    assert bench.now == (ConditionState.PENDING, None, Reason.ROSE_ABOVE)
    bench.wait(89)
    assert bench.now[0] is ConditionState.PENDING
    bench.wait(90)
    assert bench.now == (ConditionState.ACTIVE, Level.BLUE, Reason.ON_DELAY_OVER)
    bench.read(120, 0.35)
    bench.wait(180)
    assert bench.now == (ConditionState.ACTIVE, Level.ORANGE, Reason.ON_DELAY_OVER)
    bench.read(600, 0.29)  # within the hysteresis of orange
    assert bench.now[:2] == (ConditionState.ACTIVE, Level.ORANGE)
    bench.read(700, 0.2)
    assert bench.now == (ConditionState.CLEARING, Level.ORANGE, Reason.FELL_BELOW)
    bench.read(800, 0.31)
    assert bench.now == (ConditionState.ACTIVE, Level.ORANGE, Reason.ROSE_AGAIN)
    bench.read(900, 0.2)
    bench.read(1200, 0.2)
    assert bench.now == (ConditionState.ACTIVE, Level.BLUE, Reason.OFF_DELAY_OVER)
    bench.read(1300, 0.0)
    bench.read(1600, 0.0)
    assert bench.now == (ConditionState.NORMAL, None, Reason.OFF_DELAY_OVER)


def test_a_pulse_shorter_than_the_delay_warns_nobody() -> None:
    bench = Bench()
    bench.read(0, 0.0)
    bench.read(30, 2.0)
    bench.read(60, 0.0)
    bench.wait(1000)
    assert bench.now[:2] == (ConditionState.NORMAL, None)


def test_a_value_that_stood_long_enough_counts_though_its_report_came_in_one_piece() -> None:
    bench = Bench()
    bench.read(0, 0.0)
    batch = ReadingBatch.of([30 * S, 130 * S], [1, 1], [0.12, 0.0], [1, 1])
    bench.state, changes, _ = bench.engine.step(bench.state, batch, 131 * S)
    assert Level.BLUE in [c.level for c in changes]


def test_silence_holds_and_never_clears() -> None:
    bench = Bench()
    bench.read(0, 0.2)
    bench.wait(60)
    assert bench.now[:2] == (ConditionState.ACTIVE, Level.BLUE)
    bench.read(100, 0.0)
    bench.wait(1299)  # the off delay is over long ago, but nobody has said so
    assert bench.now[:2] == (ConditionState.CLEARING, Level.BLUE)
    bench.wait(1301)
    assert bench.now == (ConditionState.UNKNOWN, Level.BLUE, Reason.SILENT)
    bench.wait(10**6)
    assert bench.now[:2] == (ConditionState.UNKNOWN, Level.BLUE)
    bench.read(10**6, 0.0)
    assert bench.now == (ConditionState.CLEARING, Level.BLUE, Reason.HEARD_AGAIN)
    bench.read(10**6 + 300, 0.0)
    assert bench.now[:2] == (ConditionState.NORMAL, None)


def test_an_unusable_reading_neither_raises_nor_clears_nor_refreshes() -> None:
    bench = Bench()
    bench.read(0, 0.0)
    for t in range(60, 1260, 60):
        bench.read(t, 5.0, Flag.FAIL)
    assert bench.now[:2] == (ConditionState.UNKNOWN, None) or bench.wait(1201)
    assert bench.now == (ConditionState.UNKNOWN, None, Reason.UNUSABLE)


def test_a_suspect_reading_still_warns_and_says_so() -> None:
    bench = Bench()
    bench.read(0, 0.2, Flag.SUSPECT)
    bench.wait(60)
    assert bench.now[:2] == (ConditionState.ACTIVE, Level.BLUE)
    assert bench.state[1].suspect


def test_history_moves_nothing_and_is_noted() -> None:
    bench = Bench()
    bench.read(5000, 0.0)
    assert bench.read(4000, 0.5, now_s=5001) == []  # older than the last
    assert bench.read(6000, 0.5, now_s=9000) != []  # nothing from the reading itself: only that the channel is stale
    assert bench.now == (ConditionState.UNKNOWN, None, Reason.SILENT)
    bench.read(3000, 0.0, now_s=9001)  # calm history would not have warned: nothing to note
    assert [(n.reading_ms, n.level) for n in bench.late] == [(4000 * S, Level.ORANGE), (6000 * S, Level.ORANGE)]


def test_minimum_hold_outlasts_a_short_off_delay() -> None:
    rule = RULE.model_copy(update={"off_delay_s": 0.0, "min_hold_s": 1000.0})
    bench = Bench(rule)
    bench.read(0, 0.2)
    bench.wait(60)
    bench.read(100, 0.0)
    assert bench.now[:2] == (ConditionState.CLEARING, Level.BLUE)
    bench.read(1060, 0.0)
    assert bench.now[:2] == (ConditionState.NORMAL, None)


events = st.lists(
    st.tuples(
        st.integers(1, 900),
        st.one_of(st.none(), st.sampled_from([0.0, 0.05, 0.09, 0.11, 0.2, 0.29, 0.35, float("nan")])),
        st.sampled_from([Flag.PASS, Flag.SUSPECT, Flag.FAIL]),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(events)
def test_no_level_is_lost_but_by_a_reading_and_a_restart_changes_nothing(
    steps: list[tuple[int, float | None, Flag]],
) -> None:
    bench, twin = Bench(), Bench()
    t = 0
    for pause, value, flag in steps:
        t += pause
        changes = bench.wait(t) if value is None else bench.read(t, value, flag)
        twin.state = restore(json.loads(json.dumps(dump(twin.state))))
        assert changes == (twin.wait(t) if value is None else twin.read(t, value, flag))
        for c in changes:
            lowered = c.level_before is not None and (c.level is None or c.level.rank < c.level_before.rank)
            if lowered:
                assert value is not None
                assert flag is not Flag.FAIL
                assert c.reason in (Reason.OFF_DELAY_OVER, Reason.HEARD_AGAIN)
                assert value < RULE.levels[c.level_before] - RULE.hysteresis


@pytest.mark.parametrize("n", [5000])
def test_many_channels_cost_little_an_entry(n: int) -> None:
    rules = dict.fromkeys(range(1, n + 1), RULE)
    engine = Conditions(rules)
    state = engine.initial()
    state, changes, _ = engine.step(state, ReadingBatch.of([0] * n, range(1, n + 1), [0.0] * n, [1] * n), 0)
    assert len(changes) == n
    _, changes, _ = engine.step(state, ReadingBatch.of([1], [7], [1.0], [1]), 1)
    assert [c.channel for c in changes] == [7]


def test_what_is_not_heeded_alters_nothing() -> None:
    """Left out beforehand or not: a channel that nobody watches, calm history; wet history is noted all the same."""
    rule = Rule(id="r", channels=(1, 2), levels={Level.RED: 0.4}, stale_after_s=60)
    engine = Conditions({1: rule, 2: rule})
    batch = ReadingBatch.of([0, 0, 500_000, 500_000, 0], [1, 2, 1, 7, 7], [0.1, 0.5, 0.5, 0.5, 0.5], [1] * 5)
    heeded = engine.heeded(batch, np.full(5, 500_000))
    assert heeded.tolist() == [False, True, True, False, False]
    whole = engine.step(engine.initial(), batch, 500_000)
    assert engine.step(engine.initial(), batch.take(heeded), 500_000) == whole
    assert [n.channel for n in whole[2]] == [2]
    assert not Conditions({}).heeded(batch, 0).any()
