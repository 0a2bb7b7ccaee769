"""Places of streams: of all, of each caller, taken before anything is sent, and free when a stream is over."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from cloud.api.places import Events, Places
from cloud.api.problems import Problem
from cloud.api.stream import AT_ONCE, EACH


def test_one_caller_does_not_take_the_streams_of_all() -> None:
    places = Places(AT_ONCE, EACH)
    for n in range(AT_ONCE):
        places.take(f"key:{n // EACH}")
        if n == EACH - 1:
            with pytest.raises(Problem, match="of yours are open"):
                places.take("key:0")
    with pytest.raises(Problem, match=f"{AT_ONCE} are open"):
        places.take("key:another")
    places.give_back("key:0")
    places.take("key:another")


async def one() -> AsyncIterator[bytes]:
    yield b"data: 1\n\n"


async def fails() -> AsyncIterator[bytes]:
    yield b"data: 1\n\n"
    raise ValueError("on its way")


def test_those_who_come_together_do_not_find_the_same_place_free() -> None:
    places = Places(3, 2)
    for _ in range(2):
        Events(one(), places, "key:a")  # not a byte has been sent
    with pytest.raises(Problem, match="of yours are open"):
        Events(one(), places, "key:a")
    Events(one(), places, "key:b")
    with pytest.raises(Problem, match="3 are open"):
        Events(one(), places, "key:c")


@pytest.mark.parametrize("events", [one, fails])
async def test_a_place_is_free_when_its_stream_is_over_however_it_ended(events) -> None:
    places, sent = Places(1, 1), []

    async def send(message: Message) -> None:
        sent.append(message["type"])

    async def receive() -> Message:
        raise AssertionError("nobody asks whether the caller is gone: send fails then")

    scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}}
    for _ in range(2):
        try:
            await Events(events(), places, "key:a")(scope, receive, send)
        except ValueError:
            assert events is fails
    assert sent.count("http.response.start") == 2
