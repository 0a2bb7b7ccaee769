"""Load that does not hurt: 50,000 channels at ten times the normal rate, 100 clients, and a gateway that returns.

One `headwater-cloud serve`, mosquitto before it. The normal rate is a reading a channel and minute, so ten times is
8,333 readings a second, in batches of 100. Meanwhile one gateway uploads a year of history at the agent's own rate
(100 batches a second), and every half second one zone's road goes under water: the alarm's path is timed from the
publication of that batch to the arrival of the webhook. One channel in ten is a road's depth with a rule.

HEADWATER_LOAD_S: seconds (30; the issue asks for 300). HEADWATER_LOAD_CHANNELS: channels (50,000).
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing as mp
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.load_district import CHANNELS, Gateways, district, write
from simulators.demo.centre import WarningCentre

SECONDS = float(os.environ.get("HEADWATER_LOAD_S", "30"))
CLIENTS = 100


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


def clients(http: str, seconds: float, out: mp.SimpleQueue[dict[str, Any]]) -> None:
    """100 at once, each a second between its questions, or what Retry-After says."""
    now_ms = time.time_ns() // 1_000_000
    paths = ["/page/state", "/v1/latest", "/v1/warnings?open=true", "/v1/stations", "/healthz"]
    paths += [f"/v1/readings?channel={c}&start={now_ms - 600_000}&end={now_ms + 600_000}" for c in range(1, 400, 40)]
    answers: Counter[str] = Counter()
    took: list[float] = []

    async def one(client: httpx.AsyncClient, chance: random.Random) -> None:
        while time.monotonic() < until_s:
            pause_s, path, began = 1.0, chance.choice(paths), time.monotonic()
            try:
                answer = await client.get(http + path)
                answers[str(answer.status_code)] += 1
                took.append(time.monotonic() - began)
                if answer.status_code in (429, 503):
                    pause_s = float(answer.headers["retry-after"])
            except httpx.HTTPError as error:
                answers[type(error).__name__] += 1
            await asyncio.sleep(pause_s * chance.uniform(0.8, 1.2))

    async def all_of_them() -> None:
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(timeout=30, limits=limits, trust_env=False) as client:
            chances = [random.Random(i) for i in range(CLIENTS)]  # noqa: S311 - repeatable, not secret
            await asyncio.gather(*(one(client, chance) for chance in chances))

    until_s = time.monotonic() + seconds
    asyncio.run(all_of_them())
    out.put({"answers": dict(answers), "p99_s": float(np.percentile(took, 99)) if took else float("nan")})


def run() -> dict[str, float | str]:
    from tests.servers import mosquitto

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        district(folder / "district")
        secret = "whsec_" + b64encode(os.urandom(24)).decode()
        (folder / "key").write_text(secret)
        centre = Centre(secret)
        centre.start()
        with mosquitto(folder / "broker") as broker:
            process, ready, load_s = _serve(folder, broker.port, centre.url)
            try:
                return {
                    "start with this catalogue, s": load_s,
                    **_measure(process.pid, ready["http"], broker.port, centre),
                }
            finally:
                process.terminate()
                process.wait(30)
                centre.stop()


def _serve(folder: Path, broker_port: int, centre_url: str) -> tuple[subprocess.Popen[str], dict[str, Any], float]:
    config = {
        "catalogue": "district",
        "data_dir": "data",
        "broker": {"host": "127.0.0.1", "port": broker_port},
        "http": {"port": 0},
        "access": {"mode": "open"},
        "delivery": [{"kind": "webhook", "name": "centre", "url": centre_url, "secret_files": ["key"]}],
        "egress": {"allow_networks": ["127.0.0.1/32"], "allow_http": ["127.0.0.1"]},
    }
    write(folder / "cloud.yaml", config)
    began = time.monotonic()
    command = [sys.executable, "-m", "cloud.cli", "serve", "--config", str(folder / "cloud.yaml")]
    with (folder / "log").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the cloud did not start: {(folder / 'log').read_text()[-500:]}")
    return process, json.loads(line), time.monotonic() - began


def _measure(pid: int, http: str, broker_port: int, centre: Centre) -> dict[str, float | str]:
    results: mp.SimpleQueue[dict[str, Any]] = mp.get_context("spawn").SimpleQueue()
    asking = mp.get_context("spawn").Process(target=clients, args=(http, SECONDS, results), daemon=True)
    gateways = Gateways(broker_port)
    before_mb = _memory_mb(pid, "VmRSS")
    memory_mb: list[float] = []
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=(pid, memory_mb, over), daemon=True)
    watching.start()
    until_s = time.monotonic() + SECONDS
    uploading = threading.Thread(target=gateways.history, args=(until_s,))
    asking.start()
    uploading.start()
    gateways.live(until_s)
    said = results.get()
    uploading.join()
    over.set()
    metrics = httpx.get(f"{http}/metrics", trust_env=False, timeout=30).text.splitlines()
    deadline_s = time.monotonic() + 20
    while len(centre.arrived) < len(gateways.alarms) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    gateways.close()
    took = [centre.arrived[z] - t for z, t in gateways.alarms.items() if z in centre.arrived]
    answers = said["answers"]
    return {
        "seconds, channels": f"{SECONDS:g}, {CHANNELS}",
        "live readings sent a second": gateways.sent_readings / SECONDS,
        "history uploaded and acknowledged, readings a second": gateways.history_readings / SECONDS,
        "alarms raised": float(len(gateways.alarms)),
        "alarms not at the webhook 20 s after the end": float(len(gateways.alarms) - len(took)),
        "publish to webhook, p50, s": float(np.percentile(took, 50)) if took else float("nan"),
        "publish to webhook, p99, s": float(np.percentile(took, 99)) if took else float("nan"),
        "cloud's memory before, MB": before_mb,
        "cloud's memory, median of each third, MB": ", ".join(
            f"{np.median(part):.0f}" for part in np.array_split(memory_mb, 3)
        ),
        "cloud's memory at its highest, MB": _memory_mb(pid, "VmHWM"),
        "messages let go because their lane was full": ", ".join(_found(metrics, "_deferred_total")) or "none",
        "entries that views have yet to apply at the end": ", ".join(_found(metrics, "view_behind_entries")),
        "answers of the API": ", ".join(f"{k}: {v}" for k, v in sorted(answers.items())),
        "answers of the API, p99, s": said["p99_s"],
    }


def _watch(pid: int, found_mb: list[float], over: threading.Event) -> None:
    while not over.wait(1.0):
        found_mb.append(_memory_mb(pid, "VmRSS"))


def _found(metrics: list[str], name: str) -> list[str]:
    return [x.removeprefix("headwater_") for x in metrics if name in x and not x.startswith("#")]


def _memory_mb(pid: int, name: str) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith(name))
    return int(line.split()[1]) / 1024
