"""By when a consumer must have a message: it is well, and nobody need first find out that it is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from cloud.warnings.model import Message, MsgType, Why
from contract.catalogue.rules import Level
from simulators.promise.warnings.consumers import Consumer, Mood, Receipt, Trouble
from simulators.promise.warnings.delivered import check_deliveries
from simulators.promise.warnings.district import first_edition
from simulators.promise.warnings.witness import Told, Witness
from simulators.promise.world import Broken, World

CATALOGUE = first_edition(random.Random(1)).catalogue
MINUTE_MS = 60_000
TOLD_MIN, TEST_MIN = 4, 10  # after 410 it is asked by a test message every so often


def arrives(troubles: Sequence[tuple[Mood, int, int]], got_min: int) -> None:
    """A message of minute 4 reaches a consumer at another one. troubles: each from minute to minute."""
    world = World(1, 0, False)
    world.true_ms = 120 * MINUTE_MS
    found = [Trouble(mood, a * MINUTE_MS, b * MINUTE_MS) for mood, a, b in troubles]
    consumer, witness, ms = Consumer(world, "police", "", found), Witness(world), TOLD_MIN * MINUTE_MS
    witness.said.append(Told("m1", "a", "shakou", MsgType.ALERT, Level.RED, ms, ms, b"", CATALOGUE, Why.OPENED))
    message = Message("m1", "a", ms, MsgType.ALERT, Level.RED, (), b"", why=Why.OPENED)
    consumer.has.append(Receipt(got_min * MINUTE_MS, replace(message), True))
    check_deliveries(witness, consumer)


@pytest.mark.parametrize("mood", [Mood.DOWN, Mood.BUSY])
def test_one_that_is_gone_when_its_next_trouble_begins_is_gone_until_a_test_after_that(mood: Mood) -> None:
    """Gone to minute 8; the test of minute 14 falls into the next trouble, of minutes 12 to 16, the next is at 24."""
    arrives([(Mood.GONE, 3, 8), (mood, 12, 16)], TOLD_MIN + 2 * TEST_MIN)


@pytest.mark.parametrize(
    ("troubles", "got_min"),
    [
        ([], TOLD_MIN + 2),  # it was well all the time
        ([(Mood.DOWN, 3, 8)], 16),  # the longest pause is 5 minutes
        ([(Mood.GONE, 3, 8)], 8 + TEST_MIN + 4),
        ([(Mood.GONE, 3, 8), (Mood.SLOW, 12, 16)], 16 + TEST_MIN),  # slow as it is, it takes the test of minute 14
        ([(Mood.DOWN, 3, 8), (Mood.BUSY, 12, 16)], 16 + TEST_MIN),  # it never was gone
        ([(Mood.GONE, 3, 8), (Mood.DOWN, 12, 16)], 16 + TEST_MIN + 4),
    ],
)
def test_later_is_a_fault(troubles: list[tuple[Mood, int, int]], got_min: int) -> None:
    with pytest.raises(Broken, match=r"^in-force-arrives"):
        arrives(troubles, got_min)
