"""One task a bus: asks its devices in turn, hears those that speak by themselves, and hands on what was said."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any

from contract.catalogue.devices import Bus
from contract.clock import Clock, iso
from contract.readings import ReadingBatch
from edge_agent.acquisition.asked_now import AskedNow, asked_now
from edge_agent.acquisition.schedule import DeviceState, Poll, Schedule
from edge_agent.drivers.base import Answer, DeviceFault, DeviceInfo, Driver, Missing, Tappable, TellsWhoItIs, stamp_ms
from edge_agent.drivers.table import driver_module

log = logging.getLogger(__name__)

_REOPEN_S = 1.0
_STUCK_S = 120.0  # no device's time-outs add up to that
_JUMP_MS = 60_000  # what the gateway's time moved against its monotonic time: it was put right
_RECKON_MS = 1000
_OVERLOADED = 1.05  # more than chance adds to a full bus

# What devices said; NaN where one should have and did not.
Gather = Callable[[ReadingBatch], None]
Tapped = Callable[[Mapping[str, Any]], None]


class BusTask:
    """`run` until cancelled. Faults are counted and told once, when they begin and when they end."""

    def __init__(self, bus: Bus, devices: list[DeviceInfo], address: str, clock: Clock, gather: Gather) -> None:
        self._bus, self._devices, self._address, self._clock, self._gather = bus, devices, address, clock, gather
        self._schedule = Schedule(devices, clock.now_ms(), bus, 1 / clock.real_s(1.0))
        self._driver: Driver | None = None
        self._trouble = ""
        self._overload = ""
        self._reckon_ms = 0  # monotonic; when the demand is added up next
        self._restarts = 0
        self._down: DeviceFault | None = None  # why no device of the bus can be asked
        self._asked_s: float | None = None  # monotonic; while a device is being read
        self._wake = asyncio.Event()
        self._asking_now: dict[str, list[asyncio.Future[AskedNow]]] = {}
        self._taps: list[Tapped] = []
        self._gathered: dict[str, list[ReadingBatch]] = {}  # of polls that somebody waits for

    async def run(self) -> None:
        """Opens the driver, and again whenever a defect ends it."""
        module = driver_module(self._bus.protocol)
        while True:
            try:
                self._driver = await module.open_driver(self._bus, self._devices, self._address, self._clock)
                self._tap_or_not()
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

    async def ask_now(self, device: str) -> AskedNow:
        """Asks a device as soon as the bus is free, whatever its back-off; what it said counts as any other poll.

        Raises KeyError for a device that is not on this bus or feeds no channel.
        """
        self._schedule.want(device)
        told: asyncio.Future[AskedNow] = asyncio.get_running_loop().create_future()
        self._asking_now.setdefault(device, []).append(told)
        self._wake.set()
        return await told

    def tap(self, say: Tapped) -> Callable[[], None]:
        """Tells each frame of the bus, with its meaning (see `Tappable`), until what it gives is called."""
        self._taps.append(say)
        self._tap_or_not()

        def end() -> None:
            self._taps.remove(say)
            self._tap_or_not()

        return end

    def _tap_or_not(self) -> None:
        """Only while somebody listens in is anything told."""
        if isinstance(self._driver, Tappable):
            self._driver.tap(self._tell_taps if self._taps else None)

    def _tell_taps(self, frame: Mapping[str, Any]) -> None:
        said = {"time": iso(self._clock.now_ms()), "bus": self._bus.id, **frame}
        for say in self._taps:
            say(said)

    @property
    def id(self) -> str:
        """Of the bus."""
        return self._bus.id

    def stuck(self) -> str:
        """Words for a read that does not come back, long after every time-out; empty while all is well."""
        if self._asked_s is None or time.monotonic() - self._asked_s < _STUCK_S:
            return ""
        return f"bus {self._bus.id}: a read has not come back for {time.monotonic() - self._asked_s:.0f} s"

    def status(self) -> dict[str, Any]:
        """What the status file says of the bus and its devices."""
        now_ms = self._clock.now_ms()
        driver = self._driver
        traffic = dict(driver.traffic()) if driver is not None else {}
        return {
            "id": self._bus.id,
            "kind": self._bus.kind,
            "address": self._address,
            "trouble": self._trouble or self._overload,
            "restarts": self._restarts,
            "utilisation": round(self._schedule.demand(), 3),
            "retries": sum(d.retries for d in self._schedule.devices) + traffic.get("asked_again", 0),
            "traffic": traffic,
            "line_faults": dict(driver.line_faults()) if driver is not None else {},
            "devices": [self._device_status(d, now_ms) for d in self._schedule.devices],
        }

    # --- asking ---

    async def _ask_in_turn(self, driver: Driver) -> None:
        """Whatever device is due: because its period is over, or because it should have spoken and did not."""
        shortest_s = min((d.info.period_s for d in self._schedule.devices), default=0.0)
        offset_ms = self._clock.now_ms() - self._clock.monotonic_ms()
        while (chosen := self._schedule.next(now_ms := self._clock.now_ms())) is not None:
            device, at_ms = chosen
            monotonic_ms = self._clock.monotonic_ms()
            moved_ms = now_ms - monotonic_ms - offset_ms
            if abs(moved_ms) > _JUMP_MS:  # silence of fifty years is none, and words of tomorrow are none
                offset_ms += moved_ms
                self._schedule.restart(now_ms)
            elif self._down is not None:
                await self._try_the_bus(driver)
            elif at_ms <= now_ms:
                await self._ask(driver, device, now_ms, monotonic_ms)
            elif at_ms - now_ms > self._schedule.longest_wait_ms(device):  # the clock was set back
                self._schedule.restart(now_ms)
            else:  # by a period at most: a device that speaks meanwhile is due later
                await self._pause(min((at_ms - now_ms) / 1000, shortest_s))
        await asyncio.Event().wait()  # a bus without devices has nothing to do

    async def _pause(self, scenario_s: float) -> None:
        """Until then, or until somebody asks now."""
        self._wake.clear()
        if not self._asking_now:
            await _first_to_end(self._clock.sleep(scenario_s), self._wait_to_wake())

    async def _wait_to_wake(self) -> None:
        await self._wake.wait()

    async def _try_the_bus(self, driver: Driver) -> None:
        """While it is down: who is due misses it, and the next of them tries whether it is there again."""
        assert self._down is not None
        if not self._asking_now:
            self._wake.clear()
            await _first_to_end(asyncio.sleep(_REOPEN_S), self._wait_to_wake())
        now_ms = self._clock.now_ms()
        due = [d for d in self._schedule.devices if d.due_ms <= now_ms]
        first = min(self._schedule.devices, key=lambda d: d.due_ms)
        for device in due:
            if device is not first:
                self._cut_off(device, self._down, now_ms)
        await self._ask(driver, first, now_ms, self._clock.monotonic_ms())

    async def _ask(self, driver: Driver, device: DeviceState, now_ms: int, began_ms: int) -> None:
        """One call of the driver: a poll, or what is left of one. began_ms: monotonic."""
        was_due = device.due_ms <= now_ms
        self._asked_s = time.monotonic()
        asked = device.to_ask
        poll = self._schedule.asks(device, now_ms)
        try:
            answer = await driver.read(asked)
        except DeviceFault as fault:
            nothing = Missing(tuple(c.id for c in asked.channels), fault)
            answer = Answer(ReadingBatch.empty(), (nothing,), fault.asked, device.notes)
        finally:
            self._asked_s = None
        nearer = any(m.fault.nearer for m in answer.missing)
        poll.took(self._clock.monotonic_ms() - began_ms, answer.asked, len(answer.readings) > 0, nearer)
        if len(answer.readings):
            self._hand_on(device, answer.readings)
        for note in self._schedule.note(device, answer.notes):
            log.warning("%s: %s", device.info.device.id, note)
        down = next((m.fault for m in answer.missing if m.fault.fault.of_bus), None)
        await self._settle(device, answer, down, was_due)

    async def _settle(self, device: DeviceState, answer: Answer, down: DeviceFault | None, was_due: bool) -> None:
        """What comes of an answer: the poll goes on, or has ended."""
        now_ms = self._clock.now_ms()
        if down is None and self._down is not None:
            self._down = None
            self._schedule.back(now_ms)
        if down is not None:
            self._down = down
            self._say(str(down))
        poll = device.poll
        if poll is None:  # the clock was put right, or somebody asks now
            return
        goes_on = down is None and self._schedule.goes_on(device, answer.missing, now_ms)
        over = [m for m in answer.missing if not (goes_on and m.fault.asks_again)]
        poll.lost(over)
        for missing in over:
            if was_due or down is None:  # else it was only tried whether the bus is there again
                self._miss(device, missing.channels, now_ms)
        if not goes_on:
            self._end(device, poll, down, now_ms)
            await self._tell(device, poll)

    def _end(self, device: DeviceState, poll: Poll, down: DeviceFault | None, now_ms: int) -> None:
        """A poll is over; `answer` was its last."""
        name = device.info.device.id
        if poll.got:
            if device.failures or device.cut_off:
                log.info("%s answers again", name)
            if self._schedule.answered(device, now_ms, poll.faults):
                log.warning("%s answers in part: %s", name, device.last_fault)
        elif down is not None:
            self._schedule.cut_off(device, down, now_ms)
        elif self._schedule.failed(device, poll.faults[-1], now_ms):
            log.warning("%s: %s", name, device.last_fault)
        if poll.got or (down is None and self._schedule.asked_only):
            self._say("")
            self._tell_overload()

    async def _tell(self, device: DeviceState, poll: Poll) -> None:
        """Those who asked hear what came of the poll, and who the device says that it is."""
        name = device.info.device.id
        if name not in self._asking_now:
            return
        identity: Mapping[str, str] = {}
        if poll.got and isinstance(self._driver, TellsWhoItIs):
            with suppress(DeviceFault):
                identity = await self._driver.identity(device.info)
        gathered = self._gathered.pop(name, [])
        for told in self._asking_now.pop(name, []):
            if not told.done():
                told.set_result(asked_now(device.info, poll.asked, gathered, identity))

    def _cut_off(self, device: DeviceState, fault: DeviceFault, now_ms: int) -> None:
        self._miss(device, (c.id for c in device.to_ask.channels), now_ms)
        self._schedule.cut_off(device, fault, now_ms)

    def _tell_overload(self) -> None:
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._reckon_ms:
            return
        self._reckon_ms = now_ms + _RECKON_MS
        demand = self._schedule.demand()
        if demand < _OVERLOADED:
            self._overload = ""
            return
        first = not self._overload
        self._overload = (
            f"overloaded: what is asked of its devices takes {demand:.1f} s of every second, so each is asked "
            f"{demand:.1f} times too seldom: a longer period_s, a higher speed, fewer devices or a second bus"
        )
        if first:
            log.warning("bus %s: %s", self._bus.id, self._overload)

    def _hand_on(self, device: DeviceState, readings: ReadingBatch) -> None:
        name = device.info.device.id
        if name in self._asking_now:
            self._gathered.setdefault(name, []).append(readings)
        self._gather(readings)

    def _miss(self, device: DeviceState, channels: Iterable[int], now_ms: int) -> None:
        """They should have been told and were not: that is a reading, too, and its value is missing."""
        numbers = list(channels)
        time_ms = stamp_ms(now_ms, device.info.period_s)
        self._gather(ReadingBatch.of([time_ms] * len(numbers), numbers, [math.nan] * len(numbers)))

    # --- hearing ---

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

    def _device_status(self, device: DeviceState, now_ms: int) -> dict[str, Any]:
        last = device.last_good_ms
        silent = device.failures or device.cut_off
        real = self._clock.real_s(1.0) / 1000
        return {
            "id": device.info.device.id,
            "unit": device.info.device.unit,
            "model": device.info.model.model,
            "state": "never" if last is None else "silent" if silent else "good",
            "last_good_ms": last,
            "last_good_age_s": None if last is None else (now_ms - last) / 1000,
            "reads": device.reads,
            "retries": device.retries,
            "faults": dict(device.faults),
            "last_fault": device.last_fault,
            "notes": list(device.notes.values()),
            "back_off_s": round(device.back_off_ms * real, 1),
            "back_off_max_s": round(device.most_ms * real, 1),
            "next_ask_s": round(max(device.due_ms - now_ms, 0) * real, 1),
        }


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
