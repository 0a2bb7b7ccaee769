"""One gateway floods its own channels: alarms, live readings and history of 8,192 each, states, births, gaps, new
spools, as fast as the broker takes them. Others' alarms are timed from publication to webhook, before and under it, and
what they sent is looked for in the log.

HEADWATER_FLOOD_S: seconds of each of the two (20).
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt

os.environ.setdefault("HEADWATER_LOAD_CHANNELS", "5000")

from benchmarks.load import Bench, Figures
from benchmarks.load_district import GATEWAYS, PER_STATION, STATIONS
from benchmarks.load_watch import memory_mb
from contract.readings import ReadingBatch
from contract.wire.batch import MAX_READINGS, WireBatch, encode_batch
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane
from contract.wire.state import GatewayState, encode_state
from simulators.processes.mosquitto import mosquitto

SECONDS = float(os.environ.get("HEADWATER_FLOOD_S", "20"))
FLOODER = GATEWAYS - 1
_MOST_ON_THE_WAY = 200  # messages that the broker has not taken yet
_SPOOL = 7
_UP = f"headwater/1/bench/g{FLOODER}"


class Flood:
    """A client of its own that sends until `stop`. sent: messages, mb: of them."""

    def __init__(self, port: int) -> None:
        self.sent, self.mb = 0, 0.0
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="flood")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _run(self) -> None:
        kinds = itertools.cycle((self._batch, self._batch, self._batch, self._small, self._said))
        way: list[mqtt.MQTTMessageInfo] = []
        for n in itertools.count(1):
            if self._over.is_set():
                return
            topic, payload = next(kinds)(n)
            way.append(self._client.publish(f"{_UP}/{topic}", payload, qos=1))
            self.sent, self.mb = self.sent + 1, self.mb + len(payload) / 1e6
            while len(way) > _MOST_ON_THE_WAY and not self._over.is_set():
                way = [m for m in way if not m.is_published()]
                time.sleep(0.001)

    def _batch(self, n: int) -> tuple[str, bytes]:
        """High water on its own roads by the millisecond, now, or an hour ago as history; each with a gap before it."""
        lane = (Lane.ALARM, Lane.LIVE, Lane.HISTORY)[n % 3]
        end_ms = time.time_ns() // 1_000_000 - (3_600_000 if lane is Lane.HISTORY else 0)
        channel = np.tile(np.arange(PER_STATION) + FLOODER * PER_STATION + 1, 1 + MAX_READINGS // PER_STATION)
        time_ms = end_ms - np.arange(MAX_READINGS)[::-1]
        readings = ReadingBatch.of(time_ms, channel[:MAX_READINGS], np.full(MAX_READINGS, 0.5 + n % 2))
        payload = encode_batch(WireBatch(f"g{FLOODER}", _SPOOL, 2 * n, lane, readings))
        return f"up/{lane.name.lower()}", payload

    def _small(self, n: int) -> tuple[str, bytes]:
        """One reading in a spool of its own."""
        readings = ReadingBatch.of([time.time_ns() // 1_000_000], [FLOODER * PER_STATION + 1], [0.1])
        return "up/live", encode_batch(WireBatch(f"g{FLOODER}", 1000 + n, 1, Lane.LIVE, readings))

    def _said(self, n: int) -> tuple[str, bytes]:
        gateway = f"g{FLOODER}"
        if n % 2:
            return "state", encode_state(GatewayState(gateway, _SPOOL, floor=n))
        return "birth", encode_birth(Birth(gateway, _SPOOL, 2 * n, "v", 1, floor=n, simulated=n % 4 == 0))


def run() -> Figures:
    with tempfile.TemporaryDirectory() as name, mosquitto(Path(name) / "broker") as broker:
        bench = Bench(Path(name), broker.port)
        try:
            half = STATIONS // 2
            zones = [z for z in range(half) if z % GATEWAYS != FLOODER]
            calm = _told(bench, zones[: len(zones) // 2])
            before_mb = memory_mb(bench.process.pid, "VmRSS")
            flood = Flood(broker.port)
            under = _told(bench, zones[len(zones) // 2 :])
            flood.stop()
            time.sleep(3)
            return {
                "seconds of each, load average": f"{SECONDS:g}, {os.getloadavg()[0]:.1f}",
                **{f"calm: {what}": figure for what, figure in calm.items()},
                **{f"flooded: {what}": figure for what, figure in under.items()},
                "the flood: messages and MB that the broker took": f"{flood.sent}, {flood.mb:.0f}",
                "the cloud's memory before, and at its highest, MB": (
                    f"{before_mb:.0f}, {memory_mb(bench.process.pid, 'VmHWM'):.0f}"
                ),
                "honest batches sent, in the log": _audit(bench, Path(name)),
                "let go": ", ".join(f"{k}: {v:g}" for k, v in bench.counters("_deferred").items() if v),
                "log and ledger, MB": ", ".join(
                    f"{(Path(name) / 'data' / f'{x}.sqlite').stat().st_size / 1e6:.0f}" for x in ("log", "ledger")
                ),
            }
        finally:
            bench.close()


def _told(bench: Bench, zones: list[int]) -> Figures:
    began_s = time.monotonic()
    bench.gateways.live(SECONDS, zones)
    raised = {z: at for z, at in bench.gateways.alarms.items() if at >= began_s}
    deadline_s = time.monotonic() + 30
    while not raised.keys() <= bench.centre.arrived.keys() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    took = [bench.centre.arrived[z] - at for z, at in raised.items() if z in bench.centre.arrived] or [np.nan]
    return {
        "alarms, of them not at the webhook after 30 s": f"{len(raised)}, {len(raised) - len(took)}",
        "publish to webhook, p50 and p99, s": f"{np.percentile(took, 50):.2f}, {np.percentile(took, 99):.2f}",
    }


def _audit(bench: Bench, folder: Path) -> str:
    """Of all gateways but the flooder: nobody sends again here, so whatever was let go is missing."""
    sent = {key: n for key, n in bench.gateways._seq.items() if key[0] != f"g{FLOODER}"}
    query = "select count(distinct gateway || '/' || spool || '/' || seq) from entry where kind = 0 and gateway != ?"
    with closing(sqlite3.connect(folder / "data" / "log.sqlite")) as db:
        ((stored,),) = db.execute(query, (f"g{FLOODER}",)).fetchall()
    return f"{sum(sent.values())}, {stored}"
