"""`headwater-sim plant`: the devices alone, for anybody's Modbus master."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from dataclasses import asdict
from pathlib import Path

from contract.clock import Clock, ScaledClock, SystemClock
from host.district_folder import load
from simulators.catchment.catchment import Catchment
from simulators.catchment.signals import ConstantSignals, Signals
from simulators.demo.district import LEAD_MS, read_simulation
from simulators.plant.plant import Plant
from simulators.storms.storms import Storm


async def serve(folder: Path, storm: Storm | None, speed: float, seed: int) -> None:
    """Prints every device as one JSON document on one line, then serves until SIGTERM or SIGINT.

    Without a storm the water stands still: road gauges 0.123 m, wet wells 1.5 m.
    """
    catalogue, simulation = load(folder), read_simulation(folder)
    clock: Clock = SystemClock()
    signals: Signals = ConstantSignals({s: _still(s) for d in simulation.signals.values() for s in d.values()})
    catchment: Catchment | None = None
    if storm is not None:
        clock = ScaledClock(storm.heavy_ms - LEAD_MS, speed, time.time_ns() // 1_000_000)
        signals = catchment = await asyncio.to_thread(
            Catchment, folder, simulation, storm, storm.heavy_ms - LEAD_MS, clock
        )
    plant = Plant(catalogue, simulation, signals, clock, seed)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        devices = await plant.start()
        print(json.dumps({"devices": [asdict(d) for d in devices]}), flush=True)
        await stop.wait()
    finally:
        await plant.stop()
        if catchment is not None:
            catchment.close()


def _still(signal_name: str) -> float:
    return {"depth": 0.123, "wet_well": 1.5, "stage": 84.8, "rain": 12.5}[signal_name.partition(":")[0]]
