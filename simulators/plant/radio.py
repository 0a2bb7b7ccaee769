"""Battery nodes behind a radio bridge: each wakes once a period, measures, and sends a frame when it likes."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from contract.clock import Clock
from firmware_bridge.framing import encode_frame
from firmware_bridge.telemetry import Sample, Telemetry, encode_telemetry
from simulators.plant.modbus import Values

# Register name and value, as a frame that has left the bridge carries them.
Heard = Callable[[str, float], None]


@dataclass(slots=True)
class RadioNode:
    """dead: its battery is flat."""

    number: int
    period_s: float
    values: Values
    heard: Heard
    dead: bool = False
    sequence: int = 0


@dataclass(slots=True)
class RadioBridge:
    """Writes frames to a serial line, as they come in by radio. `run` until cancelled."""

    path: str
    nodes: Sequence[RadioNode]
    clock: Clock
    seed: str
    started_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self.started_ms = self.clock.now_ms()

    async def run(self) -> None:
        port = os.open(self.path, os.O_RDWR | os.O_NOCTTY)
        try:
            await asyncio.gather(*(self._live(node, port) for node in self.nodes))
        finally:
            os.close(port)

    async def _live(self, node: RadioNode, port: int) -> None:
        chance = random.Random(f"{self.seed}:{node.number}")
        await self.clock.sleep(chance.uniform(0, node.period_s))  # nodes do not wake together
        while True:
            if not node.dead:
                self._send(node, port)
            await self.clock.sleep(node.period_s * chance.uniform(0.98, 1.02))

    def _send(self, node: RadioNode, port: int) -> None:
        values = node.values()
        uptime_s = (self.clock.now_ms() - self.started_ms) // 1000
        telemetry = Telemetry(node.number, node.sequence, uptime_s, values["battery"], (Sample(0, values["depth"]),))
        node.sequence += 1
        os.write(port, encode_frame(encode_telemetry(telemetry)))
        for name in ("depth", "battery"):
            node.heard(name, values[name])
