"""One gateway: the real session over the real store, with a link and a clock that fail."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from contract.wire.batch import decode_batch
from contract.wire.birth import Birth, decode_birth
from contract.wire.envelope import Lane
from contract.wire.state import GatewayState, decode_state
from contract.wire.topics import TopicKind
from edge_agent.spool.database import SpoolDatabase
from edge_agent.spool.file import SpoolFull
from edge_agent.spool.store import SpoolStore, StoreSettings
from edge_agent.timesync.now import Now
from edge_agent.uplink.session import Publication, Session
from simulators.promise.centre import Centre
from simulators.promise.disks import Crash, Disk
from simulators.promise.truth import Key, Truth, Water, keys
from simulators.promise.watched import WatchedDatabase
from simulators.promise.world import Broken, Broker, World


class GatewayNode:
    """name: of this box; gateway: the id it goes by. Two boxes may go by one id."""

    def __init__(
        self,
        world: World,
        broker: Broker,
        centre: Centre,
        truth: Truth,
        place: tuple[str, str, str],
        folder: Path,
        channels: list[int],
        cap_bytes: int,
    ) -> None:
        self._world, self._broker, self._centre, self._truth = world, broker, centre, truth
        self.name, self.gateway, self._district = place
        self.disk = Disk(random.Random(world.rng.getrandbits(64)))
        self._folder, self._cap_bytes = folder, cap_bytes
        folder.mkdir(parents=True)
        self._water = Water(truth, channels, world.rng)
        self._holds: dict[int, dict[int, set[Key]]] = {}
        self._spools = 1
        self.clock_step_ms = 0
        self.cable = True
        self.quiet_until_ms = 0
        self.session: Session | None = None
        self.store: SpoolStore | None = None
        self.spool: WatchedDatabase | None = None
        self.refused = 0

    # --- life ---

    def start(self) -> None:
        if self.session is not None:
            return
        try:
            self._open()
        except Crash:
            self._fall()
        except (SpoolFull, sqlite3.OperationalError) as error:
            self._world.say(f"{self.name} cannot start: {str(error).rpartition('/')[2]}")
            self.disk.power_off()
            self._world.after(20, self.start)

    def _open(self) -> None:
        path = self._folder / f"spool-{self._spools}.sqlite"
        spool = WatchedDatabase(path, self.gateway, self.clock_ms())
        if spool.set_aside is not None:
            raise Broken(f"{self.name}: a sound spool was set aside as corrupt")
        spool.watch(self._truth, self._holds.setdefault(spool.id, {}))
        for s in spool.waiting():
            payload = spool.payload(s.seq)
            if payload is not None:
                spool.holds[s.seq] = keys(decode_batch(payload).readings)
        self.spool = spool
        self.store = SpoolStore(spool, self.now(), StoreSettings(self._cap_bytes))
        self.session = Session(self._district, self.gateway, self.store, self.now())
        self._world.say(f"{self.name} starts, spool {spool.id:016x}, {len(spool.waiting())} waiting")

    def kill(self) -> None:
        """kill -9, between two steps."""
        if self.session is not None:
            self._fall()

    def _fall(self) -> None:
        self._world.say(f"{self.name} crashes")
        self.session = self.store = self.spool = None
        self.disk.power_off()
        self._world.after(self._world.rng.uniform(1, 60), self.start)

    def replace_spool(self) -> None:
        """Somebody puts in a fresh file; the old one is set aside with what it holds."""
        self.kill()
        held = self._in_file()
        self._truth.replaced.update(held)
        self._world.say(f"{self.name}: spool replaced, {len(held)} readings set aside with it")
        self._spools += 1

    def fall_silent(self, for_ms: int) -> None:
        """Its sensors say nothing for so long."""
        self.quiet_until_ms = self._world.true_ms + for_ms

    def pull_cable(self) -> None:
        self.cable = False

    def plug_cable(self) -> None:
        self.cable = True

    def step_clock(self, step_ms: int) -> None:
        """The clock shows so much more than the truth; 0: it is right."""
        self.clock_step_ms = step_ms

    def heal(self) -> None:
        """Cable in, clock right, sensors talking, disk with room."""
        self.cable, self.clock_step_ms, self.quiet_until_ms = True, 0, 0
        self.disk.heal()

    def clock_ms(self) -> int:
        return self._world.true_ms + self.clock_step_ms

    def now(self) -> Now:
        return Now(self.clock_ms(), self._world.now_s)

    # --- work ---

    def measure(self) -> None:
        if self.store is None or self._world.true_ms < self.quiet_until_ms:
            return
        batch = self._water.readings(self.clock_ms(), self._world.now_s)
        if not len(batch):
            return
        lane = Lane.ALARM if self._world.rng.random() < 0.2 else Lane.LIVE
        before = set(self._waiting_keys()) if self._cap_bytes < 1 << 20 else set()
        try:
            self.store.add(batch, lane, {}, self.now())
            self._world.say(f"{self.name} makes {len(batch)} {lane.name} {self.store.disk_trouble[-30:]}")
        except Crash:
            self._fall()
            self._truth.thrown.update(self._gone_since(before))
        except sqlite3.Error as error:
            self._world.say(f"{self.name} submit fails: {error}")
        self._pump()

    def pump(self) -> None:
        try:
            self._link()
        except Crash:
            self._fall()
        self._pump()

    def _pump(self) -> None:
        if self.session is None:
            return
        try:
            for p in self.session.due(self.now()):
                self._world.say(f"{self.name} sends {p.topic.rsplit('/', 1)[1]} {len(p.payload)} B")
                self._say(p)
        except Crash:
            self._fall()
        except sqlite3.Error as error:
            self._world.say(f"{self.name} pump fails: {error}")

    def _link(self) -> None:
        """The state of the connection follows the cable and the broker, a little late: half-open links lose things."""
        if self.session is None:
            return
        up = self.cable and self._broker.up
        if up and not self.session.connected:
            for p in self.session.link_up(self.now()):
                self._say(p)
        elif not up and self.session.connected and self._world.rng.random() < 0.5:
            self.session.link_down(self.now())

    def _say(self, p: Publication) -> None:
        said: Birth | GatewayState | None = None
        if p.topic.endswith(TopicKind.BIRTH.value):
            said = decode_birth(p.payload)
        elif p.topic.endswith(TopicKind.STATE.value):
            said = decode_state(p.payload)
        if said is not None:
            if self.spool is not None and any(s.seq < said.floor for s in self.spool.waiting()):
                raise Broken(f"{self.name}: waives what it holds, below {said.floor}")
            self._centre.durable.settled(self.gateway, said.spool, said.floor)
        if self.cable:
            self._broker.publish(p.topic, p.payload, self._centre)

    def listening(self) -> bool:
        return self.session is not None and self.cable

    def deliver(self, topic: str, payload: bytes) -> None:
        if self.session is None or topic != self.session.topic(TopicKind.ACK):
            return
        try:
            before = self._refused()
            if self.session.take_ack(payload, self.now()):
                self.refused += self._refused() - before
                self._world.say(f"{self.name} forgets, {self.waiting()} left")
        except Crash:
            self._fall()
        except sqlite3.Error as error:  # the shell's loop reports it and goes on
            self._world.say(f"{self.name} cannot forget: {error}")
        self._pump()

    # --- for the checks ---

    def waiting(self) -> int:
        return len(self.spool.waiting()) if self.spool is not None else -1

    def empty(self) -> bool:
        """By its own word and by its file."""
        return self.session is not None and self.session.empty and self.waiting() == 0

    def check(self) -> None:
        """What was given up is counted, in the same file."""
        if self.spool is None:
            return
        if self.store is not None and self.store.renamed:
            raise Broken(f"{self.name}: its own numbers were strange to it")
        counted = self.spool.totals("thinned") + self.spool.totals("dropped")
        if counted < self.spool.given_up:  # an earlier run of the same spool counts, too
            raise Broken(f"{self.name}: {self.spool.given_up} readings given up, {counted} counted")

    def _refused(self) -> int:
        return 0 if self.session is None else self.session.refused

    def _waiting_keys(self) -> Iterable[Key]:
        if self.spool is None:
            return
        for s in self.spool.waiting():
            yield from self.spool.holds.get(s.seq, ())

    def _gone_since(self, before: set[Key]) -> set[Key]:
        """What a crash in the middle of making room has taken: the file alone knows."""
        if not before:
            return before
        return before - self._in_file()

    def _in_file(self) -> set[Key]:
        """Readings that wait in the file of a box that does not run."""
        full = self.disk.full
        self.disk.make_room()
        spool = SpoolDatabase(self._folder / f"spool-{self._spools}.sqlite", self.gateway, self.clock_ms())
        found: set[Key] = set()
        for s in spool.waiting():
            payload = spool.payload(s.seq)
            if payload is not None:
                found |= keys(decode_batch(payload).readings)
        spool.close()
        self.disk.power_off()
        if full:
            self.disk.fill()
        return found
