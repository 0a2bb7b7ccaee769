"""What is not sealed yet: a question for few channels gets all of theirs, in the order in which they came."""

from __future__ import annotations

import numpy as np
import pytest

from cloud.series.tail import Tail
from contract.readings import ReadingBatch


def batches(seed: int, count: int, most: int) -> list[ReadingBatch]:
    """Values number the readings."""
    rng, out, n = np.random.default_rng(seed), [], 0
    for _ in range(count):
        size = int(rng.integers(1, most))
        out.append(ReadingBatch.of(rng.integers(0, 9, size), rng.integers(1, 60, size), np.arange(n, n + size)))
        n += size
    return out


@pytest.mark.parametrize(("seed", "count", "most"), [(1, 3, 50), (2, 70, 5), (3, 900, 60), (4, 200, 3000)])
def test_it_gives_all_readings_of_some_channels_in_order(seed: int, count: int, most: int) -> None:
    tail, given = Tail(), batches(seed, count, most)
    for batch in given:
        tail = tail.then(batch)
    whole = ReadingBatch.concat(given)
    assert len(tail) == len(whole)
    assert sorted(tail.whole().value) == sorted(whole.value)
    for wanted in ([7], [1, 30, 59], [60], list(range(1, 60)), [0, 5, 1000]):
        found = ReadingBatch.concat(tail.of(np.array(wanted, np.uint32)))
        for channel in wanted:
            expected = whole.value[whole.channel == channel]
            assert found.value[found.channel == channel].tolist() == expected.tolist()


def test_few_readings_of_others_are_looked_through() -> None:
    tail = Tail()
    for batch in batches(5, 500, 3000):
        tail = tail.then(batch)
    assert len(tail) > 500_000
    assert len(tail.runs) < 10
    assert sum(map(len, tail.of(np.array([7], np.uint32)))) < len(tail) / 40


def test_it_stays_as_it_was_read_while_others_add() -> None:
    before = Tail().then(ReadingBatch.of([1, 2], [5, 4], [0.1, 0.2]))
    for batch in batches(6, 300, 200):
        before.then(batch)
    assert before.whole().value.tolist() == [0.1, 0.2]
