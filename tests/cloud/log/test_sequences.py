"""Sequences of one spool, against a set."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cloud.log.sequences import SeenSequences

STEPS = st.lists(st.tuples(st.sampled_from(("add", "settle", "commit")), st.integers(1, 30)), max_size=40)


@given(STEPS)
def test_prefix_and_exceptions_say_what_a_set_would(steps):
    seen, truth, stored = SeenSequences(), set(), {}
    for what, number in steps:
        before, runs = seen.copy(), seen.runs()
        if what == "add":
            assert seen.opens_gap(number) is (number > 1 and truth.isdisjoint({number - 1, number, number + 1}))
            seen.add(number)
            truth.add(number)
        elif what == "settle":
            seen.settle(number)
            truth |= set(range(1, number))
        else:  # what is stored of it makes the same again
            stored |= seen.stored
            seen = seen.copy()
            kept = sorted((first, last) for first, last in stored.items() if last is not None)
            assert kept == seen.runs()
            again = SeenSequences(seen.prefix, kept)
            assert (again.prefix, again.runs()) == (seen.prefix, seen.runs())
        assert [n in seen for n in range(1, 40)] == [n in truth for n in range(1, 40)]
        assert seen.prefix + 1 not in truth
        assert seen.highest == max(truth, default=0)
        assert all(seen.prefix + 1 < first <= last for first, last in seen.runs())
        assert all(b + 1 < c for (_, b), (c, _) in pairwise(seen.runs()))
        assert seen.gaps == len(seen.runs())
        assert before.runs() == runs
        for until in (0, 7, 40):
            gaps = seen.missing(until)
            assert [n for a, b in gaps for n in range(a, b + 1)] == [n for n in range(1, until + 1) if n not in truth]
            assert all(b + 1 < c for (_, b), (c, _) in pairwise(gaps))


def test_of_a_spool_full_of_gaps_one_message_alters_one_row():
    full = SeenSequences(1, ((n, n) for n in range(3, 200_003, 2)))
    assert full.gaps == 100_000
    for seq, stored in ((10_000_001, {10_000_001: 10_000_001}), (4, {3: 5, 5: None}), (2, {3: None})):
        one = full.copy()
        one.add(seq)
        assert one.stored == stored


def test_runs_of_an_earlier_release_may_touch():
    seen = SeenSequences(3, ((4, 4), (6, 6), (7, 7), (9, 9)))
    assert (seen.prefix, seen.runs()) == (4, [(6, 7), (9, 9)])
