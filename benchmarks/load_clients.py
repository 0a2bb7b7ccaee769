"""Those who read the API in `benchmarks.load`: a process of its own, started anew for each phase."""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2

CLIENTS = 100


@dataclass
class Said:
    """answers: by status or error, how many; took_s: of those that were answered with what was asked for."""

    answers: Counter[str] = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)
    without_retry_after: int = 0  # of the 429 and 503


class Clients:
    """One for each of `keys`. pause_s: between an answer and the next question."""

    def __init__(self, http: str, keys: list[str], pause_s: float, seconds: float) -> None:
        context = mp.get_context("spawn")
        self._results: mp.SimpleQueue[Said] = context.SimpleQueue()
        arguments = (http, keys, pause_s, seconds, self._results)
        self._process = context.Process(target=_work, args=arguments, daemon=True)
        self._process.start()

    def said(self) -> Said:
        """When their time is over."""
        return self._results.get()


def _work(http: str, keys: list[str], pause_s: float, seconds: float, out: Any) -> None:
    out.put(asyncio.run(_all(http, keys, pause_s, time.monotonic() + seconds)))


async def _all(http: str, keys: list[str], pause_s: float, until_s: float) -> Said:
    said = Said()
    limits = httpx2.Limits(max_connections=len(keys))
    async with httpx2.AsyncClient(base_url=http, timeout=30, limits=limits, trust_env=False) as client:
        await asyncio.gather(*(_one(client, key, i, pause_s, until_s, said) for i, key in enumerate(keys)))
    return said


async def _one(client: httpx2.AsyncClient, key: str, number: int, pause_s: float, until_s: float, said: Said) -> None:
    chance = random.Random(number)  # noqa: S311 - repeatable, not secret
    now_ms = time.time_ns() // 1_000_000
    paths = ["/page/state", "/v1/latest", "/v1/warnings?open=true", "/v1/stations", "/healthz"]
    paths += [f"/v1/readings?channel={c}&start={now_ms - 600_000}&end={now_ms + 600_000}" for c in range(1, 400, 40)]
    head = {"authorization": f"Bearer {key}"}
    while time.monotonic() < until_s:
        wait_s, began = pause_s, time.monotonic()
        try:
            answer = await client.get(chance.choice(paths), headers=head)
            said.answers[str(answer.status_code)] += 1
            if answer.status_code == 200:
                said.took_s.append(time.monotonic() - began)
            elif answer.status_code in (429, 503):
                said.without_retry_after += "retry-after" not in answer.headers
                wait_s = max(wait_s, float(answer.headers.get("retry-after", 1)))
        except httpx2.HTTPError as error:
            said.answers[re.sub(r"\d+", "n", f"{type(error).__name__} {error}".strip())] += 1
        await asyncio.sleep(wait_s * chance.uniform(0.8, 1.2))
