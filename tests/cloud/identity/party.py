"""A broker with mutual TLS, somebody who hears and may say everything, and a folder of certificates, good and bad."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cloud.identity import ca
from contract.catalogue.catalogue import Catalogue
from contract.wire.topics import ROOT
from simulators.processes.mqtt_client import Client
from tests.servers import Mosquitto, tls_mosquitto
from tests.waiting import until

KINDS = ("up/alarm", "up/live", "up/history", "up/other", "birth", "online", "state", "ack", "command", "anything")
MAY_WRITE = {"up/alarm", "up/live", "up/history", "birth", "online", "state"}
_OBSERVERS = ("observer", "late-comer")


@dataclass
class Party:
    broker: Mosquitto
    observer: Client
    folder: Path
    district: str

    def client(self, name: str, **how: Any) -> Client:
        """name: `valid`, `gw-2`, or a kind of certificate. how: see `Client`."""
        files = self.broker.identities
        assert files is not None
        if name == "no TLS":
            return Client(self.broker.port, None, **how)
        authority = self.folder / "ca.crt"
        if name == "none":
            return Client(self.broker.port, authority, **how)
        if name in ("valid", "gw-1", "gw-2"):
            g = files.folder / "gateways" / name.replace("valid", "gw-1")
            return Client(self.broker.port, authority, g / "gateway.crt", g / "gateway.key", **how)
        if name == "the broker's own":
            g = files.folder / "authority"
            return Client(self.broker.port, authority, g / "broker.crt", g / "broker.key", **how)
        return Client(self.broker.port, authority, self.folder / f"{name}.crt", self.folder / f"{name}.key", **how)

    def topic(self, gateway: str, kind: str) -> str:
        return f"{ROOT}/{self.district}/{gateway}/{kind}"

    def topics(self, gateway: str) -> list[str]:
        return [self.topic(gateway, kind) for kind in KINDS]

    def put(self, name: str, pair: ca.Pair) -> None:
        """For `client(name)`."""
        (self.folder / f"{name}.crt").write_bytes(pair.cert_pem)
        (self.folder / f"{name}.key").write_bytes(pair.key_pem)

    def let_observers_in(self) -> None:
        """After every change of an identity: the ACL is written anew, and knows no observer."""
        identities, process = self.broker.identities, self.broker.process
        assert identities is not None and process is not None
        acl = identities.folder / "broker" / "acl"
        rights = "topic readwrite #\ntopic readwrite $SYS/#\n"
        with_observers = acl.with_name("acl.with-observers")
        with_observers.write_text(acl.read_text() + "".join(f"\nuser {name}\n{rights}" for name in _OBSERVERS))
        with_observers.replace(acl)  # at once: the broker may be reading it for the change before
        before = self._reloads()
        again_s = 0.0

        def read_again() -> bool:
            nonlocal again_s
            if time.monotonic() >= again_s:  # mosquitto loses a signal that comes while it reads its files
                os.kill(process.pid, signal.SIGHUP)
                again_s = time.monotonic() + 1
            return self._reloads() > before

        until(read_again)  # what it is told from now on, it judges by the new files

    def _reloads(self) -> int:
        """How often the broker has read its files again, by its log."""
        return (self.broker.folder / "mosquitto.log").read_text().count("Reloading config")

    def settled(self) -> None:
        """What had been handed to the broker before has come to the observer; a connection cut before has ended there.

        Twice, since what became ready together the broker takes in any order, but all of it before what comes later.
        """
        for _ in range(2):
            mark = f"mark {time.monotonic()}".encode()
            self.observer.publish("mark", mark)
            assert self.observer.heard(mark)

    def retained(self) -> dict[str, bytes]:
        """What somebody who comes now is told of before."""
        late = self.client("late-comer")
        assert late.up, late.said
        late.subscribe("#")
        self.observer.publish("now", b"now")
        assert late.heard(b"now")
        late.close()
        return {topic: payload for topic, payload in late.got if topic != "now"}


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory, small_district: Catalogue) -> Iterator[Party]:
    folder = tmp_path_factory.mktemp("party")
    now_ms = time.time_ns() // 1_000_000
    with tls_mosquitto(folder / "broker", small_district) as broker:
        assert broker.identities is not None
        authority = broker.identities.authority(small_district)
        kept = broker.identities.folder / "authority"
        own = ca.Pair((kept / "ca.crt").read_bytes(), (kept / "ca.key").read_bytes())
        (folder / "ca.crt").write_bytes(own.cert_pem)
        stranger = ca.make_authority(small_district.district.id, now_ms, 10)
        client = ca.Purpose.CLIENT
        found = Party(broker, Client(0, None), folder, small_district.district.id)
        found.put("revoked", authority.renew("gw-1"))
        authority.revoke("gw-1", 2)
        found.put("expired", ca.issue(own, "gw-1.1", now_ms - 10 * 86_400_000, 9, client))
        found.put("foreign authority", ca.issue(stranger, "gw-1.1", now_ms, 9, client))
        for name in _OBSERVERS:
            found.put(name, ca.issue(own, name, now_ms, 9, client))
        found.let_observers_in()
        found.observer = found.client("observer")
        assert found.observer.up, found.observer.said
        found.observer.subscribe("#")
        yield found
        found.observer.close()
