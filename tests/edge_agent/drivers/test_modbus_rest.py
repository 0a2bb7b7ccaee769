"""How long a rest a unit wants: found in few questions, kept with little to spare, and not asked for by chance."""

from __future__ import annotations

import random

import pytest

from edge_agent.drivers.modbus_rest import FoundRest, RestWanted

SILENCE_S = 0.004


def ask(wanted: RestWanted, wants_s: float, questions: int, loss: float = 0.0, seed: int = 1) -> int:
    """How many of the questions were in vain, to a unit that is deaf for so long after anything was said."""
    chance, lost = random.Random(seed), 0
    for _ in range(questions):
        rest_s = max(wanted.rest_s, SILENCE_S)
        if rest_s >= wants_s and chance.random() >= loss:
            wanted.answered(rest_s)
            continue
        lost += 1
        wanted.missed(rest_s)
        wanted.answered(1.0)  # when it is asked again
    return lost


@pytest.mark.parametrize("wants_s", [0.01, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.25])
def test_what_a_unit_wants_is_found_in_few_questions_and_kept_with_little_to_spare(wants_s: float) -> None:
    wanted = RestWanted(SILENCE_S, FoundRest())
    assert ask(wanted, wants_s, 60) <= 14
    assert wants_s <= wanted.rest_s <= max(1.2 * wants_s, 0.012)
    assert ask(wanted, wants_s, 500) <= 8  # it is tried now and then whether less will do


def test_one_that_wants_none_gets_none() -> None:
    wanted = RestWanted(SILENCE_S, FoundRest())
    assert ask(wanted, 0.0, 500) == 0
    assert wanted.rest_s == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_lost_replies_are_not_taken_for_a_wish_to_rest(seed: int) -> None:
    wanted = RestWanted(SILENCE_S, FoundRest())
    ask(wanted, 0.0, 400, 0.19, seed)
    assert wanted.rest_s <= 0.01
    ask(wanted, 0.0, 400, 0.36, seed)
    assert wanted.rest_s <= 0.08


@pytest.mark.parametrize("seed", range(20))
def test_what_is_wanted_is_found_on_a_line_that_loses_replies(seed: int) -> None:
    wanted = RestWanted(SILENCE_S, FoundRest())
    ask(wanted, 0.05, 600, 0.2, seed)
    assert 0.05 <= wanted.rest_s <= 0.3


def test_a_neighbour_of_one_make_is_not_searched_anew() -> None:
    found = FoundRest()
    ask(RestWanted(SILENCE_S, found), 0.1, 60)
    assert ask(RestWanted(SILENCE_S, found), 0.1, 60) == 3


def test_one_that_wants_more_than_it_did_gets_it() -> None:
    wanted = RestWanted(SILENCE_S, FoundRest())
    ask(wanted, 0.05, 60)
    ask(wanted, 0.12, 60)
    assert 0.12 <= wanted.rest_s <= 0.16


def test_one_that_wants_less_than_it_did_is_found_out_in_time() -> None:
    wanted = RestWanted(SILENCE_S, FoundRest())
    ask(wanted, 0.2, 60)
    ask(wanted, 0.02, 9000)
    assert wanted.rest_s <= 0.1
