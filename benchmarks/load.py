"""Load that does not hurt: 50,000 channels at ten times the normal rate, 100 clients, and a gateway that returns.

One `headwater-cloud serve`, mosquitto before it. The normal rate is a reading a channel and minute, so ten times is
8,333 readings a second, in batches of 100. Meanwhile one gateway uploads a year of history at the agent's own rate
(100 batches a second), and again and again one zone's road goes under water: the alarm's path is timed from the
publication of that batch to the arrival of the webhook. Every client has a key and asks once a second.

Then the overload, for a quarter of that time: live readings and alarms as before, the clients without any pause and a
script of a hundred more on one key, and 49 gateways that return at once with all that their windows hold.

HEADWATER_LOAD_S: seconds (30; the issue asks for 300). HEADWATER_LOAD_CHANNELS: channels (50,000).
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from benchmarks.load_clients import CLIENTS, Clients, Said
from benchmarks.load_district import CHANNELS, GATEWAYS, PER_STATION, STATIONS, district, write
from benchmarks.load_gateways import Gateways
from benchmarks.load_watch import WATCHDOG_S, Manager, Watch, memory_mb
from cloud.access import keys
from cloud.access.rate import Rate
from cloud.access.scopes import Scope
from cloud.ledger.open import open_ledger
from contract.clock import SystemClock
from contract.wire.envelope import Lane
from simulators.demo.centre import WarningCentre
from simulators.processes.mosquitto import mosquitto

SECONDS = float(os.environ.get("HEADWATER_LOAD_S", "30"))
OVERLOAD_S = max(SECONDS / 4, 10.0)
_KEY_RATE, _SCRIPT_RATE = Rate(10, 50), Rate(2, 10)  # what `key create` gives unless told, and a careful operator
Figures = dict[str, float | str]


class Centre(WarningCentre):
    """`arrived`: zone -> when its first message came."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret)
        self.arrived: dict[str, float] = {}

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        now_s = time.monotonic()
        status = super().take(body, headers)
        self.arrived.setdefault(json.loads(body)["incident"].split("-")[1], now_s)
        return status


class Bench:
    """A cloud under load, and what was told and asked of it."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        secret = "whsec_" + b64encode(os.urandom(24)).decode()
        (folder / "key").write_text(secret)
        self.centre, self.manager = Centre(secret), Manager(folder)
        self.centre.start()
        self.keys = _prepare(folder, broker_port, self.centre.url)
        began = time.monotonic()
        self.process, self.http = _serve(folder, self.manager.environment)
        self.start_s = time.monotonic() - began
        self.gateways = Gateways(broker_port)
        self.phase_began_s, self._phase_began_ms, self._folder = 0.0, 0, folder

    def close(self) -> None:
        self.gateways.close()
        self.process.terminate()
        self.process.wait(60)
        self.centre.stop()

    def phase(
        self, seconds: float, zones: range, keys: list[str], pause_s: float, returning: range, batches_per_s: float
    ) -> tuple[Said, Watch, list[float], int]:
        """With a client for each of the keys. What the clients say, what was watched, how long each alarm took (s), and
        alarms that never came."""
        gateways = self.gateways
        self.phase_began_s, self._phase_began_ms = time.monotonic(), SystemClock().now_ms()
        watch = Watch(self.process.pid, self.http)
        asking = Clients(self.http, keys, pause_s, seconds)
        uploading = threading.Thread(target=gateways.history, args=(seconds, returning, batches_per_s))
        uploading.start()
        gateways.live(seconds, zones)
        said = asking.said()
        uploading.join()
        gateways.forget()
        watch.stop()
        raised = {z: at for z, at in gateways.alarms.items() if at >= self.phase_began_s}
        deadline_s = time.monotonic() + 20
        while not raised.keys() <= self.centre.arrived.keys() and time.monotonic() < deadline_s:
            time.sleep(0.1)
        took = [self.centre.arrived[z] - at for z, at in raised.items() if z in self.centre.arrived]
        return said, watch, took, len(raised) - len(took)

    def to_log_s(self) -> list[float]:
        """Of this phase's alarms: from publication, when the second sample was taken, to the log."""
        query = "select (append_ms - t_max) / 1000.0 from entry where lane = ? and kind = 0 and t_min >= ?"
        with closing(sqlite3.connect(self._folder / "data" / "log.sqlite")) as db:
            return [float(s) for (s,) in db.execute(query, (int(Lane.ALARM), self._phase_began_ms))]

    def counters(self, *names: str) -> dict[str, float]:
        """From /metrics, those whose name holds one of these."""
        head = {"authorization": f"Bearer {self.keys[-1]}"}
        lines = httpx2.get(f"{self.http}/metrics", headers=head, trust_env=False, timeout=30).raise_for_status().text
        found = (x.rpartition(" ") for x in lines.splitlines() if not x.startswith("#") and any(n in x for n in names))
        return {name.removeprefix("headwater_"): float(value) for name, _, value in found}


def run() -> Figures:
    with tempfile.TemporaryDirectory() as name, mosquitto(Path(name) / "broker") as broker:
        bench = Bench(Path(name), broker.port)
        try:
            return {
                "seconds, channels, load average": f"{SECONDS:g}, {CHANNELS}, {os.getloadavg()[0]:.1f}",
                "start with this catalogue, s": bench.start_s,
                "cloud's memory before, MB": memory_mb(bench.process.pid, "VmRSS"),
                **_ordinary(bench),
                **_overload(bench),
                "cloud's memory at its highest, MB": memory_mb(bench.process.pid, "VmHWM"),
                f"restarts by a watchdog of {WATCHDOG_S:g} s": float(
                    sum(g > WATCHDOG_S for g in bench.manager.gaps_s())
                ),
                "longest between two signs of life, s (one is due every 5)": max(bench.manager.gaps_s()),
            }
        finally:
            bench.close()


def _ordinary(bench: Bench) -> Figures:
    found = bench.phase(SECONDS, range(STATIONS // 2 - 50), bench.keys[:CLIENTS], 1.0, range(1), 100)
    gateways = bench.gateways
    return {
        "ten times: live readings sent a second": gateways.sent_readings / SECONDS,
        **{f"ten times: {name}": figure for name, figure in _history(gateways.waited_s, SECONDS).items()},
        **{f"ten times: {name}": figure for name, figure in _figures(bench, *found).items()},
    }


def _overload(bench: Bench) -> Figures:
    zones, gateways = range(STATIONS // 2 - 50, STATIONS // 2), bench.gateways
    before = bench.counters("_deferred_total", "http_refused")
    acknowledged = len(gateways.waited_s)
    wild = bench.keys[:CLIENTS] + [bench.keys[CLIENTS]] * CLIENTS
    found = bench.phase(OVERLOAD_S, zones, wild, 0.0, range(1, GATEWAYS), 1e6)
    after = bench.counters("_deferred_total", "http_refused")
    return {
        **{f"overload: {name}": figure for name, figure in _figures(bench, *found).items()},
        **{f"overload: {name}": x for name, x in _history(gateways.waited_s[acknowledged:], OVERLOAD_S).items()},
        "overload: batches of history sent again": float(gateways.resent),
        "overload: turned away": _list({name: n - before.get(name, 0) for name, n in after.items()}) or "nothing",
    }


def _history(waited_s: list[float], seconds: float) -> Figures:
    waited = ", ".join(f"{np.percentile(waited_s or [np.nan], p):.2f}" for p in (50, 99))
    return {
        "history acknowledged, readings a second": len(waited_s) * PER_STATION / seconds,
        "a batch of history waits for its acknowledgement, p50 and p99, s": waited,
    }


def _figures(bench: Bench, said: Said, watch: Watch, took: list[float], missing: int) -> Figures:
    quarters = [np.percentile(part, 99) for part in np.array_split(took, 4) if len(part)]
    return {
        "alarms raised, of them not at the webhook after 20 s": f"{len(took) + missing}, {missing}",
        "publish to webhook, p50, s": float(np.percentile(took, 50)) if took else float("nan"),
        "publish to webhook, p99, s": float(np.percentile(took, 99)) if took else float("nan"),
        "of that to the log, p99, s": float(np.percentile(bench.to_log_s() or [np.nan], 99)),
        "publish to webhook, p99 by quarters of the time, s": ", ".join(f"{q:.2f}" for q in quarters),
        "cloud's memory at 1/4, 1/2, 3/4, end, MB": ", ".join(f"{mb:.0f}" for mb in watch.quarters_mb()),
        "cloud's CPU, cores": watch.cores,
        "/healthz within 5 s: asked, failed, longest s": (
            f"{len(watch.health_s)}, {watch.health_failed}, {max(watch.health_s, default=0):.2f}"
        ),
        "answers of the API": _list(said.answers),
        "of 429 and 503 without Retry-After": float(said.without_retry_after),
        "answers 200, p50 and p99, s": ", ".join(f"{np.percentile(said.took_s or [np.nan], p):.2f}" for p in (50, 99)),
        "entries that views have yet to apply at the end": _list(bench.counters("view_behind_entries")),
    }


def _list(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {n:g}" for name, n in sorted(counts.items()) if n)


def _prepare(folder: Path, broker_port: int, centre_url: str) -> list[str]:
    """District, configuration and ledger; a key for each client, one for a script, and ours."""
    district(folder / "district")
    config = {
        "catalogue": "district",
        "data_dir": "data",
        "broker": {"host": "127.0.0.1", "port": broker_port},
        "http": {"port": 0},
        "delivery": [{"kind": "webhook", "name": "centre", "url": centre_url, "secret_files": ["key"]}],
        "egress": {"allow_networks": ["127.0.0.1/32"], "allow_http": ["127.0.0.1"]},
    }
    write(folder / "cloud.yaml", config)
    (folder / "data").mkdir()
    ledger, now_ms = open_ledger(f"sqlite:///{folder / 'data' / 'ledger.sqlite'}"), SystemClock().now_ms()
    rates = [*[_KEY_RATE] * CLIENTS, _SCRIPT_RATE, _KEY_RATE]
    made = [keys.create(ledger, f"c{i}", [Scope.READ], rate, now_ms, "bench") for i, rate in enumerate(rates)]
    ledger.dispose()
    return made


def _serve(folder: Path, environment: dict[str, str]) -> tuple[subprocess.Popen[str], str]:
    """The process and its address."""
    command = [sys.executable, "-m", "cloud.cli", "serve", "--config", str(folder / "cloud.yaml")]
    with (folder / "log").open("w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, **environment}
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the cloud did not start: {(folder / 'log').read_text()[-500:]}")
    return process, str(json.loads(line)["http"])
