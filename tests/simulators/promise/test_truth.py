"""What the campaign compares with: every reading that was made, once."""

from __future__ import annotations

import random

from contract.readings import Flag, ReadingBatch
from simulators.promise.truth import MISSING_VALUE, Truth, Water, keys, rows


def test_rows_have_a_stand_in_for_missing_values() -> None:
    batch = ReadingBatch.of([5, 6], [1, 2], [0.5, float("nan")], [Flag.PASS, Flag.MISSING])
    assert list(rows(batch)) == [((1, 5), (0.5, 1)), ((2, 6), (MISSING_VALUE, 9))]
    assert keys(batch) == {(1, 5), (2, 6)}


def test_every_reading_is_written_down_as_it_was_given() -> None:
    truth = Truth()
    water = Water(truth, [1, 2, 3], random.Random(1))
    given = [row for i in range(200) for row in rows(water.readings(1_000_000 + i * 30_000, i * 30.0))]
    assert dict(given) == truth.made
    assert len(given) == len(truth.made) == truth.number


def test_no_channel_and_time_is_made_twice_though_the_clock_stands_still_or_goes_back() -> None:
    truth = Truth()
    water = Water(truth, [1, 2], random.Random(2))
    seen = [k for clock_ms in (9_999, 9_999, 9_999, 5_000) for k in keys(water.readings(clock_ms, 0.0))]
    assert len(seen) == len(set(seen))
    assert all(time_ms % 1000 == 0 for _, time_ms in seen)


def test_no_two_values_are_alike_so_that_a_mix_up_shows() -> None:
    truth = Truth()
    water = Water(truth, [1, 2], random.Random(3))
    for i in range(300):
        water.readings(i * 30_000, i * 30.0)
    values = [v for v, flag in truth.made.values() if flag != Flag.MISSING]
    assert len(values) == len(set(values)) > 300
    assert all(0.0 <= v < 0.31 for v in values)
