"""`headwater-sim plant`: the devices alone, for anybody's Modbus master."""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from contract.clock import Clock, ScaledClock, SystemClock
from host.district_folder import load
from simulators.catchment.catchment import Catchment
from simulators.catchment.signals import ConstantSignals, Signals
from simulators.demo.district import LEAD_MS, read_simulation
from simulators.plant.plant import Plant
from simulators.storms.storms import Storm

_LOOK_S = 1.0  # between two looks whether the water's process lives


async def serve(folder: Path, storm: Storm | None, speed: float, seed: int) -> None:
    """Prints every device as one JSON document on one line, then serves until SIGTERM or SIGINT.

    Without a storm the water stands still: road gauges 0.123 m, wet wells 1.5 m. Raises ConfigError, and CatchmentError
    when the water's process ends.
    """
    with tempfile.TemporaryDirectory(prefix="headwater-plant-") as logs:
        await _serve(folder, storm, speed, seed, Path(logs) / "catchment.log")


async def _serve(folder: Path, storm: Storm | None, speed: float, seed: int, log: Path) -> None:
    catalogue, simulation = load(folder), read_simulation(folder)
    clock: Clock = SystemClock()
    signals: Signals = ConstantSignals({s: _still(s) for d in simulation.signals.values() for s in d.values()})
    catchment: Catchment | None = None
    if storm is not None:
        clock = ScaledClock(storm.heavy_ms - LEAD_MS, speed, time.time_ns() // 1_000_000)
        signals = catchment = await asyncio.to_thread(
            Catchment, folder, simulation, storm, storm.heavy_ms - LEAD_MS, clock, log
        )
    plant = Plant(catalogue, simulation, signals, clock, seed)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        devices = await plant.start()
        print(json.dumps({"devices": [asdict(d) for d in devices]}), flush=True)
        while not stop.is_set():
            signals.check()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await stop.wait()
    finally:
        await plant.stop()
        if catchment is not None:
            catchment.close()


def _still(signal_name: str) -> float:
    return {"depth": 0.123, "wet_well": 1.5, "stage": 84.8, "rain": 12.5}[signal_name.partition(":")[0]]
