"""One seed: waters rise and fall under sensors that lie, in a cloud that falls; then it is dry, then the checks."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from simulators.promise.disks import Disk, installed
from simulators.promise.warnings.cloud import Cloud
from simulators.promise.warnings.consumers import some_consumers
from simulators.promise.warnings.delivered import check_deliveries
from simulators.promise.warnings.district import (
    OTHERS_GATEWAY,
    RAIN_CHANNEL,
    RISE_CHANNEL,
    first_edition,
    with_others,
)
from simulators.promise.warnings.escalated import check_escalation
from simulators.promise.warnings.features import on
from simulators.promise.warnings.filtered import check_filters
from simulators.promise.warnings.gateways import Gateway
from simulators.promise.warnings.heartbeats import check_heartbeats
from simulators.promise.warnings.maintained import check_maintenance
from simulators.promise.warnings.people import People, PromptOfficer
from simulators.promise.warnings.properties import check
from simulators.promise.warnings.rain import Gauge, some_gauge
from simulators.promise.warnings.sensors import Sensor, some_spells
from simulators.promise.warnings.trouble import Trouble, WrongStart
from simulators.promise.warnings.water import MINUTE_MS, some_water
from simulators.promise.warnings.witness import Witness
from simulators.promise.world import Broken, World

_START_MS = 1_626_768_000_000  # 20 July 2021 08:00 UTC
_WET_MIN, _DRY_MIN = 60, 25
_WITH_OTHERS = 1 / 3  # of the runs
_CHATTERS = 0.25  # of the sensors, once each
_TICK_S = 60.0
_MEMORY = "/dev/shm"  # noqa: S108 (mkdtemp makes a private folder in it)


@dataclass(frozen=True, slots=True)
class Outcome:
    """broken: empty when the promise held. digest: of the trace; the same seed gives the same."""

    seed: int
    broken: str
    digest: str
    readings: int
    messages: int
    faults: Counter[str]
    lines: list[str] | None


def run_seed(seed: int, tracing: bool = False) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix="headwater-warned-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
    rng = random.Random(f"start of warnings {seed}")
    world = World(seed, _START_MS + rng.randrange(60) * 60_000, tracing)
    witness = Witness(world)
    disks: dict[str, Disk] = {}
    run = None
    broken = ""
    try:
        with installed(disks, random.Random(f"spools {seed}")):
            try:
                run = _Run(world, folder, disks, witness)
                run.all()
            except Broken as error:
                broken = str(error)
                world.say(f"BROKEN {broken}")
            finally:
                if run is not None:
                    run.cloud.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    readings = sum(map(len, witness.heard.values()))
    return Outcome(seed, broken, world.digest, readings, len(witness.told), Counter(world.faults), world.lines)


class _Run:
    def __init__(self, world: World, folder: Path, disks: dict[str, Disk], witness: Witness) -> None:
        self._world, self._witness = world, witness
        edition = first_edition(world.rng, random.Random(f"neighbours {world.seed}").random() < 0.3)
        others = random.Random(f"rain and rise {world.seed}")
        with_rain = others.random() < _WITH_OTHERS
        depths = tuple(edition.catalogue.channels)
        if with_rain:
            edition = with_others(edition)
        self.cloud = Cloud(world, edition, folder / "cloud", witness)
        disks[str(folder / "cloud")] = self.cloud.disk
        self._consumers = some_consumers(world, _WET_MIN)
        for consumer in self._consumers if on("consumers") else ():
            for t in consumer.troubles:
                minutes = [(ms - world.start_ms) / MINUTE_MS for ms in (t.from_ms, t.to_ms)]
                world.fault(f"{t.mood.value} {consumer.name} {minutes[0]:.1f} to {minutes[1]:.1f}")
        self.cloud.serve(self._consumers if on("consumers") else ())
        self._sensors: dict[int, Sensor] = {}
        by_gateway: dict[str, list[Sensor]] = {}
        for c in depths:
            rng = random.Random(world.rng.getrandbits(64))
            water, spells = some_water(rng, world.start_ms, _WET_MIN), some_spells(rng, world.start_ms, _WET_MIN)
            by_exception = rng.random() < 0.3
            sensor = Sensor(rng, c, water, by_exception, spells, self._chatters_ms(c))
            self._sensors[c] = sensor
            by_gateway.setdefault(edition.catalogue.channels[c].gateway, []).append(sensor)
            self._introduce(sensor)
        self._gateways = [
            Gateway(random.Random(world.rng.getrandbits(64)), name, own, self._piece(name))
            for name, own in sorted(by_gateway.items())
        ]
        self._others: dict[int, Gauge | Sensor] = self._some_others(others) if with_rain else {}
        if self._others:
            own_rng = random.Random(others.getrandbits(64))
            self._gateways.append(Gateway(own_rng, OTHERS_GATEWAY, tuple(self._others.values())))
        self._period_s = next(iter(edition.catalogue.channels.values())).period_s
        self._trouble = Trouble(world, self.cloud, self._gateways)

    def _some_others(self, rng: random.Random) -> dict[int, Gauge | Sensor]:
        """A rain gauge, and a sensor over water whose rise alone is watched; by channel."""
        begin_ms = self._world.start_ms
        gauge = some_gauge(rng, RAIN_CHANNEL, begin_ms, _WET_MIN)
        water, spells = some_water(rng, begin_ms, _WET_MIN), some_spells(rng, begin_ms, _WET_MIN)
        sensor = Sensor(random.Random(rng.getrandbits(64)), RISE_CHANNEL, water, False, spells)
        self._introduce(sensor)

        def at(ms: int) -> str:
            return f"{(ms - begin_ms) / MINUTE_MS:.1f}"

        rain = " ".join(f"{at(b.from_ms)} to {at(b.to_ms)}:{b.mm_per_h:.0f}" for b in gauge.rain.bursts)
        self._world.say(f"rain of {gauge.channel}, minutes:mm/h {rain}")
        for s in gauge.spells:
            self._world.fault(f"{s.fault.value} {gauge.channel} {at(s.from_ms)} to {at(s.to_ms)}")
        return {RAIN_CHANNEL: gauge, RISE_CHANNEL: sensor}

    def _chatters_ms(self, channel: int) -> int | None:
        chance = random.Random(f"chatter {self._world.seed} {channel}")
        if chance.random() > _CHATTERS:
            return None
        minute = chance.uniform(0, _WET_MIN)
        self._world.fault(f"chatter {channel} {minute:.1f} to {minute + 10:.1f}")
        return self._world.start_ms + int(minute * MINUTE_MS)

    def _piece(self, gateway: str) -> int:
        return random.Random(f"pieces {self._world.seed} {gateway}").choice((8, 60))

    def _introduce(self, sensor: Sensor) -> None:
        def at(ms: int) -> str:
            return f"{(ms - self._world.start_ms) / 60_000:.1f}"

        knots = " ".join(f"{at(ms)}:{depth:.2f}" for ms, depth in sensor.water.knots)
        self._world.say(f"water of {sensor.channel}, minute:metres {knots}{' by exception' * sensor.by_exception}")
        for s in sensor.spells:
            self._world.fault(
                f"{s.fault.value} {sensor.channel} {at(s.from_ms)} to {at(s.to_ms)}, {s.size} {s.flag.name}"
            )

    def all(self) -> None:
        world = self._world
        if on("clock-steps"):
            WrongStart(world, self.cloud).plan()
        self.cloud.start()
        world.after(10.0, self._tick)
        for gateway in self._gateways:
            world.after(world.rng.randrange(1, 8), lambda g=gateway: self._measure(g))  # type: ignore[misc]
        self._trouble.plan(_WET_MIN * 60.0)
        if on("officers"):
            until_ms = world.start_ms + _WET_MIN * 60_000
            People(world, self.cloud, self._witness, until_ms).plan()
            if any(consumer.wants.steps for consumer in self._consumers):
                PromptOfficer(world, self.cloud, self._witness, until_ms).plan()
        wet_until_ms = world.start_ms + _WET_MIN * 60_000
        world.run_until(wet_until_ms)
        self._trouble.over()
        world.run_until(wet_until_ms + 120_000)  # who was down is up again
        self._trouble.over()
        self.cloud.take_its_time()
        world.run_until(wet_until_ms + _DRY_MIN * 60_000)
        if self.cloud.parts is None:
            raise Broken("the cloud is down when all faults are over")
        check(self._witness, self._sensors, self._others, self.cloud.parts)
        for consumer in self.cloud.consumers:
            check_deliveries(self._witness, consumer)
            check_filters(self._witness, consumer)
            check_escalation(self._witness, consumer)
            check_heartbeats(self._witness, consumer, self.cloud.parts.log)
        check_maintenance(self._witness, self.cloud.parts.ledger, self.cloud.consumers)

    def _measure(self, gateway: Gateway) -> None:
        gateway.measure(self._world.true_ms)
        self._send(gateway)
        self._world.after(self._period_s, lambda: self._measure(gateway))

    def _send(self, gateway: Gateway) -> None:
        self.cloud.take(gateway)
        if gateway.waiting and not gateway.cut:
            self._world.after(7, lambda: self._send(gateway))

    def _tick(self) -> None:
        self.cloud.tick()
        self._world.after(_TICK_S, self._tick)
