"""What was told of a zone by some time."""

from __future__ import annotations

from typing import Any, cast

import pytest

from contract.catalogue.rules import Level
from simulators.promise.warnings.stood import ended_as_high, was_told
from simulators.promise.warnings.witness import Witness


class Said:
    """A message of a zone. level None: it ended it; said_level: as it says."""

    def __init__(self, seen_ms: int, level: Level | None, zone: str = "north") -> None:
        self.seen_ms, self.level, self.zone, self.said_level = seen_ms, level, zone, level or Level.RED


class Seen:
    """As much of a `Witness` as these ask for."""

    def __init__(self, *told: Said, ends: tuple[int, ...] = ()) -> None:
        self.told, self._ends = told, ends

    def ends(self, _zone: str, until_ms: int) -> list[int]:
        return [ms for ms in self._ends if ms <= until_ms]


def witness(*told: Said, ends: tuple[int, ...] = ()) -> Witness:
    return cast(Any, Seen(*told, ends=ends))


ORANGE_FROM_100 = (Said(50, Level.BLUE), Said(100, Level.ORANGE), Said(200, None))


@pytest.mark.parametrize(
    ("level", "from_ms", "until_ms", "told"),
    [
        (Level.ORANGE, 60, 110, True),
        (Level.YELLOW, 60, 110, True),
        (Level.RED, 60, 110, False),
        (Level.ORANGE, 60, 99, False),  # not yet
        (Level.ORANGE, 150, 160, True),  # it stood all the while
        (Level.ORANGE, 150, 260, True),  # and was ended only then
        (Level.BLUE, 201, 260, False),  # it was over
    ],
)
def test_was_told(level: Level, from_ms: int, until_ms: int, told: bool) -> None:
    assert was_told(witness(*ORANGE_FROM_100), {"north"}, level, from_ms, until_ms) is told
    assert not was_told(witness(*ORANGE_FROM_100), {"south"}, level, from_ms, until_ms)


def test_what_a_person_ended_as_high_need_not_be_told_again() -> None:
    seen = witness(Said(50, Level.BLUE), Said(100, Level.ORANGE), ends=(150,))
    assert ended_as_high(seen, "north", Level.ORANGE, 200)
    assert not ended_as_high(seen, "north", Level.RED, 200)
    assert not ended_as_high(seen, "north", Level.ORANGE, 149)
