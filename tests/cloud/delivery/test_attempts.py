"""Pauses differ, and within what the policy says of them; an attempt does not hold up who begins it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cloud.delivery.attempts import Outcome, UnderWay, in_a_thread, spread


def test_pauses_are_spread_by_a_fifth() -> None:
    found = [spread() for _ in range(200)]
    assert 0.8 <= min(found) < max(found) <= 1.2


def test_an_attempt_runs_beside_who_begins_it() -> None:
    go, done = threading.Event(), threading.Event()

    def attempt() -> None:
        assert go.wait(60)
        done.set()

    in_a_thread(attempt)
    assert not done.is_set()
    go.set()
    assert done.wait(60)


def under_way(run: Callable[[Callable[[], None]], None]) -> tuple[UnderWay, list[str]]:
    said: list[str] = []
    return UnderWay(run, lambda: said.append("woken")), said


def test_an_attempt_that_cannot_be_run_or_raises_ends_in_an_outcome_all_the_same() -> None:
    def no_thread(_: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    def work() -> Outcome:
        raise ValueError("a defect")

    for run, why in ((no_thread, "can't start new thread"), (lambda attempt: attempt(), "a defect")):
        attempts, said = under_way(run)
        attempts.begin(work, lambda error, said=said: lambda: said.append(str(error)))
        assert attempts.count == 1
        attempts.hear()
        assert (attempts.count, said[-1]) == (0, why)


def test_an_outcome_that_raises_counts_as_heard_and_those_behind_it_wait() -> None:
    attempts, said = under_way(lambda attempt: attempt())

    def raises() -> None:
        raise LookupError("a defect")

    attempts.begin(lambda: raises, lambda _: raises, lambda: said.append("ended"))
    attempts.begin(lambda: lambda: said.append("second"), lambda _: raises)
    with pytest.raises(LookupError):
        attempts.hear()
    assert (attempts.count, said) == (1, ["woken", "woken", "ended"])
    attempts.hear()
    assert (attempts.count, said[-1]) == (0, "second")
