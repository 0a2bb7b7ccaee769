"""Another rule judges what is held anew: nothing is dropped, and nothing is cleared without a value that says so."""

from __future__ import annotations

import pytest

from contract.catalogue.rules import Level, Rule
from contract.conditions.findings import Findings
from contract.conditions.latches import Conditions
from contract.conditions.limits import Watched
from contract.conditions.reconciling import restore
from contract.conditions.state import ConditionState, Reason
from contract.conditions.stored import dump, from_json
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Flag
from tests.contract.conditions.bench import KEY, STREET, Bench, S

DRY, BLUE, ORANGE, RED = None, Level.BLUE, Level.ORANGE, Level.RED
ACTIVE, UNKNOWN, NORMAL = ConditionState.ACTIVE, ConditionState.UNKNOWN, ConditionState.NORMAL


def restarted(rule: Rule, until: float = 400.0, silent_s: float = 0.0) -> Bench:
    """A street at 60 cm, and a restart with another rule; perhaps after a silence."""
    bench = Bench()
    bench.polled([0.0, *[0.60] * 12], 30, begin_s=30)
    if silent_s:
        bench.wait(until + silent_s)
    bench.restart(rule)
    bench.changes.clear()
    bench.wait(until + silent_s + 5)
    return bench


def levels(**thresholds: float) -> Rule:
    return STREET.model_copy(update={"levels": {Level(name): value for name, value in thresholds.items()}})


@pytest.mark.parametrize(
    ("rule", "heard", "silent"),
    [
        (levels(yellow=0.15, orange=0.25, red=0.40), RED, RED),  # blue was taken out
        (levels(blue=0.10, yellow=0.15, orange=0.25), ORANGE, ORANGE),  # red was taken out
        (levels(blue=0.10, yellow=0.15, orange=0.25, red=0.70), ORANGE, RED),  # red was raised
        (levels(blue=0.70, yellow=0.80, orange=0.90, red=1.00), DRY, RED),  # all were raised
        (levels(blue=0.70), DRY, BLUE),
        (levels(red=0.59), RED, RED),
        (levels(blue=0.05, yellow=0.10, orange=0.20, red=0.30), RED, RED),
    ],
)
def test_another_rule_judges_what_is_held_and_never_clears_without_a_value(
    rule: Rule, heard: Level | None, silent: Level | None
) -> None:
    for silent_s, right in ((0.0, heard), (5000.0, silent)):
        bench = restarted(rule, silent_s=silent_s)
        assert bench.condition.level is right
        assert {c.reason for c in bench.changes if c.level is not c.level_before} <= {Reason.THRESHOLDS_CHANGED}
        assert bench.condition.state is (UNKNOWN if silent_s else (NORMAL if right is DRY else ACTIVE))


RAISED = levels(blue=0.15, yellow=0.20, orange=0.30, red=0.45)


@pytest.mark.parametrize(
    ("shown", "right"),
    [
        ([0.60] * 12 + [0.42, 0.35, 0.28, 0.20, 0.13], RED),  # below the new red's clear value, for 2 min of 10
        ([0.60] * 12 + [0.33] * 21, ORANGE),  # below it for all of the off-delay
        ([0.60] * 2 + [0.12] * 21, DRY),  # below all of them for all of it
        ([0.0] * 10 + [0.42] * 4, ORANGE),  # red was set, and by the new rule never reached
        ([0.0] * 10 + [0.60] + [0.42] * 4, ORANGE),  # nor by one echo
    ],
)
def test_a_raised_threshold_ends_no_level_that_it_would_not_have_ended(shown: list[float], right: Level | None) -> None:
    bench = Bench()
    bench.polled([0.0, *shown], 30, begin_s=30)
    bench.restart(RAISED)
    bench.wait(30 * len(shown) + 40)
    assert bench.condition.level is right


@pytest.mark.parametrize(
    ("shown", "begin_s", "every_s", "flag"),
    [
        ([0.0] * 21, 420, 30, Flag.SUSPECT),  # doubted findings end nothing
        ([0.0], 3000, 30, Flag.PASS),  # after a silence, all that is remembered is a moment long
        ([0.0] * 3, 3000, 30, Flag.PASS),
        ([0.42] * 3, 3000, 30, Flag.PASS),
    ],
)
def test_a_raised_threshold_ends_no_level_that_silence_or_doubt_would_not_have_ended(
    shown: list[float], begin_s: float, every_s: float, flag: Flag
) -> None:
    bench = Bench(STREET.model_copy(update={"stale_after_s": 900.0}))
    bench.polled([0.0, *[0.60] * 12], 30, begin_s=30)
    for k, value in enumerate(shown):
        bench.read(begin_s + every_s * k, value, flag)
    end_s = begin_s + every_s * len(shown)
    bench.restart(RAISED.model_copy(update={"stale_after_s": 900.0}))
    bench.wait(end_s + 5)
    assert bench.condition.level is RED
    bench.polled([0.0] * 45, 30, begin_s=end_s + 30)
    assert bench.condition.level is DRY


def test_a_raised_threshold_ends_no_level_of_one_finding_that_stood() -> None:
    """Report by exception: 60 cm once, for five minutes; then dry for four of the ten that end it."""
    bench = Bench()
    bench.read(30, 0.0)
    bench.read(60, 0.60)
    bench.wait(330)
    bench.polled([0.0] * 8, 30, begin_s=360)
    assert bench.condition.state is ConditionState.CLEARING
    bench.restart(RAISED)
    bench.wait(600)
    assert bench.condition.level is RED


def test_a_level_taken_out_raises_at_most_the_next_one() -> None:
    """12 cm, and 60 cm by one sample: what blue was is yellow now, and red is raised by its own delay."""
    bench = Bench()
    bench.polled([0.0, *[0.12] * 8, 0.28], 30, begin_s=30)
    bench.restart(levels(yellow=0.15, orange=0.25, red=0.40))
    bench.wait(30 * 9 + 35)
    assert bench.condition.level in (None, Level.YELLOW)


def test_a_lowered_threshold_that_is_reached_already_is_told_at_once() -> None:
    bench = Bench()
    bench.polled([0.0, *[0.08] * 12], 30, begin_s=30)
    bench.restart(levels(blue=0.05, red=0.40))
    bench.changes.clear()
    bench.wait(395)
    bench.polled([0.08] * 2, 30)
    assert bench.condition.level is BLUE


def test_a_rule_that_is_gone_is_told_of_and_a_renamed_one_goes_on() -> None:
    bench = Bench()
    bench.polled([0.0, *[0.60] * 12], 30, begin_s=30)
    stored = [from_json(row) for row in dump(bench.state, bench.engine.limits)]
    other = ConditionKey(Target.of_channel(2), "r")
    engine = Conditions({other: Watched(STREET)})
    state, (change,), _ = engine.step(restore(engine, stored), Findings.none(), 500 * S)
    assert (change.key, change.level, change.level_before) == (KEY, None, RED)
    assert change.reason is Reason.NO_LONGER_WATCHED
    renamed = ConditionKey(KEY.target, "new")
    engine = Conditions({renamed: Watched(STREET), other: Watched(STREET)})
    state, changes, _ = engine.step(restore(engine, stored), Findings.none(), 395 * S)
    assert changes == []
    assert state[renamed].level is RED
