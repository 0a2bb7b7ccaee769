"""An RTU bus of eight units, one of them dead: how far apart the readings of the other seven come.

Aim: 95 % of their gaps within 1.2 periods. The units answer on a line of 19200 baud; the period is 1 s, the time-out
1 s, as in the figures of Telegraf (median 2.02 s, 95 % within 3.3 s), and 0.3 s.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from benchmarks.edge import REGISTERS, district
from contract.clock import SystemClock
from contract.readings import ReadingBatch
from edge_agent.acquisition.bus import BusTask
from edge_agent.config import load_config
from edge_agent.drivers.base import DeviceInfo
from firmware_bridge.modbus import ModbusModel, ModbusRtuBus
from simulators.plant.line import SerialLine
from simulators.plant.modbus import DeviceFaults, ModbusUnit, serial_server

UNITS, DEAD, FOR_S, BAUD_RATE = 8, 5, 90.0, 19_200


async def gaps(devices: list[DeviceInfo]) -> list[float]:
    """Seconds between two readings of a unit's first register, of all that live; sorted."""
    heard: dict[int, list[float]] = defaultdict(list)
    loop = asyncio.get_running_loop()

    def gather(said: ReadingBatch) -> None:
        for channel, value in zip(said.channel.tolist(), said.value.tolist(), strict=True):
            if not math.isnan(value) and channel % 100 == 0:
                heard[channel].append(loop.time())

    line = SerialLine(BAUD_RATE, "bench")
    line.start()
    model = devices[0].model
    assert isinstance(model, ModbusModel)
    values = {f"r{i}": 0.3 for i in range(REGISTERS)}
    units = [
        ModbusUnit(u, model, lambda: values, lambda _r, _v: None, DeviceFaults(dead=u == DEAD))
        for u in range(1, UNITS + 1)
    ]
    server = serial_server(units, line.device_path, BAUD_RATE)
    await server.serve_forever(background=True)
    bus = ModbusRtuBus(id="rtu", address="", baud_rate=BAUD_RATE)
    task = asyncio.create_task(BusTask(bus, devices, line.master_path, SystemClock(), gather).run())
    await asyncio.sleep(FOR_S)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await server.shutdown()
    line.stop()
    return sorted(b - a for times in heard.values() for a, b in pairwise(times))


def run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        agent_file = district(Path(folder), 9)
        devices = load_config(agent_file).devices("tcp")[:UNITS]

    async def both() -> list[list[float]]:
        lists = [[replace(d, device=d.device.model_copy(update={"timeout_s": s})) for d in devices] for s in (1.0, 0.3)]
        return await asyncio.gather(*(gaps(one) for one in lists))

    out = {}
    for timeout_s, found in zip((1.0, 0.3), asyncio.run(both()), strict=True):
        out[f"time-out {timeout_s:g} s: median gap, s"] = found[len(found) // 2]
        out[f"time-out {timeout_s:g} s: 95 % within, s"] = found[len(found) * 95 // 100]
        out[f"time-out {timeout_s:g} s: worst, s"] = found[-1]
    return out
