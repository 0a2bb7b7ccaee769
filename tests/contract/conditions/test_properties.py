"""What no sequence of findings, silence, restarts and ticks may do, and that grouping entries alters nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.catalogue.rules import Level, Rule
from contract.conditions.columns import State
from contract.conditions.findings import Findings
from contract.conditions.latches import Conditions
from contract.conditions.limits import Watched
from contract.conditions.reconciling import restore
from contract.conditions.state import ConditionState, Reason
from contract.conditions.stored import dump, from_json
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Flag, Int64s, ReadingBatch
from tests.contract.conditions.bench import STREET, Bench

KINDS = [
    {"on_delay_s": 60.0, "off_delay_s": 300.0, "min_hold_s": 300.0, "stale_after_s": 600.0},
    {"on_delay_s": 0.0, "off_delay_s": 0.0, "min_hold_s": 0.0, "stale_after_s": 200.0},
    {"on_delay_s": 400.0, "off_delay_s": 30.0, "min_hold_s": 0.0, "stale_after_s": 100.0},  # stale before it is due
    {"on_delay_s": 90.5, "off_delay_s": 0.0, "min_hold_s": 900.0, "stale_after_s": 90.5},
]
LEVELS = {Level.BLUE: 0.1, Level.YELLOW: 0.2, Level.RED: 0.5}
CHANNELS = (1, 2, 3, 5, 12, 70, 900, 901)
RULES = {
    ConditionKey(Target.of_channel(n), f"r{n}"): Watched(
        Rule(id=f"r{n}", channels=(n,), levels=LEVELS, **KINDS[n % 4]), 30.0, n % 3 > 0
    )
    for n in CHANNELS
}


def history(rng: np.random.Generator, count: int = 120, flood: int = 1) -> list[tuple[ReadingBatch, int]]:
    """Batches and ticks: late, doubled, corrected, shuffled, unusable; times that nearly meet.

    flood: how many of each reading the fullest batches hold, within two seconds.
    """
    now_ms, out = 1_626_768_000_000, []
    for _ in range(count):
        now_ms += int(rng.choice([0, 1, 500, 1000, 30_000, 60_000, 90_500, 100_000, 300_000, 700_000]))
        n = int(rng.integers(0, 9))
        channel = rng.choice(CHANNELS[: int(rng.integers(1, 9))], n)
        time_ms = now_ms // 1000 * 1000 - rng.choice([0, 0, 0, 1000, 30_000, 60_000, 199_000, 650_000, -5000], n)
        value = rng.choice([0.0, 0.09, 0.1, 0.19, 0.2, 0.3, 0.48, 0.5, 1.0, np.nan], n)
        flag = rng.choice([Flag.PASS, Flag.PASS, Flag.PASS, Flag.SUSPECT, Flag.FAIL, Flag.MISSING], n)
        if n == 8 and flood > 1:
            time_ms, channel, value, flag = (np.tile(column, flood) for column in (time_ms, channel, value, flag))
            time_ms = time_ms - rng.integers(0, 2000, len(time_ms))
        out.append((ReadingBatch.of(time_ms, channel, value, flag), now_ms))
    return out


def together(log: list[tuple[ReadingBatch, int]]) -> tuple[Findings, Int64s, Int64s]:
    batch = ReadingBatch.concat([b for b, _ in log])
    entry = np.repeat(np.arange(len(log)), [len(b) for b, _ in log])
    return Findings.of(np.searchsorted(CHANNELS, batch.channel), batch), entry, np.array([now for _, now in log])


@pytest.mark.parametrize("flood", [1, 30])
@pytest.mark.parametrize("at_once", [3, 7, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_grouping_and_restarts_alter_nothing(seed: int, at_once: int, flood: int) -> None:
    engine, log = Conditions(RULES), history(np.random.default_rng(seed), flood=flood)
    alone, grouped = engine.initial(), engine.initial()
    said, expected = [], []
    for k, entry in enumerate(log):
        alone, out = engine.steps(alone, *together([entry]))
        expected += [(k, c) for _, c in out.changes] + [(k, n) for _, n in out.late]
    for a in range(0, len(log), at_once):
        grouped, out = engine.steps(grouped, *together(log[a : a + at_once]))
        for k in range(at_once):
            said += [(a + k, c) for at, c in out.changes if at == k] + [(a + k, n) for at, n in out.late if at == k]
        grouped = restored(engine, grouped)
    assert said == expected
    assert dump(alone, engine.limits) == dump(grouped, engine.limits)
    assert len(said) > 50


def restored(engine: Conditions, state: State) -> State:
    return restore(engine, map(from_json, json.loads(json.dumps(dump(state, engine.limits)))))


events = st.lists(
    st.tuples(
        st.integers(1, 900),
        st.one_of(st.none(), st.sampled_from([0.0, 0.05, 0.09, 0.11, 0.2, 0.29, 0.45, float("nan")])),
        st.sampled_from([Flag.PASS, Flag.SUSPECT, Flag.FAIL]),
    ),
    max_size=30,
)


@settings(max_examples=30, deadline=None)
@given(events)
def test_no_level_is_lost_but_by_a_dry_reading_and_a_restart_changes_nothing(
    steps: list[tuple[int, float | None, Flag]],
) -> None:
    bench, twin = Bench(tick_s=120), Bench(tick_s=120)
    t = 0
    for pause, value, flag in steps:
        t += pause
        changes = bench.wait(t) if value is None else bench.read(t, value, flag)
        twin.restart()
        assert changes == (twin.wait(t) if value is None else twin.read(t, value, flag))
        for c in changes:
            if c.level_before is not None and (c.level is None or c.level.rank < c.level_before.rank):
                assert value is not None
                assert flag is not Flag.FAIL
                assert c.reason in (Reason.OFF_DELAY_OVER, Reason.HEARD_AGAIN)
                assert value < STREET.levels[c.level_before] - STREET.hysteresis


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.2, 0.45]), min_size=20, max_size=80), st.sampled_from([5, 10, 30]))
def test_a_flapping_sensor_gives_bounded_levels(values: list[float], every_s: int) -> None:
    bench = Bench(tick_s=120)
    bench.polled(values, every_s, begin_s=30)
    bench.wait(bench.now_s + 3000)
    assert len(bench.levels) <= 4 + 6 * len(values) * every_s / 600
    # Where the share of readings above hovers about two fifths, each may turn active to clearing or back: not told.
    assert len(bench.changes) <= 12 + len(values)


@settings(max_examples=30, deadline=None)
@given(events, st.sampled_from([{Level.RED: 0.4}, {Level.BLUE: 0.3}, {Level.YELLOW: 0.01, Level.RED: 5.0}]))
def test_no_change_of_rules_clears_what_no_value_denies(
    steps: list[tuple[int, float | None, Flag]], levels: dict[Level, float]
) -> None:
    bench = Bench(tick_s=120)
    t = 0
    for pause, value, flag in steps:
        t += pause
        _ = bench.wait(t) if value is None else bench.read(t, value, flag)
    before = bench.condition
    bench.restart(STREET.model_copy(update={"levels": levels}))
    bench.wait(t + 1)
    after = bench.condition
    if before.level is not None and after.level is None:
        assert before.state.value != "unknown"
        shown = before.value if before.state is ConditionState.CLEARING else before.shown_value
        assert shown is not None  # one echo above what is shown is no evidence yet
        assert min(levels.values()) > shown
        assert after.reason in (Reason.THRESHOLDS_CHANGED, Reason.SILENT)
