"""Sequences of one spool, against a set."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cloud.log.sequences import SeenSequences

STEPS = st.lists(st.tuples(st.sampled_from(("add", "settle")), st.integers(1, 30)), max_size=40)


@given(STEPS)
def test_prefix_and_exceptions_say_what_a_set_would(steps):
    seen, truth = SeenSequences(), set()
    for what, number in steps:
        before = seen.copy()
        if what == "add":
            if number not in seen:
                seen.add(number)
            truth.add(number)
        else:
            seen.settle(number)
            truth |= set(range(1, number))
        assert [n in seen for n in range(1, 40)] == [n in truth for n in range(1, 40)]
        assert seen.prefix + 1 not in truth
        assert all(n > seen.prefix for n in seen.above)
        assert before.above is not seen.above
        for until in (0, 7, 40):
            gaps = seen.missing(until)
            assert [n for a, b in gaps for n in range(a, b + 1)] == [n for n in range(1, until + 1) if n not in truth]
            assert all(b + 1 < c for (_, b), (c, _) in pairwise(gaps))
