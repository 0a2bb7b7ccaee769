"""`headwater-sim faults`: storms over real agents, mosquitto with mutual TLS and cloud, and a seeded hand that breaks
them.

After the last fault is mended everything is given time to settle; then the audit must find every reading once, and a
replay of the log must give the warnings that were given.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

from host.district_folder import load
from simulators.audit.run_folder import REPLY_S
from simulators.demo.district import District, Scene, undelivered, views_behind
from simulators.faults.flooded import Flooded
from simulators.faults.flooding import flooding
from simulators.faults.hand import Hand
from simulators.faults.outcome import Outcome, judge, judge_flood
from simulators.faults.plan import Blow, plan
from simulators.faults.proxy import Link
from simulators.processes.identities import make
from simulators.processes.mosquitto import Mosquitto
from simulators.processes.ports import free_port
from simulators.storms.storms import Storm

_SETTLE_S = 120.0  # on a machine that is busy
_KEEPALIVE_S = 3
_SEEN_S = 3 * _KEEPALIVE_S  # by then both ends of a half-open connection know that it is dead


@dataclass(frozen=True)
class Stage:
    """What every run of a campaign shares. span_s: real seconds in which faults happen.

    clocks: the gateways' clocks go wrong, too. centre: the warning centre fails for a while, and the rules are changed.
    flood: one gateway, which would have an agent, floods instead: for span_s alone, and then while faults happen.
    """

    folder: Path  # of the district
    out: Path
    storm: Storm
    speed: float = 60.0
    span_s: float = 12.0
    clocks: bool = False
    centre: bool = False
    flood: bool = False


async def one_run(stage: Stage, seed: int) -> Outcome:
    """A run in a folder of its own, `run-<seed>`."""
    out = stage.out / f"run-{seed}"
    port = free_port()
    shutil.rmtree(out, ignore_errors=True)  # of an earlier campaign
    identities = make(out / "identities", load(stage.folder), port)
    broker = Mosquitto(identities.conf.parent, port=port, identities=identities)
    link = Link(("127.0.0.1", port))
    await link.start()
    scene = Scene(
        _copied(stage.folder, out / "catalogue"),
        out / "district",
        stage.storm,
        stage.speed,
        seed,
        broker=("127.0.0.1", port),
        edge_broker=("127.0.0.1", link.port),
        keepalive_s=_KEEPALIVE_S,
        lead_ms=0,
        identities=identities.folder,
        clocks=stage.clocks,
        without=_flooder(stage.folder) if stage.flood else "",
    )
    district = District(scene)
    blows = plan(seed, list(district.gateways), stage.span_s, 8 if stage.clocks else 6, stage.clocks, stage.centre)
    flood = Flooded(scene.without) if stage.flood else None
    outcome = Outcome(seed, [_said(b) for b in blows], flood=flood)
    try:
        await asyncio.to_thread(broker.start)
        await district.start()
        if stage.clocks or stage.flood:
            await _told_the_time(district)
        async with flooding(district, identities, stage.span_s, flood) if flood else nullcontext():
            await _breaking(blows, Hand(district, broker, link))
        await asyncio.sleep(_SEEN_S)
        outcome.took(await _settled(district, outcome, running=True))
        district.check()
        await district.stop_edges()
        await _settled(district, outcome, running=False)
        await asyncio.to_thread(district.cloud.stop)
        await asyncio.to_thread(judge, scene.out, outcome, district.centre if stage.centre else None)
        if stage.flood:
            await asyncio.to_thread(judge_flood, scene.out, outcome, district)
    except (RuntimeError, OSError, httpx2.HTTPError) as error:
        outcome.broken.append(f"{type(error).__name__}: {error}")
    finally:
        await district.stop()
        broker.kill()
        await link.stop()
    return outcome


def _flooder(folder: Path) -> str:
    """The last by name."""
    return max(load(folder).gateways)


def _copied(folder: Path, to: Path) -> Path:
    """A district with the device models that it may share with others; its rules may be changed on the way.

    Its gateways wait for a reply as long as the audit allows one to be on its way: on a machine that stalls for half a
    second a reply in time is no miss, which truth, that knows of the question, would call a lost reading.
    """
    shutil.copytree(folder, to)
    shared = folder.parent.parent / "devices"
    if shared.is_dir():
        shutil.copytree(shared, to / "devices", dirs_exist_ok=True)
    for model in (to / "devices").glob("*.yaml"):
        others = [line for line in model.read_text().splitlines() if not line.startswith("timeout_s:")]
        model.write_text("\n".join([*others, f"timeout_s: {REPLY_S}", ""]))
    return to


async def _told_the_time(district: District) -> None:
    """Each gateway, once, by the cloud: a clock that was never right is another story. Raises TimeoutError."""
    async with asyncio.timeout(_SETTLE_S):
        for gateway in district.gateways:
            path = district.scene.out / "edge" / gateway / "status.json"
            while True:
                with suppress(OSError, ValueError):
                    if json.loads(path.read_text())["uplink"]["clock_confirmed"]:
                        break
                await asyncio.sleep(0.1)


def _said(b: Blow) -> str:
    return f"{b.at_s:.1f} s {b.kind.value} {b.gateway} for {b.for_s:.1f} s".replace("  ", " ")


async def _breaking(blows: list[Blow], hand: Hand) -> None:
    began = time.monotonic()
    await asyncio.gather(*(_strike(b, began, hand) for b in blows))


async def _strike(blow: Blow, began: float, hand: Hand) -> None:
    await asyncio.sleep(max(0.0, began + blow.at_s - time.monotonic()))
    await hand.strike(blow)


async def _settled(district: District, outcome: Outcome, running: bool) -> float:
    """Until no view is behind, no consumer lacks a message and, while they run, no gateway holds anything of the past.
    Real seconds it took."""
    began = time.monotonic()
    async with httpx2.AsyncClient(base_url=district.http, timeout=5) as client:
        while time.monotonic() - began < _SETTLE_S:
            with suppress(httpx2.HTTPError):
                at_rest = not (running and _waiting(district)) and await views_behind(client) == 0
                if at_rest and await undelivered(client) == 0:
                    return time.monotonic() - began
            await asyncio.sleep(0.5)
    outcome.broken.append(f"not settled after {_SETTLE_S:g} s: {_waiting(district)} batches wait at gateways")
    return _SETTLE_S


def _waiting(district: District) -> int:
    """Batches of the past that wait. One or two of this second always do while an agent runs."""
    waiting = 0
    for gateway in district.gateways:
        path = district.scene.out / "edge" / gateway / "status.json"
        with suppress(OSError, ValueError):
            uplink = json.loads(path.read_text())["uplink"]
            waiting += max(0, sum(uplink["waiting"].values()) - 2) if uplink["connected"] else 1
    return waiting
