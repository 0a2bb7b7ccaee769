"""What is learnt of a unit: after what it wants rest, and how long it takes to answer."""

from __future__ import annotations

from edge_agent.drivers.modbus_rest import FoundRest
from edge_agent.drivers.modbus_unit import UnitWays

SILENCE_S = 0.004


def ways() -> UnitWays:
    return UnitWays(SILENCE_S, FoundRest())


def answers(unit: UnitWays, took_s: float, times: int) -> None:
    for n in range(times):
        asked_s = n * (took_s + SILENCE_S)
        unit.answered(took_s, asked_s, asked_s - SILENCE_S, asked_s + took_s)


def test_after_its_own_reply_and_after_others_are_two_things() -> None:
    unit = ways()
    asked_s, own_s, line_s = 10.0, 9.0, 9.0
    for _ in range(40):  # deaf for 50 ms after its own reply, and heedless of others
        asked_s = max(unit.hears_at_s(line_s), line_s + SILENCE_S)
        if asked_s - own_s >= 0.05:
            unit.answered(0.01, asked_s, line_s, asked_s + 0.01)
            own_s = line_s = asked_s + 0.01
        else:
            unit.missed(asked_s, line_s, asked_s, False)
            unit.answered(0.01, asked_s + 1.0, asked_s, asked_s + 1.01)
            own_s = line_s = asked_s + 1.01
        asked_s = line_s + 0.3
        unit.answered(0.01, asked_s + SILENCE_S, asked_s, asked_s + 0.02)  # shortly after another's reply
        own_s = line_s = asked_s + 0.02
    assert 0.05 <= unit.hears_at_s(line_s) - own_s <= 0.06
    assert unit.hears_at_s(line_s + 1.0) == line_s + 1.0


def test_one_that_never_answered_tells_nothing() -> None:
    unit = ways()
    for n in range(20):
        unit.missed(float(n), n - SILENCE_S, float(n), False)
    assert unit.hears_at_s(20.0) == 20.0


def test_one_that_never_answered_may_want_what_others_of_the_line_want() -> None:
    unit = UnitWays(SILENCE_S, FoundRest(0.095, 0.1))
    assert unit.hears_at_s(0.5) == 0.5
    unit.missed(1.0, 1.0 - SILENCE_S, 1.0, False)
    assert 0.1 < unit.hears_at_s(2.0) - 2.0 < 0.11


def test_one_that_is_slow_may_have_heard() -> None:
    unit = ways()
    answers(unit, 0.01, 5)
    for n in range(20):
        unit.missed(10.0 + n, 10.0 + n - SILENCE_S, 10.0 + n, True)
    assert unit.hears_at_s(40.0) == 40.0


def test_one_that_always_answers_soon_is_asked_again_soon() -> None:
    unit = ways()
    answers(unit, 0.01, 3)
    assert unit.soon_s(0.5) is None  # it is not known so well
    answers(unit, 0.01, 1)
    assert unit.soon_s(0.5) == 0.06
    assert unit.soon_s(0.1) is None  # no sooner than it might answer
    unit.was_silent()
    assert unit.soon_s(0.5) is None
    answers(unit, 0.2, 1)
    assert unit.soon_s(0.5) is None
