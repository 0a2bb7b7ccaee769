"""How long a revoked gateway is still heard: at the broker (standing and new connection) and at the receiver.

From the moment the operator's command begins. mosquitto with the files that `headwater-cloud` writes, told by SIGHUP;
the receiver looks every 2 s, as by default. Aim: under a minute everywhere.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.edge import district as write_district
from cloud.identity.watch import IdentityWatch
from host.district_folder import load
from simulators.processes.identities import Identities
from simulators.processes.mosquitto import tls_mosquitto
from simulators.processes.mqtt_client import Client

RUNS = 7


def run() -> dict[str, float]:
    standing, fresh, receiver = zip(*(_once() for _ in range(RUNS)), strict=True)
    return {
        "standing connection last heard, worst, s": max(standing),
        "new connections taken 3 s later": float(sum(fresh)),
        "receiver refuses after, worst, s": max(receiver),
        "runs": float(RUNS),
    }


def _once() -> tuple[float, int, float]:
    heard: dict[str, float] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_district(folder / "district", 0)
        district = load(folder / "district")
        broker = stack.enter_context(tls_mosquitto(folder / "broker", district))
        files = broker.identities
        assert files is not None
        own = files.folder / "authority"
        cloud = Client(broker.port, own / "ca.crt", own / "cloud.crt", own / "cloud.key")
        cloud.subscribe("headwater/1/bench/+/up/+")
        gateway = _client(files, broker.port)

        def allow(gateways: frozenset[str]) -> None:
            if "gw" not in gateways:
                heard.setdefault("receiver refuses", time.monotonic())

        watch = IdentityWatch(own, 2.0, lambda: time.time_ns() // 1_000_000, allow)
        watch.start()
        time.sleep(0.3)
        began = time.monotonic()
        files.authority(district).revoke("gw")
        last = began
        ends = time.monotonic() + 3
        while time.monotonic() < ends:
            before = len(cloud.got)
            gateway.publish("headwater/1/bench/gw/up/live", b"x")
            time.sleep(0.02)
            if len(cloud.got) > before:
                last = time.monotonic()
        taken = 0
        for _ in range(5):
            late = _client(files, broker.port)
            taken += late.up
            late.close()
        watch.stop()
        gateway.close()
        cloud.close()
    return last - began, taken, heard["receiver refuses"] - began


def _client(files: Identities, port: int) -> Client:
    g = files.folder / "gateways" / "gw"
    return Client(port, g / "ca.crt", g / "gateway.crt", g / "gateway.key")
