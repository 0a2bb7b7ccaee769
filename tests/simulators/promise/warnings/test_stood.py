"""What was told of a zone by some time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, cast

import pytest

from cloud.log.decision import Decision, DecisionKind
from cloud.warnings.model import MsgType
from contract.catalogue.rules import Level
from simulators.promise.warnings.district import first_edition
from simulators.promise.warnings.stood import due_ms, ended_as_high, stands_since_ms, was_told
from simulators.promise.warnings.witness import Told, Witness
from simulators.promise.world import World

CATALOGUE = first_edition(random.Random(1)).catalogue
CHANNEL = min(CATALOGUE.channels)
MINUTE_MS = 60_000


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


@pytest.mark.parametrize(
    ("down", "muted", "until", "due"),
    [
        ((), None, 60, 12),  # two minutes after minute 10
        (((8, 9),), None, 60, 12),
        (((11, 14),), None, 60, 16),  # the cloud was down when it was to be told
        (((11, 13), (14, 15)), None, 60, 17),
        (((11, 17),), None, 60, None),  # so long that it is history: half of ten minutes more
        ((), (6, 9), 60, None),  # muted since it was first shown
        ((), (1, 4), 60, 12),  # and before that
        ((), (12, 20), 60, None),
        ((), (13, 20), 60, 12),
        ((), None, 11, None),  # other rules came before
    ],
)
def test_by_when_a_level_must_be_told(
    down: Sequence[tuple[int, int]], muted: tuple[int, int] | None, until: int, due: int | None
) -> None:
    """Shown since minute 5, and sure in minute 10, of a rule whose readings are stale after ten minutes."""
    witness = Witness(World(1, 0, False))
    witness.down = [(a * MINUTE_MS, b * MINUTE_MS) for a, b in down]
    if muted is not None:
        detail: dict[str, str | int] = {"until_ms": muted[1] * MINUTE_MS}
        mute = Decision("d", DecisionKind.MUTE, "ann", 0, f"channel/{CHANNEL}", detail)
        witness.decided.append((muted[0] * MINUTE_MS, mute))
    found = due_ms(witness, CATALOGUE, CHANNEL, (5 * MINUTE_MS, 10 * MINUTE_MS), 600_000, until * MINUTE_MS)
    assert found == (None if due is None else due * MINUTE_MS)


@pytest.mark.parametrize(
    ("levels", "since"),
    [
        ([Level.RED], 1),
        ([Level.BLUE, Level.RED], 2),
        ([Level.RED, Level.RED, Level.RED], 1),
        ([Level.RED, Level.BLUE, Level.ORANGE], 3),
        ([Level.BLUE, Level.RED, Level.ORANGE], 2),  # orange or worse since the second
    ],
)
def test_since_when_a_level_stands(levels: Sequence[Level], since: int) -> None:
    told = [
        Told(f"m{n}", "a", "north", MsgType.UPDATE, level, n, n, b"", CATALOGUE) for n, level in enumerate(levels, 1)
    ]
    assert stands_since_ms(told) == since
