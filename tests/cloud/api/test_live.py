"""The newest readings of chosen channels as events: what is new, to whom, and going on after a break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import numpy as np
import pytest
from fastapi import FastAPI

from cloud.api import live, problems
from cloud.api.live import LISTENERS, Live
from contract.catalogue.catalogue import Catalogue
from contract.readings import ReadingBatch

START_MS = 1_626_768_000_000


class Newest:
    """The newest reading of each channel, as the view of that name keeps it. looks: how often it was asked."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[int, float, int]] = {}
        self.looks = 0

    def heard(self, channel: int, second: int, value: float, flag: int = 1) -> None:
        self.known[channel] = (START_MS + second * 1000, value, flag)

    def snapshot(self) -> ReadingBatch:
        self.looks += 1
        rows = [(t, c, v, f) for c, (t, v, f) in sorted(self.known.items())]
        return ReadingBatch.of(*([r[i] for r in rows] for i in range(4)))


def stream(of: Live, channels: list[int], last_id: str = "") -> AsyncIterator[bytes]:
    return of.events(np.array(channels, np.uint32), last_id, 60.0)


async def event(events: AsyncIterator[bytes]) -> tuple[str, str, dict[int, float | None]]:
    """(id, kind, channel -> value) of the next one."""
    async with asyncio.timeout(30):
        lines = dict(line.split(": ", 1) for line in (await anext(events)).decode().splitlines() if ": " in line)
    return lines["id"], lines["event"], {r["channel"]: r["value"] for r in json.loads(lines["data"])}


async def test_first_the_newest_of_each_then_what_is_new_and_nobody_else_s() -> None:
    newest = Newest()
    newest.heard(101, 0, 0.5)
    newest.heard(102, 0, 1.5)
    newest.heard(301, 0, float("nan"), 9)
    found = Live(newest.snapshot, 7, every_s=0.001)
    mine, other = stream(found, [101, 301, 999]), stream(found, [102])
    assert await event(mine) == ("7-1", "whole", {101: 0.5, 301: None})
    assert await event(other) == ("7-1", "whole", {102: 1.5})
    newest.heard(102, 60, 1.6)
    assert await event(other) == ("7-2", "readings", {102: 1.6})
    newest.heard(999, 61, 3.0)
    newest.heard(101, 61, 0.5)  # the same value, said again
    assert await event(mine) == ("7-3", "readings", {101: 0.5, 999: 3.0})
    newest.heard(301, 0, 0.2, 3)  # put right: of the same time
    assert await event(mine) == ("7-4", "readings", {301: 0.2})


@pytest.mark.parametrize(
    ("last_id", "wanted"),
    [
        ("7-1", [("7-2", "readings", {101: 1.0}), ("7-4", "readings", {101: 3.0})]),
        ("7-2", [("7-4", "readings", {101: 3.0})]),
        ("7-4", [("7-5", "readings", {101: 4.0})]),  # nothing was missed: what comes next
        ("", [("7-4", "whole", {101: 3.0})]),
        ("6-2", [("7-4", "whole", {101: 3.0})]),  # of a run before this one
        ("7-9", [("7-4", "whole", {101: 3.0})]),
        ("7-x", [("7-4", "whole", {101: 3.0})]),
    ],
)
async def test_who_comes_again_gets_what_was_missed(last_id: str, wanted: list) -> None:
    newest = Newest()
    found = Live(newest.snapshot, 7, every_s=0.001)
    watching = stream(found, [101, 102])
    for second, (channel, value) in enumerate([(101, 0.0), (101, 1.0), (102, 2.0), (101, 3.0)]):
        newest.heard(channel, second, value)
        await event(watching)
    again = stream(found, [101], last_id)
    for step in wanted:
        if step[0] == "7-5":
            newest.heard(101, 100, 4.0)
        assert await event(again) == step


async def test_what_was_forgotten_is_told_as_a_whole() -> None:
    newest = Newest()
    found = Live(newest.snapshot, 7, every_s=0.0005)
    watching = stream(found, [101])
    for second in range(70):
        newest.heard(101, second, second)
        await event(watching)
    assert await event(stream(found, [101], "7-20")) == ("7-21", "readings", {101: 20.0})
    assert await event(stream(found, [101], "7-9")) == ("7-70", "whole", {101: 69.0})


async def test_five_hundred_listeners_cost_one_look() -> None:
    newest = Newest()
    for channel in range(1, 1001):
        newest.heard(channel, 0, channel / 10)
    found = Live(newest.snapshot, 7, every_s=3600.0)  # no second look within the test
    streams = [stream(found, [n + 1, n + 2]) for n in range(LISTENERS)]
    heard = await asyncio.gather(*map(event, streams))
    assert [values for _, _, values in heard] == [{n + 1: (n + 1) / 10, n + 2: (n + 2) / 10} for n in range(LISTENERS)]
    assert newest.looks == 1


@pytest.mark.parametrize(
    ("params", "accept", "status"),
    [
        ({"channel": 101}, "application/json", 406),
        ({}, "text/event-stream", 422),
        ({"channel": 9999}, "text/event-stream", 404),
    ],
)
async def test_what_is_refused(small_district: Catalogue, params: dict, accept: str, status: int) -> None:
    app = FastAPI()
    problems.install(app)
    clock = SimpleNamespace(now_ms=lambda: START_MS)
    live.mount(app, cast(Any, SimpleNamespace(catalogue=small_district, latest=Newest(), clock=clock)))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as http:
        answer = await http.get("/v1/latest/stream", params=params, headers={"accept": accept})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
