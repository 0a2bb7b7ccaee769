"""What readings show of a level: what is sure, what may be said. Readings as lists of (second, metres)."""

from __future__ import annotations

import math

import pytest

from contract.readings import Flag
from simulators.promise.warnings.evidence import (
    Delays,
    in_order,
    known,
    last_perhaps_dry,
    last_surely_dry,
    perhaps_reached,
    surely_reached,
)
from simulators.promise.warnings.witness import Heard

DELAYS = Delays(60_000, 300_000, 300_000, 600_000, 60_000)
FOREVER = 10**12


def shown(*points: tuple[int, float], flag: Flag = Flag.PASS) -> list[Heard]:
    return [Heard(s * 1000, s * 1000, value, flag) for s, value in points]


def every_minute(*values: float) -> list[Heard]:
    return shown(*((60 * n, value) for n, value in enumerate(values)))


def reached_s(rows: list[Heard], until_s: int = 3600) -> int | None:
    ms = surely_reached(rows, 0, 0.3, DELAYS, until_s * 1000)
    return None if ms is None else ms // 1000


@pytest.mark.parametrize(
    ("values", "surely", "perhaps"),
    [
        ((0.5, 0.5, 0.5, 0.5), 180, True),  # three minutes: on-delay and two periods
        ((0.5, 0.0, 0.5, 0.5, 0.5, 0.5), 180, True),  # a lost echo
        ((0.5, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5), 360, True),  # two in a row: it begins anew
        ((0.5, 0.0, 0.0, 0.0, 0.0), None, False),  # one sample
        ((0.5, 0.5, 0.0, 0.0, 0.0), None, True),  # two in a row
        ((0.2, 0.2, 0.2), None, False),
    ],
)
def test_a_level_is_reached_by_more_than_one_sample(
    values: tuple[float, ...], surely: int | None, perhaps: bool
) -> None:
    rows = every_minute(*values)
    until_s = 60 * (len(values) - 1)
    assert reached_s(rows, until_s) == surely
    assert perhaps_reached(rows, 0.3, DELAYS, until_s * 1000) is perhaps


def test_one_trusted_reading_counts_when_nothing_contradicts_it() -> None:
    alone = shown((0, 0.5), (300, 0.5))
    assert reached_s(alone) == 210
    assert perhaps_reached(alone[:1], 0.3, DELAYS, 100_000)
    assert not perhaps_reached(alone[:1], 0.3, DELAYS, 50_000)
    doubtful = shown((0, 0.5), flag=Flag.SUSPECT)
    assert reached_s(doubtful) is None
    assert not perhaps_reached(doubtful, 0.3, DELAYS, 500_000)


def test_dry_takes_the_off_delay() -> None:
    dry = every_minute(0.5, *[0.0] * 6)
    assert last_perhaps_dry(dry, 0.28, DELAYS) == 360_000
    assert last_perhaps_dry(dry[:5], 0.28, DELAYS) == -1
    assert last_surely_dry(dry, 0.28, DELAYS) == -1
    assert last_surely_dry(every_minute(0.5, *[0.0] * 14), 0.28, DELAYS) == 840_000
    assert last_perhaps_dry(every_minute(0.5, 0.0, 0.5, 0.0, 0.5, 0.0, 0.5, 0.0), 0.28, DELAYS) == -1


def test_doubted_readings_alone_are_not_surely_dry() -> None:
    """Half of them may be: that much the engine asks for, too."""
    wet, dry = shown((0, 0.5)), [(60 * n, 0.0) for n in range(1, 15)]
    assert last_surely_dry(wet + shown(*dry, flag=Flag.SUSPECT), 0.28, DELAYS) == -1
    half = [*wet, *shown(*dry[:7], flag=Flag.SUSPECT), *shown(*dry[7:])]
    assert last_surely_dry(half, 0.28, DELAYS) == 840_000


def test_a_silence_is_not_dry() -> None:
    assert last_perhaps_dry(shown((0, 0.5), (60, 0.0), (1200, 0.0)), 0.28, DELAYS) == -1


def test_what_is_known_is_what_had_come_corrected() -> None:
    heard = [
        Heard(1000, 1000, 0.5, Flag.PASS),
        Heard(2000, 2000, 1.9, Flag.SUSPECT),
        Heard(3000, 2000, 1.9, Flag.FAIL),
        Heard(4000, 4000, math.nan, Flag.MISSING),
        Heard(900_000, 5000, 0.7, Flag.PASS),
    ]
    assert [h.value for h in known(heard, 2500, math.inf)] == [0.5, 1.9]
    assert [h.value for h in known(heard, FOREVER, math.inf)] == [0.5, 0.7]
    assert [h.value for h in known(heard, FOREVER, 600_000)] == [0.5]


def test_what_came_behind_newer_ones_is_left_out() -> None:
    late = Heard(9000, 2000, 0.9, Flag.PASS)
    rows = [Heard(1000, 1000, 0.1, Flag.PASS), late, Heard(3000, 3000, 0.2, Flag.PASS)]
    assert [h.value for h in in_order(rows)] == [0.1, 0.2]
