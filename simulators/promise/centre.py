"""The cloud: real ingest, log, quarantine and views, restarted from their files after every crash."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from cloud.ingest.admission import Admission, AdmissionSettings, InboundMessage
from cloud.ingest.ingest import Ingest
from cloud.ingest.quarantine import Quarantine
from cloud.ingest.release import release
from cloud.ledger.open import open_ledger
from cloud.log.open import open_log
from cloud.series.parquet import ParquetStore
from cloud.views.base import Poisoned, RetryLater, View
from cloud.views.latest import LatestView
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from contract.wire.topics import TopicKind, parse_topic
from simulators.promise.disks import Crash, Disk
from simulators.promise.durable import Durable
from simulators.promise.empty_ledger import empty_ledger
from simulators.promise.history import History
from simulators.promise.world import Broken, Broker, Listener, World

TICK_S = 120.0
_GROUP = 50
ANY_TIME = AdmissionSettings(oldest_days=40_000, newest_s=4e9)
# Whoever mends a cause lets nothing in from after 2038: the series store keeps seconds in 32 bits, and no admission
# as it is configured lets such a time pass.
_MENDED = AdmissionSettings(oldest_days=40_000, newest_s=3e8)


class Parts:
    """What one life of the process holds open."""

    def __init__(self, catalogue: Catalogue, folder: Path, now_settings: AdmissionSettings) -> None:
        self.log = open_log(folder)
        self.quarantine = Quarantine(folder / "quarantine.sqlite")
        district, gateways = catalogue.district.id, list(catalogue.gateways)
        self.ingest = Ingest(Admission(catalogue, now_settings), self.log, self.quarantine, district, gateways)
        self.latest = LatestView(catalogue)
        self.series = ParquetStore(folder / "series")
        self.ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}", whole=True)
        self.warnings: WarningsView = open_view(self.ledger, catalogue)
        self.views: tuple[View, ...] = (self.latest, self.series, self.warnings)


class Centre:
    """A broker's listener. gateways: who hears the acknowledgements of a gateway's id."""

    def __init__(self, world: World, broker: Broker, catalogue: Catalogue, folder: Path) -> None:
        self._world, self._broker, self._catalogue, self.folder = world, broker, catalogue, folder
        self.disk = Disk(random.Random(world.rng.getrandbits(64)))
        folder.mkdir(parents=True)
        (folder / "ledger.sqlite").write_bytes(empty_ledger())
        self.gateways: dict[str, list[Listener]] = {}
        self.history: History | None = None
        self.durable = Durable()
        self.clock_step_ms = 0
        self.stalled: set[str] = set()
        self._inbox: list[InboundMessage] = []
        self._take_planned = False
        self.crash_at_ack = False
        self.trouble = ""
        self.parts: Parts | None = None

    # --- life ---

    def start(self) -> None:
        if self.parts is not None:
            return
        try:
            self._import_history()
            self.parts = Parts(self._catalogue, self.folder, AdmissionSettings())
            self._world.say(f"centre starts, log at {self.parts.log.end()}")
        except Crash:
            self._fall()
        except (sqlite3.Error, SQLAlchemyError, OSError) as error:
            self._world.say(f"centre cannot start: {type(error).__name__}")
            self._fall()

    def _import_history(self) -> None:
        """As `headwater-cloud import` does, by a process of its own, while this one is down."""
        if self.history is None or not self.history.due():
            return
        log = open_log(self.folder)
        try:
            self.history.bring(log, self.clock_ms())
        finally:
            log.close()

    def kill(self) -> None:
        if self.parts is not None:
            self._fall()

    def _fall(self) -> None:
        self._world.say("centre crashes")
        if self.parts is not None:
            self.parts.ledger.dispose()
        self.parts = None
        self._inbox.clear()
        self.disk.power_off()
        self._world.after(self._world.rng.uniform(1, 90), self.start)

    def connect(self, gateways: dict[str, list[Listener]]) -> None:
        """gateways: who hears the acknowledgements of a gateway's id."""
        self.gateways = gateways

    def have_imported(self, history: History) -> None:
        """What somebody imports before this or that start."""
        self.history = history

    def step_clock(self, step_ms: int) -> None:
        """The clock shows so much more than the truth; 0: it is right."""
        self.clock_step_ms = step_ms

    def crash_before_telling(self) -> None:
        """At the next acknowledgement: what it names is committed, and nobody is told."""
        self.crash_at_ack = True

    def heal(self) -> None:
        """The clock right, the disk with room, no crash to come, no view held up."""
        self.stalled.clear()
        self.crash_at_ack = False
        self.clock_step_ms = 0
        self.disk.heal()

    def clock_ms(self) -> int:
        return self._world.true_ms + self.clock_step_ms

    # --- what comes ---

    def listening(self) -> bool:
        return self.parts is not None

    def deliver(self, topic: str, payload: bytes) -> None:
        if self.parts is None:
            return
        parsed = parse_topic(topic)
        if parsed is None or parsed.kind in (TopicKind.BIRTH, TopicKind.STATE, TopicKind.ONLINE):
            try:
                answers = self.parts.ingest.heard_of(InboundMessage(topic, payload), self.clock_ms())
            except Crash:
                self._fall()
                return
            for ack in answers:
                self._acknowledge(ack)
            return
        self._inbox.append(InboundMessage(topic, payload))
        self._plan_take(self._world.rng.choice((0.02, 0.02, 1.0)))

    def _plan_take(self, seconds: float) -> None:
        if not self._take_planned:
            self._take_planned = True
            self._world.after(seconds, self._take)

    def _take(self) -> None:
        self._take_planned = False
        if self.parts is None or not self._inbox:
            return
        group = self._inbox[:_GROUP]
        try:
            acks = self.parts.ingest.take(group, self.clock_ms())
        except Crash:
            self._fall()
            return
        except (sqlite3.Error, OSError) as error:  # as the shell does: the same group again, later
            self.trouble = f"cannot store: {error}"
            self._world.say(f"centre {self.trouble}")
            self._plan_take(10.0)
            return
        del self._inbox[: len(group)]
        self._world.say(f"centre takes {len(group)}, log at {self.parts.log.end()}")
        for ack in sorted(acks, key=lambda a: (a.topic, a.payload)):
            self._acknowledge(ack)
        if self._inbox:
            self._plan_take(0.02)

    def _acknowledge(self, ack: InboundMessage) -> None:
        if self.parts is None:
            return
        topic = parse_topic(ack.topic)
        if topic is None:
            raise Broken(f"an acknowledgement on {ack.topic}")
        self.durable.verify(topic.gateway, ack.payload, self.folder)
        if self.crash_at_ack:  # committed, and nobody is told
            self.crash_at_ack = False
            self._fall()
            return
        for node in self.gateways.get(topic.gateway, ()):
            self._broker.publish(ack.topic, ack.payload, node)

    # --- people ---

    def release(self, who: str, mended: bool) -> None:
        """Somebody lets out of quarantine what passes now. mended: the cause of every refusal is."""
        if self.parts is None:
            return
        parts, now_ms = self.parts, self.clock_ms()
        try:
            if mended:
                release(parts.quarantine, Admission(self._catalogue, _MENDED), parts.log, now_ms, who)
            else:
                for kept in parts.quarantine.waiting():
                    parts.ingest.release(kept.id, now_ms, who)
        except Crash:
            self._fall()
        except (sqlite3.Error, OSError) as error:
            self._world.say(f"nothing more is released: {error}")

    # --- time and views ---

    def tick(self) -> None:
        if self.parts is None:
            return
        try:
            self.parts.log.tick(self.clock_ms())
        except Crash:
            self._fall()
        except sqlite3.Error as error:
            self._world.say(f"centre cannot log time: {error}")

    def follow(self, limit: int) -> None:
        """Every view a step further, but for those that are held up."""
        for view in self.parts.views if self.parts is not None else ():
            if view.name not in self.stalled and not self._step(view, limit):
                return

    def _step(self, view: View, limit: int) -> bool:
        if self.parts is None:
            return False
        try:
            entries = self.parts.log.read(view.cursor(), limit)
            if entries:
                view.apply(entries)
        except Crash:
            self._fall()
            return False
        except Poisoned as error:
            raise Broken(f"view {view.name} sets aside what the receiver has let in: {error}") from error
        except (RetryLater, sqlite3.Error, SQLAlchemyError, OSError) as error:  # as the runner does: again later
            self.trouble = f"view {view.name} waits: {type(error).__name__}"
            self._world.say(self.trouble)
        return True

    def behind(self) -> int:
        """Entries that the slowest view has not seen; -1 when the centre is down or has messages to take."""
        if self.parts is None or self._inbox:
            return -1
        return max(self.parts.log.behind(view.cursor()) for view in self.parts.views)

    def close(self) -> None:
        if self.parts is not None:
            for view in self.parts.views:
                view.close()
            self.parts.ledger.dispose()
        self.disk.power_off()
        self.durable.close()


def gateways_of(nodes: Sequence[tuple[str, Listener]]) -> dict[str, list[Listener]]:
    out: dict[str, list[Listener]] = {}
    for gateway, node in nodes:
        out.setdefault(gateway, []).append(node)
    return out
