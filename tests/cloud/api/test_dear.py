"""Questions whose answers are dear: two at a time, and of one caller one more that waits."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import Request

from cloud.access.access import Refused
from cloud.api.dear import DEAR_ROWS, LargeAnswers, may_come
from cloud.api.under_way import UnderWay
from contract.catalogue.catalogue import Catalogue

HOUR_MS = 3_600_000


def request(address: str, under_way: UnderWay | None = None) -> Request:
    state = {} if under_way is None else {"under_way": under_way}
    return Request({"type": "http", "client": (address, 1), "state": state})


async def made(large: LargeAnswers, address: str, rows: int, done: asyncio.Event, began: list[str]) -> None:
    async with large.turn(request(address), rows):
        began.append(address)
        await done.wait()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_two_are_made_at_a_time_and_the_next_begins_when_one_is_done() -> None:
    large, began = LargeAnswers(), list[str]()
    done = {a: asyncio.Event() for a in ("a", "b", "c")}
    asked = [asyncio.create_task(made(large, a, DEAR_ROWS, done[a], began)) for a in done]
    await settled()
    assert began == ["a", "b"]
    done["a"].set()
    await settled()
    assert began == ["a", "b", "c"]
    done["b"].set()
    done["c"].set()
    await asyncio.gather(*asked)


async def test_a_third_of_one_caller_is_refused_and_small_ones_and_others_pass() -> None:
    large, began, done = LargeAnswers(), list[str](), asyncio.Event()
    asked = [asyncio.create_task(made(large, "a", DEAR_ROWS, done, began)) for _ in range(2)]
    await settled()
    with pytest.raises(Refused) as refused:
        async with large.turn(request("a"), DEAR_ROWS):
            raise AssertionError
    assert (refused.value.status, refused.value.retry_after_s > 0) == (429, True)
    async with large.turn(request("a"), DEAR_ROWS - 1):
        began.append("a small one")
    asked.append(asyncio.create_task(made(large, "b", DEAR_ROWS, done, began)))  # waits for its turn
    done.set()
    await asyncio.gather(*asked)
    assert began == ["a", "a", "a small one", "b"]
    async with large.turn(request("a"), DEAR_ROWS):  # and may ask again
        began.append("again")
    assert began[-1] == "again"


@pytest.mark.parametrize(("whose", "status"), [("address:a", 429), ("address:b", 503)])
async def test_nothing_is_made_for_which_there_is_no_room(whose: str, status: int) -> None:
    budget = UnderWay(100, 100)
    budget.take(whose, 100, 1)
    with pytest.raises(Refused) as refused:
        async with LargeAnswers().turn(request("a", budget), DEAR_ROWS):
            raise AssertionError
    assert (refused.value.status, refused.value.retry_after_s > 0) == (status, True)


def test_how_many_rows_may_come(small_district: Catalogue) -> None:
    channels = list(small_district.channels)[:2]
    periods_s = [small_district.channels[c].period_s for c in channels]
    assert may_come(small_district, channels, 0, 10 * HOUR_MS) == sum(int(36_000 / p) for p in periods_s)
