"""Pauses differ, and within what the policy says of them; an attempt does not hold up who begins it."""

from __future__ import annotations

import threading

from cloud.delivery.attempts import in_a_thread, spread


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
