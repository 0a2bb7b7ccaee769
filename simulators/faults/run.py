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
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from cloud.config import load_config
from cloud.ledger.open import open_ledger
from cloud.log.base import EntryKind
from cloud.log.open import open_log
from cloud.warnings.replay import replay
from cloud.warnings.view import open_view
from edge_agent.spool.file import read_waiting
from host.district_folder import load
from simulators.audit.run_folder import audit
from simulators.demo.district import District, Scene, undelivered, views_behind
from simulators.faults.hand import Hand
from simulators.faults.plan import Blow, plan
from simulators.faults.proxy import Link
from simulators.faults.told import differences
from simulators.processes.identities import make
from simulators.processes.mosquitto import Mosquitto
from simulators.processes.ports import free_port
from simulators.storms.storms import Storm

_SETTLE_S = 120.0  # on a machine that is busy
_KEEPALIVE_S = 3
_NEAR_H = 4.0  # a cloud's clock steps by eight; at sixty-fold speed a busy machine needs two to settle
_SEEN_S = 3 * _KEEPALIVE_S  # by then both ends of a half-open connection know that it is dead


@dataclass(slots=True)
class Outcome:
    """One run. quarantined, furthest_s: see `simulators.audit.compare.Audit`. centre_failed: messages that the
    warning centre did not answer well.

    broken: what should not be; empty when the run is
    good."""

    seed: int
    faults: list[str] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    stored: int = 0
    quarantined: int = 0
    centre_failed: int = 0
    furthest_s: float = 0.0
    warnings: int = 0
    settled_s: float = 0.0
    broken: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Stage:
    """What every run of a campaign shares. span_s: real seconds in which faults happen.

    clocks: the gateways' clocks go wrong, too. centre: the warning centre fails for a while, and the rules are changed.
    """

    folder: Path  # of the district
    out: Path
    storm: Storm
    speed: float = 60.0
    span_s: float = 12.0
    clocks: bool = False
    centre: bool = False


async def one_run(stage: Stage, seed: int) -> Outcome:
    """A run in a folder of its own, `run-<seed>`."""
    outcome = Outcome(seed)
    out = stage.out / f"run-{seed}"
    port = free_port()
    shutil.rmtree(out, ignore_errors=True)  # of an earlier campaign
    identities = make(out / "identities", load(stage.folder), port)
    broker = Mosquitto(identities.conf.parent, port=port, identities=identities)
    link = Link(("127.0.0.1", port))
    await link.start()
    folder = stage.folder
    if stage.centre:  # its rules are changed on the way
        folder = _copied(folder, out / "catalogue")
    scene = Scene(
        folder,
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
    )
    district = District(scene)
    blows = plan(seed, list(district.gateways), stage.span_s, 8 if stage.clocks else 6, stage.clocks, stage.centre)
    try:
        await asyncio.to_thread(broker.start)
        await district.start()
        if stage.clocks:
            await _told_the_time(district)
        await _breaking(blows, district, broker, link, outcome)
        await asyncio.sleep(_SEEN_S)
        outcome.settled_s = await _settled(district, outcome, running=True)
        district.check()
        await district.stop_edges()
        await _settled(district, outcome, running=False)
        await asyncio.to_thread(district.cloud.stop)
        await asyncio.to_thread(_judge, scene.out, outcome, stage.centre)
        if stage.centre:
            await asyncio.to_thread(_judge_centre, district, outcome)
    except (RuntimeError, OSError, httpx2.HTTPError) as error:
        outcome.broken.append(f"{type(error).__name__}: {error}")
    finally:
        await district.stop()
        broker.kill()
        await link.stop()
    return outcome


def _copied(folder: Path, to: Path) -> Path:
    """A district with the device models that it may share with others."""
    shutil.copytree(folder, to)
    shared = folder.parent.parent / "devices"
    if shared.is_dir():
        shutil.copytree(shared, to / "devices", dirs_exist_ok=True)
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


async def _breaking(blows: list[Blow], district: District, broker: Mosquitto, link: Link, outcome: Outcome) -> None:
    began = time.monotonic()
    hands = [asyncio.create_task(_strike(b, began, Hand(district, broker, link))) for b in blows]
    outcome.faults = [
        f"{b.at_s:.1f} s {b.kind.value} {b.gateway} for {b.for_s:.1f} s".replace("  ", " ") for b in blows
    ]
    await asyncio.gather(*hands)


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


def _judge(out: Path, outcome: Outcome, rules_changed: bool) -> None:
    kept_back = {p.parent.name: read_waiting(p) for p in sorted(out.glob("edge/*/spool.sqlite"))}
    if any(kept_back.values()):
        outcome.broken.append(f"batches still at the gateways: {kept_back}")
    found = audit(out)
    outcome.lost, outcome.doubled, outcome.altered = found.lost, found.doubled, found.altered
    outcome.stored, outcome.quarantined = found.stored, found.quarantined
    outcome.furthest_s = found.furthest_ms / 1000
    if not found.good:
        outcome.broken += found.notes or ["the audit failed"]
    if found.stored == 0:
        outcome.broken.append("nothing was stored")
    if stepped := _stepped(out):
        outcome.broken.append(f"the cloud believed its clock's step: {stepped}")
    said, again = given_and_replayed(out)
    outcome.warnings = len(said)
    if said != again and not rules_changed:  # the log does not hold the rules of its time
        outcome.broken.append(f"{len(said)} warnings given, {len(again)} by replay, and they differ")


def _judge_centre(district: District, outcome: Outcome) -> None:
    config = load_config(district.scene.out / "cloud.yaml")
    log = open_log(config.data_dir)
    ledger = open_ledger(config.ledger_url, whole=True)
    try:
        said = open_view(ledger, config.catalogue, config.file.warnings).reader.messages(limit=10**6)
        end_ms = log.now_ms()
    finally:
        ledger.dispose()
        log.close()
    centre = district.centre
    outcome.centre_failed = centre.failed
    outcome.broken += differences(list(reversed(said)), centre.messages, centre.poison, end_ms)


def _stepped(out: Path) -> str:
    """What of the log is at a time that never was; empty when nothing is. Its order and its time must not part, and
    its last entry lies near the end of the run."""
    log = open_log(load_config(out / "cloud.yaml").data_dir)
    try:
        corrections, end_ms = log.notes(EntryKind.CLOCK), log.now_ms()
    finally:
        log.close()
    ended_ms = json.loads((out / "run.json").read_text())["ended_ms"]
    if corrections:
        return f"{len(corrections)} corrections"
    off_h = (end_ms - ended_ms) / 3_600_000
    return f"the log ends {off_h:+.1f} h from the end of the run" if abs(off_h) > _NEAR_H else ""


Gist = list[tuple[str, int, str, str]]


def given_and_replayed(out: Path) -> tuple[Gist, Gist]:
    """(id, sent_ms, msgType, level) of what a cloud that was killed on the way has said, and what replay of its log
    says. out: of a demonstration, its cloud stopped."""
    config = load_config(out / "cloud.yaml")
    ledger = open_ledger(config.ledger_url, whole=True)
    view = open_view(ledger, config.catalogue, config.file.warnings)
    log = open_log(config.data_dir)
    try:
        said = view.reader.messages(limit=10**6)
        again = replay(log, config.catalogue, config.file.warnings)
    finally:
        ledger.dispose()
        log.close()
    gist = [sorted((m.id, m.sent_ms, m.msg_type.value, m.level_word) for m in found) for found in (said, again)]
    return gist[0], gist[1]
