"""Conditions as a drainage engineer would judge them: what the sensor says, minute by minute, and what follows."""

from __future__ import annotations

import numpy as np
import pytest

from contract.catalogue.rules import Level, Rule
from contract.conditions.findings import Findings
from contract.conditions.latches import Conditions, calm_history
from contract.conditions.state import ConditionState, Doubt, Late, Reason
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Flag, ReadingBatch
from tests.contract.conditions.bench import KEY, STREET, UNDERPASS, Bench, S, found

DRY, BLUE, YELLOW, ORANGE, RED = None, Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED
PASS, SUSPECT, FAIL = Flag.PASS, Flag.SUSPECT, Flag.FAIL
ACTIVE, CLEARING, UNKNOWN, NORMAL = (
    ConditionState.ACTIVE,
    ConditionState.CLEARING,
    ConditionState.UNKNOWN,
    ConditionState.NORMAL,
)

# What a sensor says every so many seconds for a quarter of an hour, and the highest level that is right.
SENSORS: dict[str, tuple[Rule, float, list[float], Level | None]] = {
    "a street at 45 cm": (STREET, 30, [0.45] * 30, RED),
    "every second echo lost": (STREET, 30, [0.45, 0.0] * 15, RED),
    "every second echo lost, at 10 s": (STREET, 10, [0.45, 0.0] * 45, RED),
    "every fifth echo lost, at 10 s": (STREET, 10, [0.45, 0.45, 0.45, 0.45, 0.0] * 18, RED),
    "an underpass, every second echo lost, at 10 s": (UNDERPASS, 10, [0.60, 0.0] * 45, RED),
    "an underpass, every second echo lost": (UNDERPASS, 30, [0.60, 0.0] * 15, RED),
    "one echo too much": (STREET, 30, [0.0] * 10 + [1.40] + [0.0] * 19, DRY),
    "one in five too much": (STREET, 30, [0.0, 0.0, 0.0, 0.0, 1.40] * 6, DRY),
    "one in ten too much, at 10 s": (UNDERPASS, 10, ([0.0] * 9 + [1.40]) * 9, DRY),
    "without a delay, one echo too much": (
        STREET.model_copy(update={"on_delay_s": 0.0}),
        30,
        [0.0] * 10 + [1.40] + [0.0] * 19,
        DRY,
    ),
    "blue, and one echo too much": (STREET, 30, [0.12] * 10 + [1.40] + [0.12] * 19, BLUE),
    "just under every level": (STREET, 30, [0.099] * 30, DRY),
}


@pytest.mark.parametrize("name", SENSORS)
def test_what_a_sensor_says_and_what_follows(name: str) -> None:
    rule, every_s, values, right = SENSORS[name]
    bench = Bench(rule)
    bench.polled([0.0, *values], every_s, begin_s=30)
    told = [level for level in bench.levels if level is not None]
    assert max(told, key=lambda level: level.rank, default=None) == right
    assert bench.condition.level == right
    assert len(bench.changes) <= 20


def test_a_rise_is_told_within_two_periods_and_the_delay() -> None:
    """15 cm a minute, polled every 30 s: each level within 90 s of the first reading that reached it."""
    bench = Bench(STREET)
    reached: dict[Level, float] = {}
    for k in range(40):
        t, depth = 30.0 * (k + 1), round(0.075 * k, 3)
        for level, threshold in STREET.levels.items():
            if depth >= threshold:
                reached.setdefault(level, t)
        bench.read(t, depth)
    told = {c.level: c.time_ms / S for c in reversed(bench.changes) if c.level is not None}
    assert all(told[level] - reached[level] <= 90 for level in (YELLOW, RED))


def test_one_doubtful_echo_that_is_taken_back_leaves_nothing() -> None:
    for flag, delay in ((SUSPECT, 30.0), (PASS, 0.0), (PASS, 30.0)):
        bench = Bench(UNDERPASS.model_copy(update={"on_delay_s": delay}))
        bench.polled([0.0] * 5, 30, begin_s=30)
        bench.read(180, 1.40, flag)
        bench.entry(210, [(180, 1.40, FAIL), (210, 0.0, PASS)])
        bench.polled([0.0] * 20, 30)
        assert bench.levels == []
        assert bench.now[:2] == (NORMAL, None)
        assert bench.late == []


def test_a_suspect_reading_alone_sets_nothing_and_two_do_and_are_doubted() -> None:
    bench = Bench()
    bench.read(30, 0.20, SUSPECT)
    bench.wait(700)
    assert bench.levels == []
    bench.read(730, 0.20, SUSPECT)
    bench.wait(800)
    assert bench.now[:2] == (ACTIVE, YELLOW)
    assert bench.condition.doubt is Doubt.SUSPECT


def test_a_level_that_stands_by_report_by_exception_is_told_by_time_alone() -> None:
    """The gateway says nothing while nothing changes: 20 cm once, unchallenged for two periods."""
    bench = Bench()
    bench.read(30, 0.0)
    bench.read(60, 0.20)
    bench.wait(120)
    assert bench.levels == []
    bench.wait(130)
    assert bench.levels == [YELLOW]
    assert bench.condition.shown_value == 0.20


def test_a_level_taken_back_that_rested_on_one_reading_alone() -> None:
    bench = Bench()
    bench.read(30, 0.0)
    bench.read(60, 1.40)
    bench.wait(200)  # it stood for long enough by time alone
    assert bench.levels == [RED]
    bench.entry(230, [(60, 1.40, FAIL), (230, 0.0, PASS)])
    assert bench.now == (NORMAL, None, Reason.CORRECTED)


def test_a_level_whose_only_reading_is_taken_back_is_held_when_nothing_is_known_instead() -> None:
    bench = Bench()
    bench.read(60, 1.40)
    bench.wait(200)
    assert bench.levels == [RED]
    bench.entry(230, [(60, 1.40, FAIL)])
    assert bench.now == (UNKNOWN, RED, Reason.UNUSABLE)
    bench.read(260, 0.0)
    assert bench.now[:2] == (CLEARING, RED)


def test_a_correction_of_one_reading_among_many_takes_nothing_back() -> None:
    bench = Bench()
    bench.polled([0.0, *[0.45] * 10], 30, begin_s=30)
    bench.entry(400, [(300, 0.45, FAIL)])
    assert bench.now[:2] == (ACTIVE, RED)


def test_dips_neither_reset_nor_are_they_shown() -> None:
    bench = Bench()
    bench.polled([0.0, *[0.45] * 10], 30, begin_s=30)
    for t, value, flag in (
        (360, 0.0, PASS),
        (390, 0.45, PASS),
        (420, 0.0, SUSPECT),
        (450, 0.46, PASS),
        (480, 0.0, PASS),
    ):
        bench.read(t, value, flag)
        shown = bench.condition.shown_value
        assert shown is not None
        assert shown >= 0.45
        assert bench.now[:2] == (ACTIVE, RED)
    assert bench.levels == [RED]


def test_one_echo_too_high_is_not_shown() -> None:
    bench = Bench()
    bench.polled([0.0, *[0.12] * 10], 30, begin_s=30)
    bench.read(360, 1.40)
    assert bench.condition.shown_value == 0.12
    bench.read(390, 1.40)
    assert bench.condition.shown_value == 1.40


def test_a_gentle_rise_is_shown_at_once() -> None:
    bench = Bench()
    bench.polled([0.0, *[0.45] * 10], 30, begin_s=30)
    bench.read(360, 0.50)
    assert bench.condition.shown_value == 0.50


def test_dry_readings_end_a_level_and_say_so() -> None:
    bench = Bench()
    bench.polled([0.0, *[0.20] * 40], 30, begin_s=30)
    bench.polled([0.0] * 5, 30)
    assert bench.now[:2] == (CLEARING, YELLOW)
    assert (bench.condition.shown_value, bench.condition.shown_ms) == (0.20, 1230 * S)  # the last that reached it
    bench.polled([0.0] * 13, 30)
    assert bench.condition.level is YELLOW
    bench.polled([0.0], 30)  # nine tenths of ten minutes
    assert bench.now == (NORMAL, None, Reason.OFF_DELAY_OVER)


@pytest.mark.parametrize(
    ("readings", "level"),
    [
        ([], YELLOW),  # silence
        ([(1800, 0.0, PASS)], YELLOW),  # one dry reading after a silence
        ([(1800, 0.0, PASS), (2100, 0.0, PASS)], YELLOW),  # too short
        ([(1800, 0.0, PASS), (2400, 0.0, PASS)], DRY),  # by exception: nothing between, and it was heard
        ([(1800, 0.0, SUSPECT), (2100, 0.0, SUSPECT), (2400, 0.0, PASS)], YELLOW),  # most of it doubted
        ([(1800, 0.0, PASS), (2100, 0.0, SUSPECT), (2400, 0.0, PASS)], DRY),
        ([(1800, 0.0, PASS), (4000, 0.0, PASS)], YELLOW),  # a gap longer than stale begins anew
        ([(1800, 0.0, PASS), (2200, 0.2, PASS), (2400, 0.0, PASS)], YELLOW),  # a third of the time it stood again
        ([(1800, 0.0, PASS), (2350, 0.2, PASS), (2370, 0.0, PASS), (2400, 0.0, PASS)], DRY),  # one echo too much
        ([(1800, 0.0, PASS), (2400, 0.0, FAIL)], YELLOW),
        ([(1800, 0.0, PASS), (2400, float("nan"), Flag.MISSING)], YELLOW),
        ([(1800, 0.14, PASS), (2400, 0.14, PASS)], YELLOW),  # within the hysteresis
    ],
)
def test_what_ends_a_level(readings: list[tuple[float, float, Flag]], level: Level | None) -> None:
    bench = Bench()
    bench.polled([0.0, *[0.20] * 40], 30, begin_s=30)
    for t, value, flag in readings:
        bench.read(t, value, flag)
    bench.wait(6000)
    assert bench.condition.level is level


def test_history_raises_nothing_and_is_noted() -> None:
    """Ten minutes of 55 cm that come twenty minutes late, together with a dry reading."""
    bench = Bench(UNDERPASS)
    bench.read(30, 0.0)
    bench.wait(3000)
    late = [(1200.0 + 30 * k, 0.55, PASS) for k in range(20)]
    bench.entry(3010, [*late, (3010, 0.0, PASS)])
    bench.wait(3600)
    assert bench.levels == []
    assert {n.level for n in bench.late} == {RED}
    assert len(bench.late) == 20


def test_history_alone_raises_nothing() -> None:
    bench = Bench(UNDERPASS)
    bench.read(30, 0.0)
    bench.wait(3000)
    bench.entry(3010, [(2200.0 + 30 * k, 0.55, PASS) for k in range(7)])  # the newest ten minutes old
    bench.wait(3600)
    assert bench.levels == []
    assert [n.level for n in bench.late] == [RED] * 7


def test_what_comes_late_between_others_is_no_reason_to_clear() -> None:
    """Nine minutes dry, but what comes late says that it stood in between: the full record would not have cleared."""
    bench = Bench()
    bench.polled([0.0, *[0.20] * 40], 30, begin_s=30)
    bench.read(1260, 0.0)
    bench.entry(1700, [(1700, 0.0, PASS)])
    bench.entry(1710, [(1500 + 10 * k, 0.20, PASS) for k in range(15)])
    bench.read(1870, 0.0)
    assert bench.condition.level is YELLOW


def test_never_heard_is_unknown_and_silence_holds() -> None:
    bench = Bench()
    assert bench.wait(10_000) == []
    assert bench.now == (UNKNOWN, None, Reason.NEVER_SEEN)
    bench.read(10_000, 0.20)
    bench.read(10_030, 0.20)
    bench.wait(10_070)
    bench.read(10_100, 0.0)
    bench.wait(11_599)
    assert bench.now[:2] == (CLEARING, YELLOW)
    bench.wait(11_601)
    assert bench.now == (UNKNOWN, YELLOW, Reason.SILENT)
    bench.wait(10**5)
    bench.read(10**5, 0.0)
    assert bench.now == (CLEARING, YELLOW, Reason.HEARD_AGAIN)


def test_an_unusable_reading_neither_raises_nor_clears_nor_refreshes() -> None:
    bench = Bench()
    bench.read(30, 0.0)
    for t in range(60, 1560, 60):
        bench.read(t, 5.0, FAIL)
    bench.wait(1531)
    assert bench.now == (UNKNOWN, None, Reason.UNUSABLE)
    assert bench.levels == []


def test_minimum_hold_outlasts_a_short_off_delay() -> None:
    bench = Bench(STREET.model_copy(update={"off_delay_s": 0.0, "min_hold_s": 1000.0}))
    bench.polled([0.2] * 4, 30, begin_s=30)
    bench.polled([0.0] * 30, 30)
    assert bench.condition.level is YELLOW
    bench.polled([0.0] * 6, 30)
    assert bench.now[:2] == (NORMAL, None)


# --- muted ---


def test_a_muted_sensor_is_unknown_never_dry_and_holds() -> None:
    bench = Bench()
    bench.polled([0.0, *[0.20] * 10], 30, begin_s=30)
    (change,) = bench.engine.mute(bench.state, [0], 5000 * S, 400 * S)
    assert (change.state, change.level, change.reason) == (UNKNOWN, YELLOW, Reason.MUTED)
    bench.polled([0.0] * 100, 30, begin_s=430)
    bench.restart()
    assert bench.now == (UNKNOWN, YELLOW, Reason.MUTED)
    assert bench.condition.muted_until_ms == 5000 * S
    bench.wait(5010)
    assert bench.now == (UNKNOWN, YELLOW, Reason.MUTED)
    bench.read(5040, 0.0)
    assert bench.now == (CLEARING, YELLOW, Reason.HEARD_AGAIN)
    bench.polled([0.0] * 21, 30)
    assert bench.now[:2] == (NORMAL, None)


def test_a_mute_that_is_taken_back_ends_at_once() -> None:
    bench = Bench()
    bench.read(30, 0.0)
    bench.engine.mute(bench.state, [0], 5000 * S, 40 * S)
    assert bench.engine.mute(bench.state, [0], 60 * S, 60 * S) == []
    bench.read(90, 0.0)
    assert bench.now == (NORMAL, None, Reason.HEARD_AGAIN)


# --- many at once ---


@pytest.mark.parametrize("n", [5000])
def test_many_channels_cost_little_an_entry(n: int) -> None:
    engine = Conditions({ConditionKey(Target.of_channel(c), "r"): STREET for c in range(1, n + 1)})
    state = engine.initial()
    dry = Findings.of(np.arange(n), ReadingBatch.of([0] * n, range(1, n + 1), [0.0] * n, [1] * n))
    state, changes, _ = engine.step(state, dry, 0)
    assert len(changes) == n
    _, changes, _ = engine.step(state, found(ReadingBatch.of([1], [7], [1.0], [1]), 6), 1)
    assert [c.channel for c in changes] == [7]


def test_calm_history_is_not_worth_a_note_and_wet_history_is() -> None:
    bench = Bench()
    bench.entry(1501, [(0, 0.09, PASS), (0.5, 0.1, PASS)])
    assert bench.changes == []
    assert bench.late == [Late(KEY, 1, 500, 1_501_000, 0.1, BLUE)]
    old = ReadingBatch.of([0, 0], [1, 1], [0.09, 0.1], [1, 1])
    assert calm_history(old, 10**7, np.full(2, 1000), np.full(2, 0.1)).tolist() == [True, False]


def test_rules_on_one_target_stand_side_by_side() -> None:
    """Each has its own levels and delays, and is told by its own name; at one moment by target, then by rule."""
    quick = STREET.model_copy(update={"id": "a", "on_delay_s": 0.0, "levels": {RED: 0.3}})
    zone = ConditionKey(Target.of_zone("z"), "a")
    channel = [ConditionKey(Target.of_channel(1), rule) for rule in ("r", "a")]
    engine = Conditions({zone: quick, channel[0]: STREET, channel[1]: quick})
    assert engine.keys == [channel[1], channel[0], zone]
    state = engine.initial()
    told = []
    for t in (0, 30, 60):
        reading = ReadingBatch.of([t * S] * 3, [1, 1, 1], [0.35] * 3, [1] * 3)
        state, changes, _ = engine.step(state, Findings.of(np.array([2, 1, 0]), reading), t * S)
        told += [(t, c.key, c.level) for c in changes if c.level is not None]
    assert told == [(30, channel[1], RED), (30, zone, RED), (60, channel[0], ORANGE)]
    state, changes, _ = engine.step(state, Findings.none(), 1_560_001)
    assert [(c.key, c.reason) for c in changes] == [(key, Reason.SILENT) for key in engine.keys]
    assert state.of_channels([2, 1]) == [state[channel[1]], state[channel[0]]]


def test_a_correction_after_a_silence_takes_back_only_what_rested_on_it() -> None:
    """Twenty-three minutes of 60 cm, one spike, silence; then the spike's correction and one dry reading together."""
    bench = Bench(STREET.model_copy(update={"stale_after_s": 600.0}))
    bench.polled([0.0, *[0.60] * 46], 30, begin_s=1141)
    bench.read(2581, 1.20)
    bench.entry(3601, [(2581, 1.20, FAIL), (3601, 0.008, PASS)])
    assert bench.now[:2] == (CLEARING, RED)
