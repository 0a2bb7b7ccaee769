"""One seed: three quarters of an hour of faults, then quiet, then the checks."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level, Rule
from host.district_folder import load
from simulators.promise.centre import TICK_S, Centre, gateways_of
from simulators.promise.disks import Disk, installed
from simulators.promise.faults import Faults
from simulators.promise.gateway import GatewayNode
from simulators.promise.history import History
from simulators.promise.properties import check_log, check_release, check_views, check_warnings
from simulators.promise.truth import Truth
from simulators.promise.world import Broken, Broker, World
from simulators.shipped import DISTRICT

_START_MS = 1_626_768_000_000  # 20 July 2021 08:00 UTC
_FAULTS_S, _QUIET_MAX_S = 2700.0, 3 * 3600.0
_SILENT_TICKS = 6
_NO_CAP = 1 << 30
_MEMORY = "/dev/shm"  # noqa: S108 (mkdtemp makes a private folder in it)
_CHANNELS = 4  # of each gateway: two that rules watch, two others


@dataclass(frozen=True, slots=True)
class Outcome:
    """broken: empty when the promise held. digest: of the trace; the same seed gives the same."""

    seed: int
    broken: str
    digest: str
    readings: int
    faults: Counter[str]
    thrown: int
    refused: int
    lines: list[str] | None


def run_seed(seed: int, tracing: bool = False) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix="headwater-promise-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
    rng = random.Random(f"start {seed}")
    world = World(seed, _START_MS + rng.randrange(3600) * 1000, tracing)
    disks: dict[str, Disk] = {}
    run = None
    try:
        with installed(disks, random.Random(f"spools {seed}")):
            broken = ""
            try:
                run = _Run(world, folder, disks)
                run.all()
            except Broken as error:
                broken = str(error)
                world.say(f"BROKEN {broken}")
            finally:
                if run is not None:
                    run.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    truth = run.truth if run is not None else Truth()
    refused = sum(n.refused for n in run.nodes) if run is not None else 0
    return Outcome(
        seed, broken, world.digest, len(truth.made), Counter(world.faults), len(truth.thrown), refused, world.lines
    )


class _Run:
    def __init__(self, world: World, folder: Path, disks: dict[str, Disk]) -> None:
        self._world, self.catalogue = world, catalogue()
        self.truth = Truth()
        self._measuring_until_ms = 0
        broker = Broker(world)
        self.centre = Centre(world, broker, self.catalogue, folder / "centre")
        disks[str(folder / "centre")] = self.centre.disk
        self.nodes: list[GatewayNode] = []
        for i, gateway in enumerate(self._ids()):
            place = folder / f"edge-{i}"
            name = (f"box-{i}", gateway, self.catalogue.district.id)
            cap = world.rng.choice((_NO_CAP, _NO_CAP, _NO_CAP, 800))
            node = GatewayNode(world, broker, self.centre, self.truth, name, place, self._channels(gateway), cap)
            disks[str(place)] = node.disk
            self.nodes.append(node)
        self.centre.connect(gateways_of([(n.gateway, n) for n in self.nodes]))
        watched = {c for n in self.nodes for c in self._channels(n.gateway)[:2]}
        given = [self.catalogue.channels[c] for c in sorted(watched)]
        self._history = History(world.seed, self.truth, given)
        self._faults = Faults(world, broker, self.centre, self.nodes)

    def _ids(self) -> list[str]:
        rng = self._world.rng
        ids = rng.sample(list(self.catalogue.gateways), rng.randint(1, 3))
        return [*ids, ids[0]] if rng.random() < 0.25 else ids  # two boxes go by one id

    def _channels(self, gateway: str) -> list[int]:
        own = [c.id for c in self.catalogue.channels_by_gateway[gateway]]
        watched = [c for c in own if c in self.catalogue.rules_by_channel]
        return [*watched[:2], *[c for c in own if c not in watched][: _CHANNELS - 2]]

    def all(self) -> None:
        world = self._world
        self.centre.have_imported(self._history)
        self.centre.start()
        world.after(TICK_S, self._tick)
        world.after(10, self._follow)
        for node in self.nodes:
            node.start()
            world.after(world.rng.uniform(0, 60), lambda n=node: self._measure(n))  # type: ignore[misc]
            world.after(world.rng.uniform(0, 5), lambda n=node: self._pump(n))  # type: ignore[misc]
        self._faults.plan(_FAULTS_S)
        self._plan_people()
        self._measuring_until_ms = world.true_ms + int(_FAULTS_S * 1000)
        world.run_until(self._measuring_until_ms)
        self._settle()
        self._check()

    def _plan_people(self) -> None:
        """Somebody releases from quarantine: before the cause is mended and after, late, and often twice."""
        rng = random.Random(f"people {self._world.seed}")
        for _ in range(rng.randint(0, 6)):
            mended, times, at_s = rng.random() < 0.5, rng.choice((1, 2)), rng.uniform(0, _FAULTS_S)
            for n in range(times):
                self._world.after(at_s + n, lambda m=mended: self.centre.release("person:ann", m))  # type: ignore[misc]

    def _settle(self) -> None:
        world = self._world
        self._faults.over()
        deadline_ms = world.true_ms + int(_QUIET_MAX_S * 1000)
        world.run_until(world.true_ms + 120_000)  # who was down is up again
        self._faults.over()  # what a fault had still to end is ended
        for node in self.nodes:
            node.measure()
        while not self._quiet():
            if world.true_ms >= deadline_ms:
                waiting = {n.name: n.waiting() for n in self.nodes}
                raise Broken(
                    f"no quiet {_QUIET_MAX_S:.0f} s after the faults: waiting {waiting}, {self.centre.trouble}"
                )
            world.run_until(world.true_ms + 20_000)
        for _ in range(_SILENT_TICKS):  # every channel falls silent, and an hour is sealed
            world.pass_time(900_000)
            self.centre.tick()
            self.centre.follow(500)
        while self.centre.behind():
            self.centre.follow(500)

    def _quiet(self) -> bool:
        return all(n.empty() for n in self.nodes) and self.centre.behind() == 0

    def _check(self) -> None:
        parts = self.centre.parts
        if parts is None:
            raise Broken("the centre is down when all faults are over")
        for node in self.nodes:
            node.check()
        logged = check_log(self.truth, parts)
        check_views(logged, parts, self.catalogue)
        check_warnings(parts, self.catalogue)
        check_release(self.truth, parts, self.catalogue, self.centre.clock_ms())

    def close(self) -> None:
        self.centre.close()
        for node in self.nodes:
            node.disk.power_off()

    # --- what goes on all the time ---

    def _measure(self, node: GatewayNode) -> None:
        if self._world.true_ms < self._measuring_until_ms:
            node.measure()
            self._world.after(self._world.rng.uniform(30, 150), lambda: self._measure(node))

    def _pump(self, node: GatewayNode) -> None:
        node.pump()
        self._world.after(self._world.rng.uniform(6, 14), lambda: self._pump(node))

    def _tick(self) -> None:
        self.centre.tick()
        self._world.after(TICK_S, self._tick)

    def _follow(self) -> None:
        self.centre.follow(self._world.rng.choice((2, 10, 500)))
        self._world.after(self._world.rng.uniform(100, 500), self._follow)


@cache
def catalogue() -> Catalogue:
    """The demonstration's, with a second rule on every watched channel: quick where the first is slow."""
    district = load(DISTRICT)
    own = [w.rule.model_copy(update={"channels": w.channels, "station_kind": None}) for w in district.watches]
    watched = tuple(district.rules_by_channel)
    at_once = {"on_delay_s": 0, "off_delay_s": 0, "min_hold_s": 0}
    quick = Rule(id="quick", channels=watched, levels={Level.BLUE: 0.1, Level.RED: 0.4}, **at_once)
    return replace(district, rules=(*own, quick))
