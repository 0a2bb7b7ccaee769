"""What is learnt of a unit: how much rest it wants."""

from __future__ import annotations

from edge_agent.drivers.modbus_unit import UnitWays

SILENCE_S = 0.004


def rests(ways: UnitWays, wants_s: float, questions: int = 40) -> list[float]:
    """The rest before each question, to a unit that is deaf for so long after anything was said."""
    found = []
    for _ in range(questions):
        rest_s = max(ways.rest_s(), SILENCE_S)
        found.append(rest_s)
        if rest_s >= wants_s:
            ways.answered(0.01, rest_s)
        else:
            ways.missed(rest_s)
            ways.answered(0.01, 1.0)  # the first of the next poll
    return found


def test_a_unit_that_wants_no_rest_gets_none() -> None:
    assert set(rests(UnitWays(SILENCE_S), 0.0)) == {SILENCE_S}


def test_the_rest_that_a_unit_wants_is_found() -> None:
    for wants_s, most in ((0.01, 2), (0.03, 2), (0.08, 2), (0.15, 8)):
        ways = UnitWays(SILENCE_S)
        ways.answered(0.01, 1.0)
        found = rests(ways, wants_s)
        assert sum(rest_s < wants_s for rest_s in found) <= most
        assert found[-1] >= wants_s


def test_one_that_never_answered_tells_nothing() -> None:
    ways = UnitWays(SILENCE_S)
    for _ in range(20):
        ways.missed(SILENCE_S)
    assert ways.rest_s() == 0.0
