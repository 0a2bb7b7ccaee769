"""Batches of readings: a value that is missing shows in the flag; times move without touching the batch before."""

from __future__ import annotations

import math

import numpy as np
import pytest

from contract.readings import Flag, ReadingBatch


def test_without_a_flag_a_reading_is_not_evaluated_and_a_missing_one_is_missing() -> None:
    batch = ReadingBatch.of([1, 2, 3], [7, 8, 9], [0.5, math.nan, math.inf])
    assert batch.flag.tolist() == [Flag.NOT_EVALUATED, Flag.MISSING, Flag.NOT_EVALUATED]
    assert batch.flag.dtype == "uint8"
    assert len(ReadingBatch.empty().flag) == 0


def test_later_moves_the_times_alone() -> None:
    batch = ReadingBatch.of([1000, 2000], [7, 8], [0.5, 0.6])
    moved = batch.later(-250)
    assert (moved.time_ms.tolist(), moved.channel.tolist(), moved.value.tolist()) == ([750, 1750], [7, 8], [0.5, 0.6])
    assert batch.time_ms.tolist() == [1000, 2000]
    assert batch.later(0) is batch


@pytest.mark.parametrize("values", [[], [0.5], [0.5, math.nan, math.inf], [1.0] * 300, [math.nan] * 300])
def test_readings_of_one_time_are_those_that_any_others_would_be(values: list[float]) -> None:
    numbers = np.arange(len(values), dtype=np.uint32)
    made, other = ReadingBatch.at(7, numbers, values), ReadingBatch.of([7] * len(values), numbers, values)
    for name in ("time_ms", "channel", "value", "flag"):
        one, two = getattr(made, name), getattr(other, name)
        assert one.dtype == two.dtype
        assert np.array_equal(one, two, equal_nan=name == "value")
        assert not one.flags.writeable


def test_columns_that_are_not_equally_long_are_refused() -> None:
    with pytest.raises(ValueError, match="equally long"):
        ReadingBatch.at(7, np.arange(3, dtype=np.uint32), [1.0, 2.0])
