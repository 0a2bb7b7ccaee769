"""What a person ended is told of again only when it was dry, or got worse."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from cloud.log.base import Cursor
from cloud.warnings.model import Evidence, MsgType, Why
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Flag
from simulators.promise.warnings.district import Edition, first_edition
from simulators.promise.warnings.stays_ended import check_ended
from simulators.promise.warnings.witness import Era, Heard, Told, Witness
from simulators.promise.world import Broken, World

EDITION = next(e for seed in range(50) if 101 in (e := first_edition(random.Random(seed))).catalogue.channels)
MINUTE_MS = 60_000


def told(minute: int, incident: str, level: Level, value: float | None, why: Why, edition: Edition = EDITION) -> Told:
    """Of channel 101, an underpass: red from 0.50 m. value: None when it ends."""
    ms, kind = minute * MINUTE_MS, MsgType.ALERT if why is Why.OPENED else MsgType.UPDATE
    key = ConditionKey(Target.of_channel(101), "deep")
    e = Evidence(key, 101, "S", Quantity.DEPTH, level, ConditionState.ACTIVE, value, ms)
    kind, evidence = (MsgType.CANCEL, ()) if value is None else (kind, (e,))
    return Told(f"{minute}", incident, "shakou", kind, level, ms, ms, b"", edition.catalogue, why, None, evidence)


def witness(messages: Sequence[Told], heard: Sequence[tuple[int, float]] = ()) -> Witness:
    out = Witness(World(1, 0, False))
    out.told[:] = messages
    out.eras.append(Era(0, Cursor(0), EDITION, Cursor(0)))
    out.heard[101] = [Heard(m * MINUTE_MS, m * MINUTE_MS, value, Flag.PASS) for m, value in heard]
    return out


ENDED = [told(1, "a", Level.ORANGE, 0.40, Why.OPENED), told(3, "a", Level.ORANGE, None, Why.WITHDRAWN)]


def test_the_same_evidence_again_is_a_fault() -> None:
    with pytest.raises(Broken, match=r"^what-a-person-ended-stays-ended"):
        check_ended(witness([*ENDED, told(4, "b", Level.ORANGE, 0.41, Why.OPENED)], [(2, 0.40), (4, 0.41)]))


@pytest.mark.parametrize(
    ("level", "value", "heard"),
    [
        (Level.RED, 0.55, [(2, 0.40), (4, 0.55)]),  # a level higher
        (Level.ORANGE, 0.40, [(2, 0.40), (4, 0.00), (9, 0.40)]),  # dry in between
    ],
)
def test_what_got_worse_or_was_dry_is_news(level: Level, value: float, heard: list[tuple[int, float]]) -> None:
    news = told(10, "b", level, value, Why.OPENED)
    check_ended(witness([*ENDED, news, told(12, "b", Level.ORANGE, 0.40, Why.EASED)], heard))


def test_what_dry_readings_ended_may_come_again() -> None:
    dry = told(3, "a", Level.ORANGE, None, Why.ENDED_DRY)
    check_ended(witness([ENDED[0], dry, told(4, "b", Level.ORANGE, 0.41, Why.OPENED)]))
