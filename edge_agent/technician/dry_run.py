"""`headwater-edge run --dry`: reads everything as planned and shows it; nothing is spooled, sent or written."""

from __future__ import annotations

import asyncio
import json
import math
import signal
from collections.abc import Callable
from contextlib import suppress

from contract.catalogue.catalogue import ChannelInfo
from contract.clock import iso
from contract.readings import ReadingBatch
from edge_agent.acquisition.bus import BusTask
from edge_agent.config import EdgeConfig
from edge_agent.last_values import flag_words, shown
from edge_agent.processing.pipeline import Pipeline


class DryRun:
    """say: takes a line, for each reading as it comes. Faults are told in the log, when they begin and end."""

    def __init__(self, config: EdgeConfig, say: Callable[[str], None], as_json: bool) -> None:
        self._config, self._say, self._as_json = config, say, as_json
        self._channels = {c.id: c for c in config.catalogue.channels_by_gateway[config.gateway.id]}
        self._pipeline = Pipeline(list(self._channels.values()))
        self._state = self._pipeline.initial()
        self._asked: set[int] = set()
        self._came: set[int] = set()
        self._all_asked = asyncio.Event()
        self._buses = [
            BusTask(bus, config.devices(bus.id), config.address(bus.id), config.clock, self._gather)
            for bus in config.gateway.buses
        ]

    @property
    def without(self) -> list[ChannelInfo]:
        """Channels that have given no value yet."""
        return [c for n, c in self._channels.items() if n not in self._came]

    async def run(self, for_s: float | None, once: bool) -> None:
        """For so many real seconds, or until SIGINT or SIGTERM; once: until every channel gave a value or a fault."""
        stop = self._all_asked if once else asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        tasks = [asyncio.create_task(bus.run()) for bus in self._buses]
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(for_s):
                    await stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def ended(self) -> str:
        """How many channels gave a value, and for each that did not, why."""
        lines = [f"{len(self._came)} of {len(self._channels)} channels gave a value; nothing was spooled or sent"]
        buses = [bus.status() for bus in self._buses]
        faults = {d["id"]: d["last_fault"] for bus in buses for d in bus["devices"]}
        troubles = {bus["id"]: bus["trouble"] for bus in buses}
        for c in self.without:
            why = faults.get(c.device.id) or troubles.get(c.bus) or "not asked yet, or it has no reading"
            lines.append(f"  none of {c.id}  {c.device.id} {c.register.name}: {why}")
        return "\n".join(lines)

    def _gather(self, readings: ReadingBatch) -> None:
        self._state, processed = self._pipeline.step(self._state, readings)
        judged = processed.judged
        for at_ms, number, value, flag in zip(
            judged.time_ms.tolist(), judged.channel.tolist(), judged.value.tolist(), judged.flag.tolist(), strict=True
        ):
            c = self._channels[number]
            self._asked.add(number)
            none = math.isnan(value)
            if not none:
                self._came.add(number)
            self._say(_json(c, at_ms, None if none else value, flag) if self._as_json else _line(c, at_ms, value, flag))
        if len(self._asked) == len(self._channels):
            self._all_asked.set()


def _json(c: ChannelInfo, at_ms: int, value: float | None, flag: int) -> str:
    said = {"time": iso(at_ms), "channel": c.id, "device": c.device.id, "name": c.register.name}
    return json.dumps({**said, "value": value, "unit": c.quantity.unit, "flag": flag}, ensure_ascii=False)


def _line(c: ChannelInfo, at_ms: int, value: float, flag: int) -> str:
    what = shown(None if math.isnan(value) else value, c.quantity.unit)
    name = f"{c.device.id} {c.register.name}"
    return f"{iso(at_ms)}  {c.id:<6} {name:<28} {what:<14} {flag_words(flag)}"
