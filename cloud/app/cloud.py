"""All roles of the cloud in one process: broker (of the demo), receiver, views, delivery, API and page."""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from cloud.access.access import Access
from cloud.access.people import first_administrator
from cloud.api.app import create_app
from cloud.api.ports import Services
from cloud.app.as_of import AsOf
from cloud.app.health import CloudHealth
from cloud.app.http_server import serve
from cloud.config import CloudConfig
from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.notice import Notice
from cloud.delivery.removed import Removed, removed
from cloud.identity.watch import IdentityWatch
from cloud.ingest.admission import Admission
from cloud.ingest.embedded_broker import EmbeddedBroker
from cloud.ingest.ingest import Ingest
from cloud.ingest.listening import Listening
from cloud.ingest.mqtt import MqttReceiver
from cloud.ingest.quarantine import Quarantine
from cloud.ledger.open import open_ledger
from cloud.ledger.url import sqlite_file
from cloud.log.believed_clock import BelievedClock
from cloud.log.open import open_log
from cloud.maintenance.view import MaintenanceView
from cloud.overview.routes import mount as mount_overview
from cloud.retention import base
from cloud.retention.outlook import Outlook
from cloud.sensorthings.routes import mount as mount_sensorthings
from cloud.series.open import open_series
from cloud.views.latest import LatestView
from cloud.views.runner import ViewRunner
from cloud.warnings.view import open_view
from cloud.web.page import mount as mount_page
from contract.clock import SystemClock
from host.private import close_file, close_folder
from host.systemd import Watchdog

log = logging.getLogger(__name__)

_HAND_ON_S = 10.0
_LOOK_S = 1.0  # between two looks at the machine's clock
_STALL_S = 5.0  # real: so long a busy machine may hold up a cloud that runs, which at a scenario's speed is minutes
_STUCK_S = 60.0  # a commit to a slow disk may take long, and a restart does not make it faster


class Cloud:
    """`start`, then `serve_http` until it is told to stop, then `stop`."""

    def __init__(self, config: CloudConfig) -> None:
        self.config = config
        folder = config.data_dir
        close_folder(folder)
        if (ledger := sqlite_file(config.ledger_url)) is not None:
            close_file(ledger)
        catalogue = config.catalogue
        self.log = open_log(folder, config.file.log.engine)
        self.clock = BelievedClock(config.clock, folder, self.log)
        self.quarantine = Quarantine(folder / "quarantine.sqlite", config.file.receive.quota(), catalogue.gateways)
        broker = config.file.broker.under(config.base)
        self.broker = EmbeddedBroker(broker.port) if broker.embedded else None
        self.broker_address = ("127.0.0.1", self.broker.port) if self.broker else (broker.host, broker.port)
        begins = base.read(folder)
        self.latest = LatestView(catalogue, None if begins is None else (begins.cursor, begins.latest))
        self.series = open_series(config.file.series, config.base, folder)
        self.ledger = open_ledger(config.ledger_url, whole=True)
        zone = ZoneInfo(catalogue.district.time_zone)
        self.as_of = AsOf()
        self.dispatchers = [
            Dispatcher(
                self.ledger,
                sink.make(config.base, config.file.egress.rules()),
                self.clock,
                sink.policy(),
                wants=sink.wants(zone, config.file.delivery),
                heartbeat_s=sink.heartbeat_s,
                as_of=self.as_of,
                tell=self._tell_sinks,
                zone_of={s.id: s.zone for s in catalogue.stations.values()}.get,
                maintenance=sink.maintenance or config.file.maintenance,
                sender=catalogue.response_plan.sender,
                zone=zone,
                enabled=sink.enabled,
            )
            for sink in config.file.delivery
        ]
        wake = [dispatcher.wake for dispatcher in self.dispatchers]
        self.warnings = open_view(self.ledger, catalogue, config.file.warnings, wake)
        tick_s = config.file.log.tick_s
        still_ms = round(1000 * max(2 * tick_s, _STALL_S / self.clock.real_s(1.0)))
        self.maintenance = MaintenanceView(self.ledger, catalogue, self._wake_sinks, still_ms)
        beside = (self.latest, self.series, self.maintenance)
        asides = {v.name: folder / f"{v.name}.aside" for v in (*beside, self.warnings)}
        warned = ViewRunner(self.warnings, self.log, asides[self.warnings.name], at_rest=self.warnings.keep)
        self.runners = [*(ViewRunner(v, self.log, asides[v.name]) for v in beside), warned]
        admission = Admission(catalogue, config.file.receive.admission())
        self.ingest = Ingest(admission, self.log, self.quarantine, catalogue.district.id, list(catalogue.gateways))
        tls = broker.tls()
        self.receive = MqttReceiver(
            *self.broker_address,
            self.ingest,
            self.clock,
            catalogue.district.id,
            broker.credentials(),
            tls,
            behind=lambda: warned.state().behind,
            told_ms=self.clock.told_ms,
            readings_per_s=config.file.receive.readings_per_s(),
            listening=Listening(catalogue.district.id, catalogue.gateways, config.file.receive.silence_s),
        )
        self.identities: IdentityWatch | None = None
        if config.file.identity is not None:
            # The real clock: certificates end by it, whatever a scenario's says.
            self.identities = IdentityWatch(
                config.base / config.file.identity.folder,
                config.file.identity.refresh_s,
                SystemClock().now_ms,
                admission.allow,
                tls,
                self.receive.reconnect,
            )
        health = CloudHealth(
            self.clock,
            self.ingest,
            self.receive,
            self.quarantine,
            self.identities,
            self.runners,
            self.dispatchers,
            Outlook(config.file.retention, config.rolled_up, folder),
            lambda: self.warnings.untold,
            self._removed(),
        )
        self.services = Services(
            catalogue,
            self.clock,
            self.log,
            self.latest,
            self.series,
            self.warnings.reader,
            health,
            self.maintenance.reader,
            feed=config.file.feed,
            warning_settings=config.file.warnings,
            as_of=self.as_of,
        )
        self.access = Access(self.ledger, config.file.access)
        self.as_of.follow(lambda: not self.receive.trouble(), lambda: warned.handled_ms)
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick_forever, name="tick", daemon=True)

    def first_administrator(self) -> tuple[str, str] | None:
        """Name and password, when logins are required and there is nobody yet."""
        if self.config.file.access.mode == "open":
            return None
        return first_administrator(self.access.engine, self.access.now_ms())

    def start(self) -> None:
        if self.broker is not None:
            self.broker.start()
        for runner in self.runners:
            runner.start()
        for dispatcher in self.dispatchers:
            dispatcher.start()
        if self.identities is not None:
            self.identities.start()
        # The catalogue stays: a walk over its million objects would hold every thread up, alarms' too, again and again.
        gc.collect()
        gc.freeze()
        self.receive.start()
        self._ticker.start()

    def application(self) -> FastAPI:
        """The API and the page, without limits (`cloud.api.limits`)."""
        application = create_app(self.services, self.access)
        mount_sensorthings(application, self.services)
        mount_overview(application, self.services)
        mount_page(application, self.services)
        return application

    def serve_http(self, listener: socket.socket, url: str) -> None:
        """Until SIGTERM or SIGINT. Prints one JSON line when it listens. listener, url: see `cloud.app.listener`."""
        application = self.application()
        host, port = self.broker_address
        watchdog = Watchdog(os.environ, self.stuck)
        open_to_all = self.config.file.access.mode == "open"
        addresses = {"broker": f"{host}:{port}"}
        turned_away = self.services.turned_away
        serve(application, self.config.file.http, listener, url, turned_away, addresses, watchdog, open_to_all)

    def stuck(self) -> list[str]:
        """What no longer turns, though it should, and a restart would mend. A broker or a store out of reach is no such
        thing: see `cloud.app.health`."""
        idle_s = self.receive.idle_s()
        out = [f"the receiver has not turned for {idle_s:.0f} s"] if idle_s > _STUCK_S else []
        out += [f"{r.name} has ended" for r in self.runners if not r.alive()]
        return out + [f"{d.name} has ended" for d in self.dispatchers if not d.alive()]

    def stop(self) -> None:
        self._stop.set()
        self._ticker.join(5)
        if self.identities is not None:
            self.identities.stop()
        self.receive.stop()
        self._hand_on()
        for dispatcher in self.dispatchers:
            dispatcher.stop()
        for runner in self.runners:
            runner.stop()
        if self.broker is not None:
            self.broker.stop()
        self.ledger.dispose()
        self.quarantine.close()
        self.log.close()

    def _removed(self) -> Sequence[Removed]:
        """Consumers that are no longer named; none is known while the ledger is out of reach."""
        try:
            return removed(self.ledger, [sink.name for sink in self.config.file.delivery], self.clock.now_ms())
        except SQLAlchemyError as error:
            log.warning("whether a consumer was removed that holds warnings in force is not known: %s", error)
            return ()

    def _tell_sinks(self, notice: Notice) -> None:
        """That one of them is gone or back, to the others."""
        for dispatcher in self.dispatchers:
            if dispatcher.sink_name != notice.sink:
                dispatcher.notify(notice)

    def _wake_sinks(self, _found: object) -> None:
        """There are maintenance notices in the ledger that some ask for: `kinds: [maintenance]`."""
        for dispatcher in self.dispatchers:
            dispatcher.wake()

    def _hand_on(self) -> None:
        """What is in the log reaches the views, and what warnings come of it the sinks; but a view or a sink in trouble
        is not waited for, nor any for long: the next start goes on where this one ends."""
        until_s = time.monotonic() + _HAND_ON_S

        def wait_while(busy: Callable[[], bool]) -> None:
            with suppress(SQLAlchemyError):  # a ledger out of reach
                while busy() and time.monotonic() < until_s:
                    time.sleep(0.05)

        wait_while(lambda: any(v.behind and not v.trouble for v in (r.state() for r in self.runners)))
        wait_while(lambda: any(s.waiting and not s.trouble for s in (d.state() for d in self.dispatchers)))

    def _tick_forever(self) -> None:
        tick_s = max(self.clock.real_s(self.config.file.log.tick_s), 0.05)
        due_s = time.monotonic() + tick_s
        while not self._stop.wait(min(max(due_s - time.monotonic(), 0.0), _LOOK_S)):
            try:
                self.clock.look()
                self.as_of.look()
                if time.monotonic() >= due_s:
                    due_s = time.monotonic() + tick_s
                    self.log.tick(self.clock.now_ms())
            except Exception as error:  # a full disk: the receiver says so, and time goes on when there is room
                log.warning("time cannot be logged: %s", error)
