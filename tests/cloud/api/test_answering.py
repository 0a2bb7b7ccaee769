"""What of an answer waits to be read is counted, its later pieces, too: who reads slowly leaves less room."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message

from cloud.api.answering import PIECE_BYTES, Answer
from cloud.api.under_way import Full, UnderWay

SCOPE: dict[str, Any] = {"type": "http", "client": ("10.0.0.7", 1), "state": {}}
WHO = "address:10.0.0.7"
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
LARGE = bytes(3 * PIECE_BYTES)


class Reader:
    """Takes what is sent, but no more than it is told to."""

    def __init__(self, takes: int) -> None:
        self._room = asyncio.Semaphore(takes)
        self.read = b""

    def go_on(self) -> None:
        for _ in range(1000):
            self._room.release()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            await self._room.acquire()
            self.read += bytes(message["body"])


async def stuck(answer: Answer, message: Message) -> asyncio.Task[None]:
    """Sends it, and waits until the reader takes no more."""
    task = asyncio.ensure_future(answer(message))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_a_later_piece_counts_while_it_is_not_read() -> None:
    budget, reader = UnderWay(10 * len(LARGE), 2 * len(LARGE)), Reader(takes=2)
    answer = Answer(SCOPE, reader, budget, lambda *_: None)
    await answer(START)
    await answer({"type": "http.response.body", "body": b"[", "more_body": True})
    assert budget.size == 0
    task = await stuck(answer, {"type": "http.response.body", "body": LARGE, "more_body": True})
    assert budget.size == len(LARGE)
    assert budget.full(WHO, 2 * len(LARGE)) is Full.EACH
    reader.go_on()
    await task
    assert (budget.size, len(reader.read)) == (0, 1 + len(LARGE))


async def test_a_later_piece_goes_out_though_the_budget_is_full() -> None:
    """It is made, and half an answer would be taken for a whole one."""
    budget, reader = UnderWay(PIECE_BYTES, PIECE_BYTES), Reader(takes=1000)
    other = budget.hold("somebody else", PIECE_BYTES, 1)
    answer = Answer(SCOPE, reader, budget, lambda *_: None)
    await answer(START)
    await answer({"type": "http.response.body", "body": b"[", "more_body": True})
    await answer({"type": "http.response.body", "body": LARGE, "more_body": False})
    assert len(reader.read) == 1 + len(LARGE)
    budget.give_back(other)
    assert budget.size == 0


async def test_a_first_piece_for_which_there_is_no_room_is_turned_away() -> None:
    budget, reader = UnderWay(PIECE_BYTES, PIECE_BYTES), Reader(takes=1000)
    budget.hold("somebody else", PIECE_BYTES, 1)
    answer = Answer(SCOPE, reader, budget, lambda *_: None)
    await answer(START)
    await answer({"type": "http.response.body", "body": LARGE, "more_body": False})
    assert (answer.turned_away, answer.status) == (True, 503)
    assert b"come again" in reader.read
