"""One gateway: drivers -> quality -> report by exception -> spool -> uplink."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from contract.clock import iso
from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from edge_agent.acquisition.bus import BusTask
from edge_agent.config import EdgeConfig
from edge_agent.door import Door
from edge_agent.freed import give_back
from edge_agent.last_values import LastValues
from edge_agent.processing import quality_file
from edge_agent.processing.pipeline import Pipeline, PipelineState
from edge_agent.spool.store import SpoolStore, StoreSettings, open_store
from edge_agent.status import write_status
from edge_agent.timesync.gateway_clock import GatewayClock, now_of
from edge_agent.uplink.mqtt import MqttUplink
from edge_agent.uplink.session import Session
from host.private import GROUP_LOOKS_IN, close_folder
from host.systemd import Watchdog

log = logging.getLogger(__name__)

_DRAIN_S = 5.0
_NO_READINGS = ReadingBatch.empty()
_STATUS_S = 2.0
_QUALITY_S = 300.0  # some ten kilobytes each time: flash memory bears it, and a reset shows after hours, too
_GIVE_BACK_S = 60.0  # takes a millisecond or two
# Counts of suppressed readings wait so long for a commit of their own: what a kill takes with them was neither counted
# nor sent, and each commit is a write to flash memory.
_QUIET_COMMIT_S = 5.0


class Agent:
    """Reads and spools from its first second, whether a broker is there or not."""

    def __init__(self, config: EdgeConfig, version: str) -> None:
        """version: of the software, as the cloud and `status` are told it."""
        self._config, self._version = config, version
        self._clock = GatewayClock(config.clock, config.earliest_ms, config.boot)
        channels = config.catalogue.channels_by_gateway[config.gateway.id]
        levels = {c.id: config.catalogue.compared_with(c.id) for c in channels}
        self._pipeline = Pipeline(channels, levels)
        self._pipeline_state = self._remembered()
        self._gathered: list[tuple[ReadingBatch, int]] = []  # with how far the gateway's time had jumped by then
        self._came = asyncio.Event()
        self._counts: dict[str, Counter[int]] = defaultdict(Counter)  # by channel
        self._totals: dict[str, int] = defaultdict(int)
        self._store = _open_store(config, self._clock)
        session = Session(
            config.catalogue.district.id,
            config.gateway.id,
            self._store,
            now_of(self._clock),
            config.file.uplink.outbox(),
            version,
            config.simulated,
        )
        self._uplink = MqttUplink(config.gateway.id, session, self._store, config.file.broker, self._clock)
        self._buses = [
            BusTask(bus, config.devices(bus.id), config.address(bus.id), self._clock, self._gather)
            for bus in config.gateway.buses
        ]
        self._last = LastValues()
        self._infos = {bus.id: {d.device.id: d for d in config.devices(bus.id)} for bus in config.gateway.buses}
        self._door = Door(config.door_path, self._ask_now, self._tap)
        self._started_ms = self._clock.now_ms()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; what was read by then is committed."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        uplink = asyncio.create_task(self._uplink.run())
        tasks = [asyncio.create_task(bus.run()) for bus in self._buses]
        tasks.append(asyncio.create_task(self._flush_often()))
        tasks.append(asyncio.create_task(self._write_status_often()))
        tasks.append(asyncio.create_task(self._save_quality_often()))
        tasks.append(asyncio.create_task(_give_back_often()))
        await self._door.open()
        ended = asyncio.create_task(stop.wait())
        watchdog = Watchdog(os.environ, self._stuck)
        watchdog.tell("READY=1")
        beat = asyncio.create_task(watchdog.beat_forever())
        try:
            done, _ = await asyncio.wait([ended, uplink, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ended}:
                task.result()  # nothing but a defect ends one of these: let it be seen
        finally:
            watchdog.tell("STOPPING=1")
            await self._door.close()
            for task in (ended, beat, *tasks):
                task.cancel()
            await asyncio.gather(ended, beat, *tasks, return_exceptions=True)
            self._flush(quiet=True)
            await self._uplink.drained(_DRAIN_S)  # a gateway taken out of service leaves nothing behind if it can
            uplink.cancel()
            await asyncio.gather(uplink, return_exceptions=True)
            self._write_status(ended=True)
            self._save_quality()
            self._store.close()

    def _stuck(self) -> list[str]:
        return [words for bus in self._buses if (words := bus.stuck())]

    async def _ask_now(self, device: str) -> dict[str, Any]:
        """Raises KeyError."""
        for bus in self._buses:
            with suppress(KeyError):
                return dict((await bus.ask_now(device)).as_json())
        raise KeyError(device)

    def _tap(self, bus_id: str | None, say: Callable[[Mapping[str, Any]], None]) -> Callable[[], None]:
        """Raises KeyError."""
        buses = [b for b in self._buses if bus_id in (None, b.id)]
        if not buses:
            raise KeyError(bus_id)
        ends = [bus.tap(say) for bus in buses]

        def end_all() -> None:
            for end in ends:
                end()

        return end_all

    def _gather(self, readings: ReadingBatch) -> None:
        self._gathered.append((readings, self._clock.keeper.jumped_ms))
        self._came.set()

    async def _flush_often(self) -> None:
        """Some time after the first reading that waits, so that a whole round of a bus mostly goes in one pass."""
        committed_s = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(_QUIET_COMMIT_S if self._counts else None):
                    await self._came.wait()
            except TimeoutError:  # the next reading is far off
                pass
            else:
                await asyncio.sleep(self._config.file.flush_s)
            self._came.clear()
            quiet = time.monotonic() - committed_s >= _QUIET_COMMIT_S
            self._flush(quiet)
            if quiet:
                committed_s = time.monotonic()

    def _flush(self, quiet: bool) -> None:
        """Everything gathered so far, through quality and reporting, into the spool with its counts."""
        gathered, self._gathered = self._gathered, []
        readings, lane = _NO_READINGS, Lane.LIVE
        if gathered:
            jumped_ms = self._clock.keeper.jumped_ms
            batch = ReadingBatch.concat(readings.later(jumped_ms - before_ms) for readings, before_ms in gathered)
            self._pipeline_state, processed = self._pipeline.step(self._pipeline_state, batch, jumped_ms)
            self._last.take(processed.judged, jumped_ms)
            self._count(processed.counts)
            for number, at_ms, shown, what in processed.noticed:
                log.warning("channel %d shows %g at %s: %s", number, shown, iso(at_ms), what)
            readings, lane = processed.readings, processed.lane
        if len(readings) or (quiet and self._counts):
            counts, self._counts = self._counts, defaultdict(Counter)
            self._store.add(readings, lane, _by_channel(counts), now_of(self._clock))
            self._uplink.wake()

    def _count(self, counts: Mapping[str, Mapping[int, int]]) -> None:
        for name, by_channel in counts.items():
            self._counts[name].update(by_channel)
            self._totals[name] += sum(by_channel.values())

    def _remembered(self) -> PipelineState:
        now_ms, jumped_ms = self._clock.now_ms(), self._clock.keeper.jumped_ms
        snapshot = quality_file.load(self._config.quality_path)
        if snapshot is None:
            return self._pipeline.initial(jumped_ms)
        try:
            return self._pipeline.restored(snapshot, now_ms, jumped_ms)
        except (LookupError, ValueError, TypeError) as error:
            file = self._config.quality_path
            log.warning("%s is of another release, so the quality tests begin anew: %s", file, error)
            return self._pipeline.initial(jumped_ms)

    async def _save_quality_often(self) -> None:
        while True:
            await asyncio.sleep(_QUALITY_S)
            self._save_quality()

    def _save_quality(self) -> None:
        try:
            quality_file.save(
                self._config.quality_path, self._pipeline.snapshot(self._pipeline_state, self._clock.now_ms())
            )
        except OSError as error:
            log.warning("what the quality tests remember cannot be written: %s", error)

    async def _write_status_often(self) -> None:
        while True:
            self._write_status()
            await asyncio.sleep(_STATUS_S)

    def _write_status(self, ended: bool = False) -> None:
        status = {
            "gateway": self._config.gateway.id,
            "version": self._version,
            "written_ms": self._clock.now_ms(),
            "started_ms": self._started_ms,
            "ended": ended,
            "simulated": self._config.simulated,
            "readings": dict(self._totals),
            "uplink": self._uplink.status(),
            "buses": [self._with_values(bus.status()) for bus in self._buses],
        }
        try:
            write_status(self._config.status_path, status)
        except OSError as error:
            log.warning("status cannot be written to %s: %s", self._config.status_path, error)

    def _with_values(self, bus: dict[str, Any]) -> dict[str, Any]:
        now_ms = self._clock.now_ms() - self._clock.keeper.jumped_ms
        for device in bus["devices"]:
            device["values"] = self._last.of(self._infos[bus["id"]][device["id"]], now_ms)
        return bus


async def _give_back_often() -> None:
    while True:
        await asyncio.sleep(_GIVE_BACK_S)
        give_back()


def _by_channel(counts: Mapping[str, Mapping[int, int]]) -> dict[int, dict[str, int]]:
    out: dict[int, dict[str, int]] = defaultdict(dict)
    for name, by_channel in counts.items():
        for channel, n in by_channel.items():
            out[channel][name] = n
    return out


def _open_store(config: EdgeConfig, clock: GatewayClock) -> SpoolStore:
    uplink = config.file.uplink
    settings = StoreSettings(
        int(uplink.spool_cap_mb * 1024 * 1024), int(uplink.disk_reserve_mb * 1024 * 1024), uplink.outbox().live_age_s
    )
    # The group may look in, for the door and the status; the spool is nobody else's.
    close_folder(config.data_dir, GROUP_LOOKS_IN, ("spool.*", "quality.*"))
    store = open_store(config.spool_path, config.gateway.id, now_of(clock), settings, clock.keeper, config.simulated)
    if store.set_aside:
        log.error("the spool could not be read and is kept as %s; a new one begins", store.set_aside)
    return store
