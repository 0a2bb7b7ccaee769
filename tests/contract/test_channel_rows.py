"""Where channels stand in a list, by search and by table: against a dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.channel_rows import ChannelRows, channel_rows

SMALL = st.integers(0, 12)
ANY = st.one_of(SMALL, st.sampled_from((9_999_999, 10_000_000, 2**32 - 1)))


@given(st.sets(SMALL, max_size=8), st.lists(ANY, max_size=30))
def test_table_and_search_say_what_a_dictionary_says(listed, asked):
    channels = np.array(sorted(listed), np.uint32)
    row = {c: i for i, c in enumerate(sorted(listed))}
    expected = [row.get(c, -1) for c in asked]
    assert channel_rows(channels, np.array(asked, np.uint32)).tolist() == expected
    assert ChannelRows(channels).of(np.array(asked, np.uint32)).tolist() == expected


@pytest.mark.parametrize("highest", [9_999_999, 10_000_000, 2**32 - 1])
def test_numbers_on_both_sides_of_the_largest_table(highest: int) -> None:
    rows = ChannelRows(np.array([1, highest], np.uint32))
    asked = np.array([highest, 0, 1, highest - 1, 2**32 - 1], np.uint32)
    assert rows.of(asked).tolist() == [1, -1, 0, -1, 1 if highest == 2**32 - 1 else -1]
