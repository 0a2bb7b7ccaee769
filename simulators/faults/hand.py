"""The hand that breaks things, one blow at a time, and mends them."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from simulators.demo.centre import Ailment
from simulators.demo.district import District
from simulators.faults.plan import ALONE, CENTRE, CLOUD_STEPS, FAST_PPM, WALL_MS, Blow, FaultKind
from simulators.faults.proxy import Link
from simulators.processes.mosquitto import Mosquitto

_SLOW_BYTES_PER_S = 3000.0
_OFF_S = 0.5  # without power
_STARTS_S = 90.0  # an agent, on a machine that is busy
_RAISED_M = 0.05
_A_MESSAGE_COMES_S = 40.0  # in a storm, on a machine that is busy
_AILMENTS = {
    FaultKind.CENTRE_REFUSES: Ailment.REFUSES,
    FaultKind.CENTRE_POISONED: Ailment.POISONED,
    FaultKind.CENTRE_GONE: Ailment.GONE,
    FaultKind.CENTRE_SILENT: Ailment.SILENT,
}


def raise_levels(rules: Path, by_m: float) -> None:
    """Every level of every rule in this file."""
    found = yaml.safe_load(rules.read_text())
    for rule in found["rules"]:
        rule["levels"] = {level: round(at + by_m, 3) for level, at in rule["levels"].items()}
    rules.write_text(yaml.safe_dump(found, sort_keys=False))


@dataclass(frozen=True, slots=True)
class Hand:
    district: District
    broker: Mosquitto
    link: Link

    async def strike(self, blow: Blow) -> None:
        """Returns when the blow is mended."""
        if blow.gateway:
            await self._agent(blow)
        elif blow.kind in CLOUD_STEPS:
            self.district.cloud_machine.set_wall(CLOUD_STEPS[blow.kind])
            await asyncio.sleep(blow.for_s)
            self.district.cloud_machine.set_wall(0)
        elif blow.kind in CENTRE:
            await self._centre(blow)
        elif blow.kind in (FaultKind.CLOUD_KILLED, FaultKind.RULES_RAISED):
            self.district.cloud.kill()
            if blow.kind is FaultKind.RULES_RAISED:
                raise_levels(self.district.scene.folder / "rules.yaml", _RAISED_M)
            await asyncio.sleep(blow.for_s)
            self.district.cloud.start()
            await asyncio.to_thread(self.district.cloud.first_line)
        elif blow.kind in (FaultKind.BROKER_KILLED, FaultKind.BROKER_FORGETS):
            self.broker.kill(forget=blow.kind is FaultKind.BROKER_FORGETS)
            await asyncio.sleep(blow.for_s)
            self.broker.start()  # in this thread: a child dies with the thread that made it
        elif blow.kind is FaultKind.LINK_HALF_OPEN:
            self.link.half_open()
        else:
            if blow.kind is FaultKind.LINK_CUT:
                self.link.cut()
            else:
                self.link.slow(_SLOW_BYTES_PER_S)
            await asyncio.sleep(blow.for_s)
            self.link.mend()

    async def _centre(self, blow: Blow) -> None:
        """It ails until a message has met that."""
        centre = self.district.centre
        before, began_s = centre.failed, time.monotonic()
        centre.ail(_AILMENTS[blow.kind])
        await asyncio.sleep(blow.for_s)
        while centre.failed == before and time.monotonic() - began_s < _A_MESSAGE_COMES_S:
            await asyncio.sleep(0.1)
        centre.ail(None)

    async def _agent(self, blow: Blow) -> None:
        machine = self.district.machines[blow.gateway]
        wall_ms = WALL_MS.get(blow.kind, 0)
        if blow.kind in (FaultKind.STEP_BEHIND, FaultKind.STEP_AHEAD):
            before_ms = machine.wall_ms
            machine.set_wall(before_ms + (wall_ms or 0))
            await asyncio.sleep(blow.for_s)
            machine.set_wall(before_ms)
        elif blow.kind in ALONE:
            self.link.cut()
            self._kill(blow.gateway)
            await asyncio.sleep(_OFF_S)
            self._boot(blow.gateway, wall_ms)
            await self._reporting(blow.gateway, blow.for_s)
            self._kill(blow.gateway)
            await asyncio.sleep(_OFF_S)
            self._boot(blow.gateway)
            self.link.mend()
        else:
            self._kill(blow.gateway)
            await asyncio.sleep(blow.for_s)
            if blow.kind is FaultKind.AGENT_KILLED:
                machine.started()
                self.district.gateways[blow.gateway].start()
            else:
                self._boot(blow.gateway, wall_ms, FAST_PPM if blow.kind is FaultKind.BOOT_FAST else 0.0)

    async def _reporting(self, gateway: str, least_s: float) -> None:
        """Until an agent that has just started has something to report, and for so long at least."""
        began_s = time.time()
        await asyncio.sleep(least_s)
        path = self.district.scene.out / "edge" / gateway / "status.json"
        while time.time() - began_s < _STARTS_S:
            with suppress(OSError, ValueError):
                if path.stat().st_mtime > began_s and json.loads(path.read_text())["readings"].get("reported"):
                    return
            await asyncio.sleep(0.1)

    def _kill(self, gateway: str) -> None:
        self.district.gateways[gateway].kill()
        self.district.machines[gateway].killed()

    def _boot(self, gateway: str, wall_ms: int | None = 0, ppm: float = 0.0) -> None:
        self.district.machines[gateway].boot(wall_ms, ppm)
        self.district.gateways[gateway].start()
