"""The cloud of a run: real log, ledger, view and engine, restarted from their files after every crash."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cloud.app.as_of import AsOf
from cloud.delivery.wants import Kind
from cloud.log.believed_clock import BelievedClock
from cloud.log.decision import Decision, entry_of
from cloud.log.open import open_log
from cloud.maintenance.view import MaintenanceView
from cloud.maintenance.view import forget as forget_maintenance
from cloud.views.base import Poisoned, RetryLater
from cloud.warnings.settings import WarningSettings
from cloud.warnings.store import forget
from cloud.warnings.view import WarningsView, open_view
from simulators.promise.disks import Crash, Disk
from simulators.promise.warnings.consumers import Consumer
from simulators.promise.warnings.couriers import Courier, some_couriers
from simulators.promise.warnings.district import Edition
from simulators.promise.warnings.gateways import Gateway, Waiting
from simulators.promise.warnings.ledgers import ledger_at
from simulators.promise.warnings.machine import Machine
from simulators.promise.warnings.maintained import whole_stations
from simulators.promise.warnings.witness import Witness
from simulators.promise.world import Broken, World

SNAPSHOTS_S = (0, 20, 300, 1e6)  # how often the view stores how conditions stand; the last: when it stops

BLIND_AFTER_S = (300.0, 900.0, 3600.0)


class Parts:
    """What one life of the process holds open. maintained: called when there are maintenance notices; None: nobody
    wants any, so none are found. handled_ms: as of `cloud.views.runner.ViewRunner`."""

    def __init__(
        self,
        edition: Edition,
        folder: Path,
        machine: Machine,
        settings: WarningSettings,
        snapshot_s: float,
        maintained: Callable[[], None] | None,
    ) -> None:
        self.folder, self.settings = folder, settings
        self.log = open_log(folder)
        self.clock = BelievedClock(machine, folder, self.log)
        self.ledger = _ledger(folder)
        self.warnings: WarningsView = open_view(self.ledger, edition.catalogue, settings, snapshot_s=snapshot_s)
        self.handled_ms: int | None = None
        self.as_of = AsOf()
        self.as_of.follow(lambda: True, lambda: self.handled_ms)
        self.maintenance: MaintenanceView | None = None
        if maintained is not None:
            self.maintenance = MaintenanceView(self.ledger, whole_stations(edition.catalogue), lambda _: maintained())

    def behind(self) -> int:
        """How many entries of the log a view has not taken in; the one that lacks most."""
        found = self.maintenance.cursor() if self.maintenance is not None else self.warnings.cursor()
        return self.log.behind(min(found, self.warnings.cursor()))


class Cloud:
    """Takes batches, ticks, follows the log; falls and starts again, perhaps with another edition of its rules."""

    def __init__(self, world: World, edition: Edition, folder: Path, witness: Witness) -> None:
        self._world, self.edition, self.folder, self._witness = world, edition, folder, witness
        self.machine = Machine(world)
        self.disk = Disk(random.Random(world.rng.getrandbits(64)))
        folder.mkdir(parents=True)
        self.parts: Parts | None = None
        self.consumers: Sequence[Consumer] = ()
        self._couriers: list[Courier] = []
        self._falls_when_told_s: float | None = None
        self._follow_planned = False
        self._forget_first = False
        self._in_a_hurry = True
        after_s = random.Random(f"blind {world.seed}").choice(BLIND_AFTER_S)
        self._settings = WarningSettings(blind_after_s=after_s)
        self._snapshot_s = SNAPSHOTS_S[world.seed % len(SNAPSHOTS_S)]
        self.trouble = ""

    # --- life ---

    def start(self) -> None:
        if self.parts is not None:
            return
        try:
            if self._forget_first:
                self._forget()
            asked_for = any(Kind.MAINTENANCE in consumer.wants.kinds for consumer in self.consumers)
            maintained = self._wake_couriers if asked_for else None
            more = (self._settings, self._snapshot_s, maintained)
            self.parts = parts = Parts(self.edition, self.folder, self.machine, *more)
            self._world.say(
                f"cloud starts ({self.edition.what}), view at {parts.warnings.cursor()} of {parts.log.end()}"
            )
            self._witness.look_back(parts.warnings.reader)  # what a crash kept us from seeing, of the edition before
            view = parts.warnings
            self._witness.began(self.edition, view.told(), view.cursor())
            zones = {s.id: s.zone for s in self.edition.catalogue.stations.values()}
            more_of = (parts.clock, self.fall, zones.get, lambda: self._as_of(parts))
            self._couriers = some_couriers(self._world, parts.ledger, self.consumers, *more_of)
            self._plan_follow(0.5)
        except Crash:
            self.fall()
        except (sqlite3.Error, SQLAlchemyError, OSError) as error:
            self._world.say(f"cloud cannot start: {type(error).__name__}: {error}")
            self.fall()

    def fall(self, for_s: float = 0.0) -> None:
        """Whatever was not committed is gone. for_s: until it starts again; 0: some time."""
        self._world.say("cloud falls")
        self._witness.ended()
        for courier in self._couriers:
            courier.die()
        if self.parts is not None:
            self.parts.ledger.dispose()
        self.parts = None
        self.disk.power_off()
        self._world.after(for_s or self._world.rng.uniform(1, 40), self.start)

    def fall_when_told(self, for_s: float | None) -> None:
        """The next message is written, and nobody gets it before the cloud falls, for so long. None: no more."""
        self._falls_when_told_s = for_s

    def stop(self) -> None:
        """As an operator does: what is in the log is followed to its end, then it ends."""
        while self.parts is not None and self.parts.behind():
            if not self._step(500):
                return
        for courier in self._couriers:
            courier.finish()
        if self.parts is not None:
            try:
                if self.parts.maintenance is not None:
                    self.parts.maintenance.close()
                self.parts.warnings.close()
            except Crash:
                self.fall()
                return
            except (sqlite3.Error, SQLAlchemyError, OSError) as error:
                self._world.say(f"the last snapshot is not written: {error}")
            self.parts.log.close()
            self.fall(self._world.rng.uniform(1, 20))

    def serve(self, consumers: Sequence[Consumer]) -> None:
        """They get its messages, from its next start on."""
        self.consumers = consumers

    def take_edition(self, edition: Edition) -> None:
        """From the next start on."""
        self.edition = edition

    def rebuild(self) -> None:
        """The view of warnings is made again from the log, as `headwater-cloud view rebuild warnings` does."""
        self._forget_first = True
        self.stop()

    def _forget(self) -> None:
        ledger = _ledger(self.folder)
        try:
            with ledger.begin() as db:
                forget(db)
                forget_maintenance(db)
            self._forget_first = False
        finally:
            ledger.dispose()

    def close(self) -> None:
        if self.parts is not None:
            self.parts.ledger.dispose()
        self.disk.power_off()

    def take_its_time(self) -> None:
        """Views follow half a minute behind from now on: what nobody waits for need not cost a seed so many steps."""
        self._in_a_hurry = False

    # --- work ---

    def take(self, gateway: Gateway) -> None:
        """What waits at a gateway, into the log."""
        if self.parts is None or not gateway.waiting or gateway.cut:
            return
        group = gateway.waiting[:50]
        for w in group:
            w.try_at(self._world.true_ms)
        try:
            fresh = self.parts.log.append([w.entry for w in group], self.parts.clock.now_ms())
        except Crash:
            self.fall()
            return
        except (sqlite3.Error, OSError) as error:
            self._world.say(f"cloud cannot store: {error}")
            return
        self._note(group, fresh)
        gateway.taken(group)
        self._plan_follow()

    def _note(self, group: list[Waiting], fresh: object) -> None:
        assert isinstance(fresh, list)
        for w, new in zip(group, fresh, strict=True):
            # Not new: committed by the attempt that a crash ended, or the second of two copies.
            if new or w.tried_ms < self._world.true_ms:
                self._witness.logged(w.rows, self._world.true_ms if new else w.tried_ms)
                for r in w.rows:
                    self._world.say(f"logged {r.channel} {r.value:.3f} flag {r.flag} of {self._world_s(r.time_ms)}")

    def _world_s(self, ms: int) -> str:
        return f"{(ms - self._world.start_ms) / 1000:.0f} s"

    def decide(self, decision: Decision) -> bool:
        """A person's decision into the log; false: the cloud did not answer."""
        if self.parts is None:
            return False
        try:
            (new,) = self.parts.log.append([entry_of(decision)], self.parts.clock.now_ms())
        except Crash:
            self.fall()
            return False
        except (sqlite3.Error, OSError):
            return False
        self._witness.decision(decision, self._world.true_ms, new)
        self._plan_follow()
        return True

    def confirm_clock(self) -> bool:
        """A person says that the machine's clock is right as it is now; false: the cloud did not answer."""
        if self.parts is None:
            return False
        try:
            self.parts.clock.confirm("person:ann")
        except Crash:
            self.fall()
            return False
        self._plan_follow()
        return True

    def tick(self) -> None:
        if self.parts is None:
            return
        try:
            self.parts.clock.look()
            self.parts.log.tick(self.parts.clock.now_ms())
        except Crash:
            self.fall()
            return
        except sqlite3.Error as error:
            self._world.say(f"cloud cannot log time: {error}")
        self._plan_follow()

    def _plan_follow(self, seconds: float = 0.0) -> None:
        if not self._follow_planned:
            self._follow_planned = True
            delays_s = (0.1, 5.0, 12.0) if self._in_a_hurry else (25.0, 35.0)
            self._world.after(seconds or self._world.rng.choice(delays_s), self._follow)

    def _follow(self) -> None:
        self._follow_planned = False
        if self._step(self._world.rng.choice((1, 7, 500, 500))) and self._behind():
            self._plan_follow(0.2)

    def _step(self, limit: int) -> bool:
        """Some entries further; false when it fell meanwhile."""
        parts = self.parts
        if parts is None:
            return False
        try:
            version = parts.warnings.reader.version()
            entries = parts.log.read(parts.warnings.cursor(), limit)
            if entries:
                parts.warnings.apply(entries)
                parts.handled_ms = entries[-1].now_ms
            if parts.warnings.reader.version() != version and self._falls_when_told_s is not None:
                for_s, self._falls_when_told_s = self._falls_when_told_s, None
                self.fall(for_s)
                return False
            if parts.warnings.reader.version() != version:
                self._witness.look(parts.warnings.reader)
                self._wake_couriers()
            if parts.maintenance is not None and (entries := parts.log.read(parts.maintenance.cursor(), limit)):
                parts.maintenance.apply(entries)
        except Crash:
            self.fall()
            return False
        except Poisoned as error:
            raise Broken(f"the view sets aside what the log took: {error}") from error
        except (RetryLater, sqlite3.Error, SQLAlchemyError, OSError) as error:
            self.trouble = f"the view waits: {error}"
            self._world.say(self.trouble)
        return True

    def _as_of(self, parts: Parts) -> int | None:
        """What heartbeats are to say, and for the checks what had been handled then."""
        self._witness.handled.append((self._world.true_ms, parts.warnings.cursor()))
        return parts.as_of()

    def _behind(self) -> int:
        return self.parts.behind() if self.parts is not None else 0

    def _wake_couriers(self) -> None:
        for courier in self._couriers:
            courier.wake()


def _ledger(folder: Path) -> Engine:
    return ledger_at(folder / "ledger.sqlite", "cloud")
