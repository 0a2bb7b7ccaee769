"""Questions whose answers are dear to make: two at a time, and of one caller one more that waits for its turn."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from fastapi import Request

from cloud.access.access import Refused
from cloud.api.answering import RETRY_AFTER_S, no_room, whose
from cloud.api.under_way import UnderWay
from contract.catalogue.catalogue import Catalogue

DEAR_ROWS = 100_000
_AT_ONCE, _EACH = 2, 2


class LargeAnswers:
    """For one event loop."""

    def __init__(self) -> None:
        self._makes = asyncio.Semaphore(_AT_ONCE)
        self._asked: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, request: Request, rows: int) -> AsyncIterator[None]:
        """Waits for its turn when so many rows may come. Raises Refused (429, 503) where there is no room for them."""
        if rows < DEAR_ROWS:
            yield
            return
        who = whose(request.scope)
        _room(request, who)
        if self._asked[who] >= _EACH:
            said = f"{_EACH} large answers are being made for you: ask again when they have come"
            raise Refused(429, "Too much at once", said, RETRY_AFTER_S)
        self._asked[who] += 1
        try:
            async with self._makes:
                _room(request, who)
                yield
        finally:
            self._asked[who] -= 1
            if not self._asked[who]:
                del self._asked[who]


def may_come(catalogue: Catalogue, channels: Iterable[int], start_ms: int, end_ms: int) -> int:
    """At most so many readings, of gateways that read as often as they are to: behind hourly figures, too."""
    periods = (catalogue.channels[c].period_s * 1000 for c in channels)
    return int(sum((end_ms - start_ms) / max(period_ms, 1) for period_ms in periods))


def _room(request: Request, who: str) -> None:
    """What was made and must be thrown away has cost all the same: so it is looked before."""
    under_way: UnderWay | None = getattr(request.state, "under_way", None)
    full = under_way.full(who) if under_way is not None else None
    if full is not None:
        raise no_room(full)
