"""One gateway floods its own channels: alarms, live readings and history of 8,192 each, states, births, gaps, new
spools, as fast as the broker takes them. Others' alarms are timed from publication to webhook, before and under it, and
what they sent is looked for in the log.

HEADWATER_FLOOD_S: seconds of each of the two (20).
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

os.environ.setdefault("HEADWATER_LOAD_CHANNELS", "5000")

from benchmarks.load import Bench, Figures
from benchmarks.load_district import GATEWAYS, PER_STATION, STATIONS
from benchmarks.load_watch import memory_mb
from simulators.faults.flood import Flood, Flooder
from simulators.processes.mosquitto import mosquitto

SECONDS = float(os.environ.get("HEADWATER_FLOOD_S", "20"))
FLOODER = GATEWAYS - 1


def run() -> Figures:
    with tempfile.TemporaryDirectory() as name, mosquitto(Path(name) / "broker") as broker:
        bench = Bench(Path(name), broker.port)
        try:
            half = STATIONS // 2
            zones = [z for z in range(half) if z % GATEWAYS != FLOODER]
            calm = _told(bench, zones[: len(zones) // 2])
            before_mb = memory_mb(bench.process.pid, "VmRSS")
            channels = [FLOODER * PER_STATION + 1 + k for k in range(PER_STATION)]
            flood = Flood(Flooder("bench", f"g{FLOODER}", channels, _now_ms), broker.port)
            under = _told(bench, zones[len(zones) // 2 :])
            flood.stop()
            time.sleep(3)
            flood.close()
            return {
                "seconds of each, load average": f"{SECONDS:g}, {os.getloadavg()[0]:.1f}",
                **{f"calm: {what}": figure for what, figure in calm.items()},
                **{f"flooded: {what}": figure for what, figure in under.items()},
                "the flood: messages and MB that the broker took": f"{flood.sent}, {flood.mb:.0f}",
                "the cloud's memory before, and at its highest, MB": (
                    f"{before_mb:.0f}, {memory_mb(bench.process.pid, 'VmHWM'):.0f}"
                ),
                "of its own small batches, kept; sent again; still without an answer": (
                    f"{flood.kept}; {flood.again}; {flood.waiting()}"
                ),
                "honest batches sent, in the log": _audit(bench, Path(name)),
                "let go": ", ".join(f"{k}: {v:g}" for k, v in bench.counters("_deferred").items() if v),
                "log and ledger, MB": ", ".join(
                    f"{(Path(name) / 'data' / f'{x}.sqlite').stat().st_size / 1e6:.0f}" for x in ("log", "ledger")
                ),
            }
        finally:
            bench.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


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
