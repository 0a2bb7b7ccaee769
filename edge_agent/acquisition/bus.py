"""One task a bus: asks its devices in turn, or listens, and hands on what was said."""

from __future__ import annotations

import asyncio
import importlib
import logging
import math
import time
from collections.abc import Callable
from typing import Any

from contract.catalogue.devices import Bus, BusKind
from contract.clock import Clock
from edge_agent.acquisition.schedule import DeviceState, Schedule
from edge_agent.drivers.base import DeviceFault, DeviceInfo, Driver, Fault, ListeningDriver, Opener

log = logging.getLogger(__name__)

# A protocol is one module in edge_agent/drivers, named here.
_MODULES = {BusKind.MODBUS_TCP: "modbus", BusKind.MODBUS_RTU: "modbus", BusKind.NODE_SERIAL: "node"}
_REOPEN_S = 2.0
_STUCK_S = 120.0  # no device's time-outs add up to that
_JUMP_MS = 60_000  # what the gateway's time moved against its monotonic time: it was put right

# time_ms, channel, value (NaN: the device did not answer)
Gather = Callable[[int, int, float], None]


class BusTask:
    """`run` until cancelled. Faults are counted and told once, when they begin and when they end."""

    def __init__(self, bus: Bus, devices: list[DeviceInfo], address: str, clock: Clock, gather: Gather) -> None:
        self._bus, self._devices, self._address, self._clock, self._gather = bus, devices, address, clock, gather
        self._schedule = Schedule(devices, clock.now_ms())
        self._by_channel = {c.id: s for s in self._schedule.devices for c in s.info.channels}
        self._driver: Driver | None = None
        self._trouble = ""
        self._restarts = 0
        self._asked_s: float | None = None  # monotonic; while a device is being read

    async def run(self) -> None:
        opener: Opener = importlib.import_module(f"edge_agent.drivers.{_MODULES[self._bus.kind]}").open_driver
        while True:
            try:
                self._driver = await opener(self._bus, self._devices, self._address, self._clock)
                if isinstance(self._driver, ListeningDriver):
                    await asyncio.gather(self._driver.listen(self._heard), self._watch())
                else:
                    await self._poll()
            except DeviceFault as fault:
                self._say(str(fault))
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
        now_ms = self._clock.now_ms()
        line_faults = self._driver.faults() if isinstance(self._driver, ListeningDriver) else {}
        return {
            "id": self._bus.id,
            "kind": self._bus.kind.value,
            "address": self._address,
            "trouble": self._trouble,
            "restarts": self._restarts,
            "line_faults": line_faults,
            "devices": [_device_status(d, now_ms) for d in self._schedule.devices],
        }

    async def _poll(self) -> None:
        while (device := self._schedule.next()) is not None:
            wait_ms = device.due_ms - self._clock.now_ms()
            if wait_ms > (device.back_off_periods + 1) * device.period_ms:  # the clock was set back: all are due
                self._schedule.restart(self._clock.now_ms())
            elif wait_ms > 0:
                await self._clock.sleep(wait_ms / 1000)
            await self._ask(device)
        await asyncio.Event().wait()  # a bus without devices has nothing to do

    async def _ask(self, device: DeviceState) -> None:
        assert self._driver is not None
        assert not isinstance(self._driver, ListeningDriver)
        self._asked_s = time.monotonic()
        try:
            channels, values = await self._driver.read(device.info)
        except DeviceFault as fault:
            now_ms = self._clock.now_ms()
            if self._schedule.failed(device, fault, now_ms):
                log.warning("%s: %s", device.info.device.id, fault)
            self._miss(device, now_ms)
            if fault.fault is Fault.BUS_DOWN:
                self._say(str(fault))
                await asyncio.sleep(_REOPEN_S)
            return
        finally:
            self._asked_s = None
        now_ms = self._clock.now_ms()
        if device.failures:
            log.info("%s answers again", device.info.device.id)
        self._say("")
        self._schedule.answered(device, now_ms)
        stamp = _stamp(now_ms, device.period_ms)
        for channel, value in zip(channels, values, strict=True):
            self._gather(stamp, channel, value)

    def _miss(self, device: DeviceState, now_ms: int) -> None:
        """The device was asked and said nothing: that is a reading, too, and its value is missing."""
        stamp = _stamp(now_ms, device.period_ms)
        for c in device.info.channels:
            self._gather(stamp, c.id, math.nan)

    def _heard(self, time_ms: int, channel: int, value: float) -> None:
        self._schedule.spoke(self._by_channel[channel], time_ms)
        self._say("")
        self._gather(time_ms, channel, value)

    async def _watch(self) -> None:
        """A node that should have spoken three times and did not is missing."""
        started_ms = self._clock.now_ms()
        offset_ms = started_ms - self._clock.monotonic_ms()
        while True:
            now_ms = self._clock.now_ms()
            moved_ms = now_ms - self._clock.monotonic_ms() - offset_ms
            if abs(moved_ms) > _JUMP_MS:  # silence of fifty years is none, and words of tomorrow are none
                self._schedule.restart(now_ms)
                started_ms = now_ms
                offset_ms += moved_ms
            for device in self._schedule.devices:
                silent_ms = now_ms - (device.last_good_ms or started_ms)
                if silent_ms > 3 * device.period_ms and now_ms >= device.due_ms:
                    fault = DeviceFault(
                        Fault.TIMEOUT, f"node {device.info.device.unit} silent for {silent_ms // 1000} s"
                    )
                    if self._schedule.failed(device, fault, now_ms):
                        log.warning("%s: %s", device.info.device.id, fault)
                    self._miss(device, now_ms)
            await self._clock.sleep(min(d.info.period_s for d in self._schedule.devices))

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("bus %s: %s", self._bus.id, trouble)
        self._trouble = trouble


def _stamp(now_ms: int, period_ms: int) -> int:
    """Whole seconds for sensors that are read every second or less often: they store five times smaller."""
    return now_ms // 1000 * 1000 if period_ms >= 1000 else now_ms


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
