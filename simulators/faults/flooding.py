"""A flood in a run of faults: begun, watched, ended."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2

from simulators.demo.district import District
from simulators.faults.flood import Flood, Flooder
from simulators.faults.flooded import Flooded, let_go
from simulators.processes.identities import Identities

_LOOKS_S = 0.5
_HANDED_IN_S = 120.0  # on a machine that is busy


@asynccontextmanager
async def flooding(district: District, identities: Identities, alone_s: float, found: Flooded) -> AsyncIterator[None]:
    """What is done within it happens under the flood, when that has been alone for a while. Fills `found` with what it
    sees. found: of a gateway without an agent."""
    catalogue, tls = district.catalogue, identities.gateway_tls(found.gateway)
    own = sorted(c for c, i in catalogue.channels.items() if i.gateway == found.gateway)
    # All others say that they are simulated: a real one in their zones would have them refused.
    flooder = Flooder(catalogue.district.id, found.gateway, own, district.clock.now_ms, True, (True,))
    looks = asyncio.create_task(_look(district, found))
    files = Path(tls["ca_file"]), Path(tls["cert_file"]), Path(tls["key_file"])
    flood = await asyncio.to_thread(Flood, flooder, identities.port, files)
    try:
        await asyncio.to_thread(flood.known)
        began_ms = district.clock.now_ms()
        await asyncio.sleep(alone_s)
        found.was_alone(began_ms, district.clock.now_ms())
        yield
        await asyncio.to_thread(flood.stop)
        began_s = time.monotonic()
        while flood.waiting() and time.monotonic() - began_s < _HANDED_IN_S:
            await asyncio.sleep(0.1)
    finally:
        looks.cancel()
        await asyncio.to_thread(flood.close)
        found.sent_in_all(flood.sent, round(flood.mb), flood.kept, flood.again)


async def _look(district: District, found: Flooded) -> None:
    """Until it is cancelled. Each process of the cloud counts from 0."""
    of_process: dict[int, dict[str, int]] = {}
    async with httpx2.AsyncClient(base_url=district.http, timeout=5) as client:
        while True:
            with suppress(httpx2.HTTPError, OSError, AssertionError):  # it may be down just now
                pid = district.cloud.pid
                memory_mb = _highest_mb(pid)
                of_process[pid] = let_go((await client.get("/metrics")).text)
                found.saw(memory_mb, sum(map(Counter, of_process.values()), Counter()))
            await asyncio.sleep(_LOOKS_S)


def _highest_mb(pid: int) -> int:
    """The most memory that a process ever took."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)
