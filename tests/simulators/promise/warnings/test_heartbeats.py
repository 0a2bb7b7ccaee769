"""Heartbeats as a consumer got them, in minutes, and which property they break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from cloud.log.base import Cursor
from simulators.promise.warnings.consumers import WARNINGS, Beat, Consumer, Mood, Trouble
from simulators.promise.warnings.heartbeats import check_heartbeats
from simulators.promise.warnings.witness import Witness
from simulators.promise.world import Broken, World
from tests.cloud.warnings.city import tick

MINUTE_MS = 60_000
MINUTES = range(1, 11)
Beats = dict[int, tuple[int, float | None]]
WELL: Beats = {m: (m, m - 0.5) for m in MINUTES}


class _Log:
    """An entry a minute, the first at its beginning with offset 1."""

    def read(self, _after: int, _limit: int) -> Sequence[Any]:
        return [tick(n + 1, n * MINUTE_MS) for n in range(11)]


def broken_by(beats: Beats, down: tuple[float, float] | None, busy: tuple[int, int] | None, handled: float) -> str:
    """beats: by minute, number and as of which minute. down: the cloud; busy: the consumer. handled: how many minutes
    behind that the warnings were."""
    world = World(1, 0, False)
    world.true_ms = 10 * MINUTE_MS + 30_000
    witness = Witness(world)
    if down is not None:
        witness.down.append((round(down[0] * MINUTE_MS), round(down[1] * MINUTE_MS)))
    troubles = () if busy is None else (Trouble(Mood.BUSY, busy[0] * MINUTE_MS, busy[1] * MINUTE_MS),)
    consumer = Consumer(world, "police", "", troubles, WARNINGS, heartbeat_s=60.0)
    for minute, (number, as_of) in beats.items():
        as_of_ms = None if as_of is None else round(as_of * MINUTE_MS)
        consumer.beats.append(Beat(minute * MINUTE_MS + 500, number, as_of_ms))
        cursor = Cursor(max(round(minute - handled), 0))  # of the entries before that minute
        witness.handled.append((minute * MINUTE_MS, cursor))
    try:
        check_heartbeats(witness, consumer, cast(Any, _Log()))
    except Broken as error:
        return str(error).split(":")[0]
    return ""


def without(*minutes: int) -> Beats:
    return {m: beat for m, beat in WELL.items() if m not in minutes}


@pytest.mark.parametrize(
    ("beats", "down", "busy", "handled", "broken"),
    [
        (WELL, None, None, 0, ""),
        (WELL, None, None, 2, "as-of-is-handled"),
        ({**WELL, 6: (6, 2.5)}, None, None, 0, "as-of-is-recent"),
        ({**WELL, 6: (6, None)}, None, None, 0, "as-of-is-recent"),
        ({**WELL, 6: (6, None)}, (4, 5.5), None, 0, ""),  # just after a start
        ({**WELL, 6: (7, 5.5), 7: (7, 6.5)}, None, None, 0, "a-heartbeat-is-numbered"),
        ({**WELL, 6: (1, 5.5)}, None, None, 0, "a-heartbeat-is-numbered"),
        (without(6, 7, 8), None, None, 0, "a-heartbeat-a-minute"),
        (without(6, 7, 8), (5.5, 8.5), None, 0, ""),
        (without(6, 7, 8), None, (5, 8), 0, ""),
        (without(*MINUTES), None, None, 0, "a-heartbeat-a-minute"),
    ],
)
def test_heartbeats(
    beats: Beats, down: tuple[float, float] | None, busy: tuple[int, int] | None, handled: float, broken: str
) -> None:
    assert broken_by(beats, down, busy, handled) == broken


def test_the_same_number_again_after_a_fall_is_right() -> None:
    beats = [Beat(m * MINUTE_MS + 500, m, m * MINUTE_MS - 30_000) for m in MINUTES]
    beats.insert(6, Beat(6 * MINUTE_MS + 30_000, 6, 6 * MINUTE_MS - 30_000))
    world = World(1, 0, False)
    world.true_ms = 10 * MINUTE_MS + 30_000
    witness = Witness(world)
    consumer = Consumer(world, "police", "", (), WARNINGS, heartbeat_s=60.0)
    consumer.beats = beats
    for b in beats:
        witness.handled.append((b.at_ms, Cursor(b.at_ms // MINUTE_MS)))
    with pytest.raises(Broken, match=r"^a-heartbeat-is-numbered"):
        check_heartbeats(witness, consumer, cast(Any, _Log()))
    witness.down.append((6 * MINUTE_MS + 10_000, 6 * MINUTE_MS + 20_000))
    check_heartbeats(witness, consumer, cast(Any, _Log()))
