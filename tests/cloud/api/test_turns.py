"""Answers that take a thread's time: few at once, all in the end, in the order in which they were asked for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from cloud.api.turns import Turns
from tests.waiting import until_async


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


def test_of_all_dear_kinds_together_four_work_and_short_ones_do_not_wait() -> None:
    working, most, lock = [0], [0], threading.Lock()
    free = threading.Event()

    def work(n: int) -> int:
        with lock:
            working[0] += 1
            most[0] = max(most[0], working[0])
        assert free.wait(60)
        with lock:
            working[0] -= 1
        return n

    async def ask() -> list[int]:
        kinds = [Turns(3, dear=True) for _ in range(5)]
        asked = [asyncio.ensure_future(kinds[n % 5].run(work, n)) for n in range(40)]
        await until_async(lambda: working[0] == 4)
        gone = asked.pop()  # who gives up in the queue takes no place with him
        gone.cancel()
        assert await Turns(1).run(lambda: "at once") == "at once"
        free.set()
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == list(range(39))
    assert most[0] == 4


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


async def test_work_whose_answer_came_too_late_keeps_its_place_until_it_is_done() -> None:
    """Else whoever asks again and again after a time-out has as many threads at work as he likes."""
    turns, ends, began = Turns(1), threading.Event(), list[str]()

    def work(name: str) -> str:
        began.append(name)
        ends.wait(20)
        return name

    first = asyncio.create_task(turns.run(work, "first"))
    await until_async(lambda: bool(began))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(turns.run(work, "second"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert began == ["first"]
    ends.set()
    assert await second == "second"
