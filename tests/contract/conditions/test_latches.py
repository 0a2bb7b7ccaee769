"""Every transition of a condition, with its reason; and what must never happen."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.catalogue.rules import Level, Rule
from contract.conditions.findings import Findings
from contract.conditions.latches import Conditions, State, dump, restore
from contract.conditions.state import Change, ConditionState, Late, Reason
from contract.conditions.targets import ConditionKey, Target
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

KEY = ConditionKey(Target.of_channel(1), "r")


def found(batch: ReadingBatch, place: int = 0) -> Findings:
    """Of each reading one, all of the condition at this place."""
    return Findings.of(np.full(len(batch), place), batch)


class Bench:
    """One condition, fed reading by reading."""

    def __init__(self, rule: Rule = RULE) -> None:
        self.engine = Conditions({KEY: rule})
        self.state: State = self.engine.initial()
        self.late: list[Late] = []

    def read(self, t_s: float, value: float, flag: Flag = Flag.PASS, now_s: float | None = None) -> list[Change]:
        batch = ReadingBatch.of([int(t_s * S)], [1], [value], [flag])
        now_ms = int((t_s if now_s is None else now_s) * S)
        self.state, changes, late = self.engine.step(self.state, found(batch), now_ms)
        self.late += late
        return changes

    def wait(self, now_s: float) -> list[Change]:
        self.state, changes, _ = self.engine.step(self.state, Findings.none(), int(now_s * S))
        return changes

    @property
    def now(self) -> tuple[ConditionState, Level | None, Reason]:
        c = self.state[KEY]
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
    bench.state, changes, _ = bench.engine.step(bench.state, found(batch), 131 * S)
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
    assert bench.state[KEY].suspect


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
    engine = Conditions({ConditionKey(Target.of_channel(c), "r"): RULE for c in range(1, n + 1)})
    state = engine.initial()
    dry = Findings.of(np.arange(n), ReadingBatch.of([0] * n, range(1, n + 1), [0.0] * n, [1] * n))
    state, changes, _ = engine.step(state, dry, 0)
    assert len(changes) == n
    _, changes, _ = engine.step(state, found(ReadingBatch.of([1], [7], [1.0], [1]), 6), 1)
    assert [c.channel for c in changes] == [7]


def test_calm_history_is_not_worth_a_note_and_wet_history_is() -> None:
    bench = Bench()
    old = ReadingBatch.of([0, 0], [1, 1], [0.09, 0.1], [1, 1])
    state, changes, late = bench.engine.step(bench.engine.initial(), found(old), 1_200_001)
    assert changes == []
    assert late == [Late(KEY, 1, 0, 1_200_001, 0.1, Level.BLUE)]
    assert state == bench.engine.initial()


def test_rules_on_one_target_stand_side_by_side() -> None:
    """Each has its own levels and delays, and is told by its own name; at one moment by target, then by rule."""
    quick = RULE.model_copy(update={"id": "a", "on_delay_s": 0.0, "levels": {Level.RED: 0.3}})
    zone = ConditionKey(Target.of_zone("z"), "a")
    channel = [ConditionKey(Target.of_channel(1), rule) for rule in ("r", "a")]
    engine = Conditions({zone: quick, channel[0]: RULE, channel[1]: quick})
    assert engine.keys == [channel[1], channel[0], zone]
    reading = ReadingBatch.of([0, 0, 0], [1, 1, 1], [0.35] * 3, [1] * 3)
    state, changes, _ = engine.step(engine.initial(), Findings.of(np.array([2, 1, 0]), reading), 0)
    assert {(c.key, c.state, c.level) for c in changes} == {
        (channel[1], ConditionState.ACTIVE, Level.RED),
        (zone, ConditionState.ACTIVE, Level.RED),
        (channel[0], ConditionState.PENDING, None),
    }
    state, changes, _ = engine.step(state, Findings.none(), 60 * S)
    assert [(c.key, c.state, c.level) for c in changes] == [(channel[0], ConditionState.ACTIVE, Level.ORANGE)]
    state, changes, _ = engine.step(state, Findings.none(), 1_200_001)
    assert [(c.key, c.reason) for c in changes] == [(key, Reason.SILENT) for key in engine.keys]
    assert state.of_channels([2, 1]) == [state[channel[1]], state[channel[0]]]


def test_what_was_stored_without_a_rule_is_read() -> None:
    """As a release stored it that had one rule a channel."""
    bench = Bench()
    bench.read(0, 0.2)
    (row,) = dump(bench.state)
    assert (row.pop("rule"), row.pop("target")) == ("r", "channel/1")
    (condition,) = restore([row]).values()
    assert condition.key == ConditionKey(Target.of_channel(1), "")
    assert condition.latches == bench.state[KEY].latches
