"""One overview for all: made once however many ask, and told step by step to those who were here before."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import orjson
import pytest
from sqlalchemy.exc import OperationalError

from cloud.overview.changes import SECTIONS, applied
from cloud.overview.live import Overviews

EMPTY: dict[str, list[Any]] = {name: [] for name in SECTIONS}


class District:
    """Each time it is looked at it has one station more."""

    def __init__(self) -> None:
        self.looked, self.broken = 0, False

    def __call__(self) -> dict[str, Any]:
        if self.broken:
            raise OperationalError("select", {}, Exception("no such server"))
        self.looked += 1
        return {"now": f"t{self.looked}", **EMPTY, "stations": [{"id": f"s{n:03}"} for n in range(self.looked)]}


def parts(event: bytes) -> tuple[str, str, dict[str, Any]]:
    """(id, kind, data)."""
    lines = dict(line.split(": ", 1) for line in event.decode().splitlines() if line)
    return lines["id"], lines["event"], orjson.loads(lines["data"])


async def told(overviews: Overviews, last_id: str, count: int) -> list[tuple[str, str, dict[str, Any]]]:
    stream = overviews.events(last_id, life_s=60)
    return [parts(await anext(stream)) for _ in range(count)]


async def test_first_the_whole_then_what_changed() -> None:
    overviews = Overviews(District(), epoch_ms=7, every_s=0.0)
    found = await told(overviews, "", 4)
    assert [(name, kind) for name, kind, _ in found] == [
        ("7-1", "overview"),
        *((f"7-{n}", "changes") for n in (2, 3, 4)),
    ]
    document = found[0][2]
    for _, _, changed in found[1:]:
        document = applied(document, changed)
    assert document == {"version": "7-4", "now": "t4", **EMPTY, "stations": [{"id": f"s{n:03}"} for n in range(4)]}


async def test_who_comes_again_goes_on_where_he_was() -> None:
    overviews = Overviews(District(), epoch_ms=7, every_s=0.0)
    await told(overviews, "", 5)
    assert [(name, kind) for name, kind, _ in await told(overviews, "7-3", 3)] == [
        ("7-4", "changes"),
        ("7-5", "changes"),
        ("7-6", "changes"),
    ]


@pytest.mark.parametrize("last_id", ["6-3", "7-", "7-99", "7--1", "7-٣", "nonsense", "7-" + "9" * 40])
async def test_what_is_no_place_to_go_on_from_gets_the_whole(last_id: str) -> None:
    overviews = Overviews(District(), epoch_ms=7, every_s=0.0)
    await told(overviews, "", 3)
    assert [kind for _, kind, _ in await told(overviews, last_id, 1)] == ["overview"]


async def test_who_was_away_too_long_gets_the_whole() -> None:
    overviews = Overviews(District(), epoch_ms=7, every_s=0.0)
    await told(overviews, "", 80)
    assert [kind for _, kind, _ in await told(overviews, "7-2", 1)] == ["overview"]


async def test_it_is_made_once_for_all_who_ask_meanwhile() -> None:
    going, district = threading.Event(), District()

    def slow() -> dict[str, Any]:
        assert going.wait(20)
        return district()

    overviews = Overviews(slow, epoch_ms=7, every_s=60.0)
    asked = [asyncio.ensure_future(overviews.newest()) for _ in range(50)]
    await asyncio.sleep(0)
    going.set()
    assert {made.version for made in await asyncio.gather(*asked)} == {"7-1"}
    assert (await overviews.newest()).version == "7-1"
    assert district.looked == 1


async def test_one_who_leaves_does_not_end_it_for_the_others() -> None:
    going, district = threading.Event(), District()

    def slow() -> dict[str, Any]:
        assert going.wait(20)
        return district()

    overviews = Overviews(slow, epoch_ms=7, every_s=60.0)
    leaves, stays = (asyncio.ensure_future(overviews.newest()) for _ in range(2))
    await asyncio.sleep(0)
    leaves.cancel()
    going.set()
    assert (await stays).version == "7-1"


async def test_a_stream_ends_while_the_ledger_is_out_of_reach_and_goes_on_after_it() -> None:
    district = District()
    overviews = Overviews(district, epoch_ms=7, every_s=0.0)
    stream = overviews.events("", life_s=60)
    await anext(stream)
    district.broken = True
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    district.broken = False
    assert [kind for _, kind, _ in await told(overviews, "7-1", 1)] == ["changes"]
