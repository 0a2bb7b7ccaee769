"""When a deputy must be told by escalation, and when it must not: what was told, done and received, in minutes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import time

import pytest

from cloud.delivery.wants import Step
from cloud.log.decision import Decision, DecisionKind
from cloud.warnings.model import Message, MsgType, Why
from contract.catalogue.rules import Level
from simulators.promise.warnings.consumers import WARNINGS, Consumer, Receipt, Tried
from simulators.promise.warnings.district import first_edition
from simulators.promise.warnings.escalated import check_escalation
from simulators.promise.warnings.witness import Told, Witness
from simulators.promise.world import Broken, World

CATALOGUE = first_edition(random.Random(1)).catalogue
MINUTE_MS = 60_000
TEN = Step("police", 600.0)
AT_NIGHT = Step("police", 600.0, time(20), time(6))
THE_WORST = Step("police", 600.0, levels=frozenset({Level.RED}))


def broken_by(step: Step, told: Sequence[tuple[int, Level]], got_min: int | None, acted_min: int | None = None) -> str:
    """The property that a run breaks; empty: none. told: minute and level of each message of one incident, open for
    two hours. got_min: when the deputy was told the newest of them. acted_min: when somebody acknowledged it."""
    world = World(1, 0, False)
    world.true_ms = 120 * MINUTE_MS
    witness = Witness(world)
    for n, (minute, level) in enumerate(told):
        ms, kind = minute * MINUTE_MS, MsgType.UPDATE if n else MsgType.ALERT
        witness.said.append(Told(f"m{n}", "a", "shakou", kind, level, ms, ms, b"", CATALOGUE, Why.WORSE))
    deputy = Consumer(world, "deputy", "", (), WARNINGS.__class__(WARNINGS.kinds, steps=(step,)))
    if got_min is not None:
        newest = [n for n, (minute, _) in enumerate(told) if minute <= got_min][-1]
        message = Message(f"m{newest}", "a", 0, MsgType.ALERT, told[newest][1], (), b"")
        deputy.first_tried["a"] = Tried(got_min * MINUTE_MS, message.id)
        deputy.has.append(Receipt(got_min * MINUTE_MS, message, True))
    if acted_min is not None:
        ms = acted_min * MINUTE_MS
        witness.decided.append((ms, Decision("d", DecisionKind.ACKNOWLEDGE, "ann", ms, "a")))
    try:
        check_escalation(witness, deputy)
    except Broken as error:
        return str(error).split(":")[0]
    return ""


@pytest.mark.parametrize(
    ("step", "told", "got_min", "acted_min", "broken"),
    [
        (TEN, [(5, Level.RED)], 15, None, ""),
        (TEN, [(5, Level.RED)], None, None, "escalated-when-nobody-acts"),
        (TEN, [(5, Level.RED)], 9, None, "escalated-too-soon"),
        (TEN, [(5, Level.BLUE), (12, Level.RED)], 16, None, "escalated-too-soon"),  # red for four minutes
        (TEN, [(5, Level.RED), (12, Level.RED)], 15, None, ""),  # red since minute 5
        (TEN, [(5, Level.RED)], None, 8, ""),
        (TEN, [(5, Level.RED)], 15, 8, "acted-on-is-not-escalated"),
        (TEN, [(5, Level.RED)], 15, 16, ""),  # too late
        (THE_WORST, [(5, Level.BLUE)], None, None, ""),
        (THE_WORST, [(5, Level.BLUE)], 15, None, "only-what-it-wants"),
        (AT_NIGHT, [(5, Level.ORANGE)], None, None, ""),
        (AT_NIGHT, [(5, Level.ORANGE)], 15, None, "escalated-within-its-hours"),
        (AT_NIGHT, [(5, Level.RED)], None, None, "red-goes-by-no-hours"),
        (AT_NIGHT, [(5, Level.RED)], 15, None, ""),
    ],
)
def test_escalation(
    step: Step, told: list[tuple[int, Level]], got_min: int | None, acted_min: int | None, broken: str
) -> None:
    assert broken_by(step, told, got_min, acted_min) == broken
