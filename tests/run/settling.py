"""When a district of real processes has nothing left to do: by what it says itself, not by a time."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import httpx2

from simulators.demo.district import District, views_behind
from tests.waiting import LONG_S, until_async


def uplink(district: District, gateway: str) -> dict[str, Any]:
    """What a gateway says of its uplink; empty while it has said nothing."""
    with suppress(OSError, ValueError):
        path = district.scene.out / "edge" / gateway / "status.json"
        found: dict[str, Any] = json.loads(path.read_text())["uplink"]
        return found
    return {}


async def played(district: District, minutes: float) -> None:
    """Until so many minutes of the storm's own time have gone since the start: what rain fell by then is the same on
    every machine."""
    await until_async(lambda: district.clock.now_ms() >= district.clock.start_ms + minutes * 60_000, 2 * LONG_S)


async def settled(district: District) -> None:
    """Until every gateway is at the broker and holds nothing of the past; a batch or two of this second it always
    does."""

    def at_rest(gateway: str) -> bool:
        says = uplink(district, gateway)
        return bool(says) and says["connected"] and sum(says["waiting"].values()) <= 2

    await until_async(lambda: all(at_rest(g) for g in district.gateways), 2 * LONG_S)


async def caught_up(district: District) -> None:
    """Until every view of the cloud is at the end of its log."""
    async with httpx2.AsyncClient(base_url=district.http) as client, asyncio.timeout(LONG_S):
        while await views_behind(client) != 0:
            await asyncio.sleep(0.25)
