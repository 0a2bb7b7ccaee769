"""The order by channel and time, and which reading holds: against Python's own sort and dictionaries."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from contract.latest_wins import FEW, by_channel_and_time, last_of_each_time, newest_of_each_channel

CHANNEL = st.sampled_from((0, 1, 7, 2**31, 2**32 - 1))
TIME = st.one_of(st.integers(0, 6), st.integers(0, 2**31 + 6), st.integers(-(2**40), 2**40))
ROWS = st.lists(st.tuples(CHANNEL, TIME), max_size=40)


@given(ROWS)
@example([(2**32 - 1, 0), (2**32 - 1, 2**31 - 1), (0, 2**31 - 1)])  # the widest that fits one word
@example([(2**32 - 1, 0), (2**32 - 1, 2**31), (0, 2**31)])  # and the first that does not
def test_each_says_what_plain_python_says(rows):
    says_what_plain_python_says(rows)
    if rows:  # and again as one of many readings, which are sorted in another way
        says_what_plain_python_says(rows * (FEW // len(rows) + 1))


def says_what_plain_python_says(rows):
    channel, time_ms = np.array([c for c, _ in rows], np.uint32), np.array([t for _, t in rows], np.int64)
    assert by_channel_and_time(channel, time_ms).tolist() == sorted(range(len(rows)), key=rows.__getitem__)
    last = {row: i for i, row in enumerate(rows)}
    assert last_of_each_time(channel, time_ms).tolist() == [last[row] for row in sorted(last)]
    newest = {c: last[c, t] for c, t in sorted(last)}
    assert newest_of_each_channel(channel, time_ms).tolist() == list(newest.values())
