"""Answers that take a thread's time: few at once, all in the end, in the order in which they were asked for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from cloud.api.turns import Turns


def test_no_more_than_that_work_at_once_and_all_are_answered() -> None:
    working, most = [0], [0]
    lock = threading.Lock()
    three = threading.Barrier(3, timeout=30)

    def work(n: int) -> int:
        with lock:
            working[0] += 1
            most[0] = max(most[0], working[0])
        if n < 3:
            three.wait()  # the first three work at the same time
        with lock:
            working[0] -= 1
        return n

    async def ask() -> list[int]:
        turns = Turns(3)
        return await asyncio.gather(*(turns.run(work, n) for n in range(40)))

    assert asyncio.run(ask()) == list(range(40))
    assert most[0] == 3


def test_turns_come_in_the_order_of_asking() -> None:
    begun: list[int] = []

    async def ask() -> None:
        turns = Turns(1)
        await asyncio.gather(*(turns.run(begun.append, n) for n in range(40)))

    asyncio.run(ask())
    assert begun == list(range(40))


def test_who_fails_gives_his_turn_back() -> None:
    def fail() -> None:
        raise ValueError("no such thing")

    async def ask() -> int:
        turns = Turns(1)
        for _ in range(3):
            with pytest.raises(ValueError, match="no such thing"):
                await turns.run(fail)
        return await turns.run(lambda: 7)

    assert asyncio.run(ask()) == 7
