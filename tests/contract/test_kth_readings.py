"""The first reading of each channel, then the second, and so on: against a plain grouping."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contract.kth_readings import kth_readings
from contract.readings import ReadingBatch

READINGS = st.lists(st.tuples(st.integers(0, 20), st.sampled_from((3, 5, 8, 9, 4_000_000_000))), max_size=40)


@given(READINGS, st.sets(st.sampled_from((3, 5, 8, 11)), max_size=4))
def test_each_step_holds_the_kth_reading_of_each_channel(rows, listed):
    batch = ReadingBatch.of([t for t, _ in rows], [c for _, c in rows], [0.0] * len(rows))
    channels = np.array(sorted(listed), np.uint32)
    by_channel = {c: sorted((t, i) for i, (t, x) in enumerate(rows) if x == c) for c in sorted(listed)}
    longest = max(map(len, by_channel.values()), default=0)
    expected = [
        [(group[k][1], row) for row, group in enumerate(by_channel.values()) if k < len(group)] for k in range(longest)
    ]
    found = [list(zip(p.tolist(), r.tolist(), strict=True)) for p, r in kth_readings(channels, batch)]
    assert [sorted(step, key=lambda x: x[1]) for step in found] == expected


def test_a_whole_sweep_is_one_step() -> None:
    channels = np.array([3, 5, 8], np.uint32)
    ((positions, rows),) = kth_readings(channels, ReadingBatch.of([7, 5, 6], [3, 5, 8], [0.0] * 3))
    assert positions.tolist() == rows.tolist() == [0, 1, 2]
    steps = list(kth_readings(channels, ReadingBatch.of([7, 5, 6], [3, 5, 5], [0.0] * 3)))
    assert [(p.tolist(), r.tolist()) for p, r in steps] == [([0, 1], [0, 1]), ([2], [1])]
