"""One task a bus: asks its devices in turn, hears those that speak by themselves, and hands on what was said."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from contract.catalogue.devices import Bus
from contract.clock import Clock
from contract.readings import ReadingBatch
from edge_agent.acquisition.schedule import DeviceState, Schedule
from edge_agent.drivers.base import DeviceFault, DeviceInfo, Driver, Fault, stamp_ms
from edge_agent.drivers.table import driver_module

log = logging.getLogger(__name__)

_REOPEN_S = 2.0
_STUCK_S = 120.0  # no device's time-outs add up to that
_JUMP_MS = 60_000  # what the gateway's time moved against its monotonic time: it was put right

# What devices said; NaN where one should have and did not.
Gather = Callable[[ReadingBatch], None]


class BusTask:
    """`run` until cancelled. Faults are counted and told once, when they begin and when they end."""

    def __init__(self, bus: Bus, devices: list[DeviceInfo], address: str, clock: Clock, gather: Gather) -> None:
        self._bus, self._devices, self._address, self._clock, self._gather = bus, devices, address, clock, gather
        self._schedule = Schedule(devices, clock.now_ms())
        self._driver: Driver | None = None
        self._trouble = ""
        self._restarts = 0
        self._asked_s: float | None = None  # monotonic; while a device is being read

    async def run(self) -> None:
        """Opens the driver, and again whenever a defect ends it."""
        module = driver_module(self._bus.protocol)
        while True:
            try:
                self._driver = await module.open_driver(self._bus, self._devices, self._address, self._clock)
                self._schedule.expect(self._driver.silent_periods, self._clock.now_ms())
                await _first_to_end(self._ask_in_turn(self._driver), self._listen(self._driver))
            except Exception as error:  # a bug in one driver must not silence the others
                self._restarts += 1
                self._say(f"stopped by {type(error).__name__}: {error}")
                log.exception("bus %s stopped; it starts again", self._bus.id)
            finally:
                if self._driver is not None:
                    await self._driver.close()
            await asyncio.sleep(_REOPEN_S)

    def stuck(self) -> str:
        """Words for a read that does not come back, long after every time-out; empty while all is well."""
        if self._asked_s is None or time.monotonic() - self._asked_s < _STUCK_S:
            return ""
        return f"bus {self._bus.id}: a read has not come back for {time.monotonic() - self._asked_s:.0f} s"

    def status(self) -> dict[str, Any]:
        """What the status file says of the bus and its devices."""
        now_ms = self._clock.now_ms()
        return {
            "id": self._bus.id,
            "kind": self._bus.kind,
            "address": self._address,
            "trouble": self._trouble,
            "restarts": self._restarts,
            "line_faults": dict(self._driver.line_faults()) if self._driver is not None else {},
            "devices": [_device_status(d, now_ms) for d in self._schedule.devices],
        }

    async def _ask_in_turn(self, driver: Driver) -> None:
        """Whatever device is due: because its period is over, or because it should have spoken and did not."""
        shortest_s = min((d.info.period_s for d in self._schedule.devices), default=0.0)
        offset_ms = self._clock.now_ms() - self._clock.monotonic_ms()
        while (device := self._schedule.next()) is not None:
            now_ms = self._clock.now_ms()
            moved_ms = now_ms - self._clock.monotonic_ms() - offset_ms
            if abs(moved_ms) > _JUMP_MS:  # silence of fifty years is none, and words of tomorrow are none
                offset_ms += moved_ms
                self._schedule.restart(now_ms)
            elif device.due_ms <= now_ms:
                await self._ask(driver, device)
            elif device.due_ms - now_ms > self._schedule.longest_wait_ms(device):  # the clock was set back
                self._schedule.restart(now_ms)
            else:  # by a period at most: a device that speaks meanwhile is due later
                await self._clock.sleep(min((device.due_ms - now_ms) / 1000, shortest_s))
        await asyncio.Event().wait()  # a bus without devices has nothing to do

    async def _ask(self, driver: Driver, device: DeviceState) -> None:
        self._asked_s = time.monotonic()
        try:
            answer = await driver.read(device.info)
        except DeviceFault as fault:
            now_ms = self._clock.now_ms()
            if self._schedule.failed(device, fault, now_ms):
                log.warning("%s: %s", device.info.device.id, fault)
            self._miss(device, (c.id for c in device.info.channels), now_ms)
            await self._rest(fault)
            return
        finally:
            self._asked_s = None
        now_ms = self._clock.now_ms()
        if device.failures:
            log.info("%s answers again", device.info.device.id)
        self._say("")
        if self._schedule.answered(device, now_ms, [m.fault for m in answer.missing]):
            log.warning("%s answers in part: %s", device.info.device.id, device.last_fault)
        self._gather(answer.readings)
        for missing in answer.missing:
            self._miss(device, missing.channels, now_ms)
            await self._rest(missing.fault)

    async def _rest(self, fault: DeviceFault) -> None:
        """A bus that is down is given time before it is opened again."""
        if fault.fault is Fault.BUS_DOWN:
            self._say(str(fault))
            await asyncio.sleep(_REOPEN_S)

    def _miss(self, device: DeviceState, channels: Iterable[int], now_ms: int) -> None:
        """They should have been told and were not: that is a reading, too, and its value is missing."""
        numbers = list(channels)
        time_ms = stamp_ms(now_ms, device.info.period_s)
        self._gather(ReadingBatch.of([time_ms] * len(numbers), numbers, [math.nan] * len(numbers)))

    async def _listen(self, driver: Driver) -> None:
        while True:
            try:
                await driver.listen(self._heard)
            except DeviceFault as fault:
                self._say(str(fault))
            await asyncio.sleep(_REOPEN_S)

    def _heard(self, device: str, readings: ReadingBatch) -> None:
        self._schedule.spoke(device, int(readings.time_ms.max()), self._clock.now_ms())
        self._say("")
        self._gather(readings)

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("bus %s: %s", self._bus.id, trouble)
        self._trouble = trouble


async def _first_to_end(*parts: Coroutine[Any, Any, None]) -> None:
    """Runs coroutines beside one another until one ends, and the others with it; raises what it raised."""
    tasks = [asyncio.create_task(p) for p in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _device_status(device: DeviceState, now_ms: int) -> dict[str, Any]:
    last = device.last_good_ms
    return {
        "id": device.info.device.id,
        "unit": device.info.device.unit,
        "model": device.info.model.model,
        "state": "never" if last is None else "silent" if device.failures else "good",
        "last_good_ms": last,
        "last_good_age_s": None if last is None else (now_ms - last) / 1000,
        "reads": device.reads,
        "faults": dict(device.faults),
        "last_fault": device.last_fault,
        "back_off_periods": device.back_off_periods,
    }
