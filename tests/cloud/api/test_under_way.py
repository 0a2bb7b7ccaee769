"""The budget of answers that wait to be read: of all, of each, shared ones once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.api.under_way import Full, Held, UnderWay


def taken(budget: UnderWay, whose: str, size: int, body: int) -> Held:
    held = budget.take(whose, size, body)
    assert isinstance(held, Held)
    return held


def test_one_who_does_not_read_has_his_own_budget_alone():
    budget = UnderWay(100, 40)
    first = taken(budget, "key:a", 30, 1)
    assert budget.take("key:a", 20, 2) is Full.EACH
    taken(budget, "key:b", 40, 3)
    assert budget.full("key:b") is Full.EACH
    budget.give_back(first)
    taken(budget, "key:a", 20, 2)


def test_all_together_have_a_budget():
    budget = UnderWay(100, 60)
    for n, who in enumerate(("a", "b")):
        taken(budget, who, 50, n + 1)
    assert budget.take("c", 1, 9) is Full.ALL
    assert budget.full("c") is Full.ALL


@pytest.mark.parametrize("size", [41, 101, 10_000])
def test_an_answer_that_is_alone_passes_whatever_its_size(size):
    budget = UnderWay(100, 40)
    budget.give_back(taken(budget, "a", size, 1))
    assert budget.size == 0
    assert budget.full("a") is None


def test_a_body_that_many_wait_for_counts_once_for_all():
    budget = UnderWay(100, 60)
    held = [taken(budget, f"p{n}", 50, 1) for n in range(10)]
    assert budget.size == 50
    for one in held:
        budget.give_back(one)
    assert budget.size == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 80), st.integers(1, 4)), max_size=60))
def test_what_is_taken_is_given_back_and_no_more(asked):
    budget, held = UnderWay(100, 50), []
    sizes: dict[int, int] = {}
    for n, (who, wanted, body) in enumerate(asked):
        size = sizes.setdefault(body, wanted)
        got = budget.take(who, size, body)
        if isinstance(got, Held):
            held.append(got)
        elif n % 2 and held:
            budget.give_back(held.pop(0))
        distinct = {h.body: h.size for h in held}
        assert budget.size == sum(distinct.values())
        assert budget.size <= 100 or len(distinct) == 1
    for one in held:
        budget.give_back(one)
    assert budget.size == 0
    assert all(budget.full(who) is None for who in "abc")
