"""Writes the seed corpus: honest inputs, made by our own encoders and from our own configurations. Nothing foreign.

`python -m tests.fuzz.make_corpus` writes the same files again; SQLite's aside, byte for byte.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from pymodbus.framer import FramerRTU

from cloud.access import keys
from cloud.access.rate import Rate
from cloud.access.scopes import Scope
from cloud.identity.registry import CertificateRole, Identity, Registry
from cloud.identity.store import FILE, save
from cloud.ingest.admission import Refusal
from cloud.ingest.quarantine import Quarantine
from cloud.ledger.open import open_ledger
from cloud.log.base import Entry, EntryKind, NewEntry
from cloud.log.sqlite import SqliteLog
from cloud.series.manifest import Group, Manifest, Segment
from cloud.warnings.view import open_view
from contract.readings import ReadingBatch
from contract.wire import batch as wire
from contract.wire.ack import Ack, encode_ack
from contract.wire.batch import WireBatch
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane, RefusalReason
from edge_agent.spool.batches import Replacement
from edge_agent.spool.database import SpoolDatabase
from firmware_bridge.framing import encode_frame
from firmware_bridge.telemetry import Sample, Telemetry, encode_telemetry
from tests.fuzz import shells
from tests.fuzz.targets import HERE

REPO = HERE.parents[1]
NOW_MS = shells.NOW_MS


def batch(values: list[float], seq: int = 1, lane: Lane = Lane.LIVE, spool: int = 7) -> bytes:
    numbers = [c.id for c in shells.small().channels_by_gateway["gw-1"]]
    n = len(values)
    channels = [numbers[i % len(numbers)] for i in range(n)]
    readings = ReadingBatch.of([NOW_MS + i * 1000 for i in range(n)], channels, values)
    return wire.encode_batch(WireBatch("gw-1", spool, seq, lane, readings))


def seeds() -> Iterator[tuple[str, str, bytes]]:
    batches = {
        "milli": batch([0.125, 0.5, float("nan")]),
        "float32": batch([float(np.float32(0.1234567))] * 2, 2, Lane.ALARM),
        "float64": batch([0.1234567890123] * 4, 3, Lane.HISTORY, 2**64 - 1),
    }
    for name, data in batches.items():
        yield "wire.batch", name, data
        yield "wire.columns", name, bytes([len(data)]) + data + data
        for lane in ("alarm", "live", "history"):
            topic = f"headwater/1/small/gw-1/up/{lane}".encode()
            yield "receiver", f"{name}-{lane}", bytes([len(topic)]) + topic + data
    yield "wire.birth", "birth", encode_birth(Birth("gw-1", 7, 12, "0.1.0", NOW_MS))
    for target, spool in (("wire.ack", 7), ("sender.ack", 7)):
        yield target, "ack", encode_ack(Ack(spool, 3, (5, 7), {6: "truncated"}))
        yield target, "prefix", encode_ack(Ack(spool, 2**64 - 1))
    for kind in ("up/live", "birth", "online", "ack"):
        yield "topic", kind.replace("/", "-"), f"headwater/1/small/gw-1/{kind}".encode()
    for kind in range(7):
        yield "registers", str(kind), bytes([kind, kind % 4]) + struct.pack(">d", 1.5)[: (2, 2, 2, 4, 4, 4, 8)[kind]]
    telemetry = encode_telemetry(Telemetry(1, 7, 3600, 3.6, (Sample(0, 0.25), Sample(60, float("nan")))))
    yield "telemetry", "two", telemetry
    yield "frames", "two", b"\x05" + encode_frame(telemetry) + encode_frame(b"x" * 512)
    yield "node.line", "two", encode_frame(telemetry) * 2
    pdu = bytes([1, 3, 4]) + struct.pack(">HH", 0x0000, 0x3E80)
    yield "modbus.tcp", "float", struct.pack(">HHHB", 1, 0, len(pdu), 1) + pdu[1:]
    yield "modbus.tcp", "exception", struct.pack(">HHHB", 1, 0, 3, 1) + b"\x83\x02"
    yield "modbus.rtu", "float", b"\1" + pdu
    yield "modbus.rtu", "whole", b"\0" + pdu + FramerRTU.compute_CRC(pdu).to_bytes(2, "big")
    yield "modbus.rtu", "exception", b"\1" + b"\x01\x83\x06"
    yield from configurations()
    yield "csv.qc", "series", b"time,value\n2021-07-20T16:00:00+08:00,0.25\n1626768060000,\n1626768120000,nan\n"
    yield "csv.storm", "storm", b"time,mm\n2021-07-20T16:00:00+08:00,1.5\n2021-07-20T16:05:00+08:00,2\n"
    for i, words in enumerate((b"zhengzhou-2021", b"chicago:p=20,hours=2", b"none")):
        yield "storm", str(i), words
    yield "truth", "rows", np.array([(NOW_MS, 101, 0.25)] * 3, [("t", "<i8"), ("c", "<u4"), ("v", "<f8")]).tobytes()
    for i, words in enumerate((b"2021-07-20T16:00:00+08:00", b"1626768000000", b"-1", b"2021-07-20T16:00:00 08:00")):
        yield "api.moment", str(i), words
    yield "clock", "scaled", b"scaled:1626768000000,60,1626768000000"
    for i, path in enumerate(PATHS):
        yield "api.request", str(i), path
    yield "file.status", "running", STATUS
    yield "file.aside", "two", b'{"view": "series", "offset": 7, "reason": "truncated"}\n' * 2
    identity = Identity(
        role=CertificateRole.GATEWAY, gateway="gw-1", generation=1, serial="5a", issued_ms=0, expires_ms=NOW_MS
    )
    gone = identity.model_copy(update={"generation": 2, "revoked_ms": NOW_MS})
    folder = shells.fresh("registry").parent
    save(folder, Registry((identity, gone)))
    yield "file.registry", "two", (folder / FILE).read_bytes()
    yield "access.key", "key", b"hw_0123abcd_" + b"5a" * 32
    yield "access.cookie", "three", b"Bearer hw_0123abcd_k\nheadwater=abc; other=1\nhttps://cloud.example:8443"
    yield "access.login", "ann", b'{"name": "ann", "password": "correct horse battery"}'
    yield from stores()


def configurations() -> Iterator[tuple[str, str, bytes]]:
    for i, name in enumerate(("district", "gateways", "rules", "response_plan")):
        data = (shells.SMALL / f"{name}.yaml").read_bytes()
        yield f"yaml.{name}", "small", data
        yield "catalogue", name, bytes([i]) + data
    for path in sorted((REPO / "configs" / "devices").glob("*.yaml")):
        yield "yaml.device", path.stem, path.read_bytes()
    yield "catalogue", "device", b"\4" + (shells.SMALL / "devices" / "level.yaml").read_bytes()
    yield "yaml.simulation", "jinshui", (REPO / "configs/districts/jinshui/simulation.yaml").read_bytes()
    yield "yaml.edge", "edge", EDGE
    yield "yaml.cloud", "cloud", CLOUD
    yield "yaml.qc", "qc", b"fail_range: [-0.05, 8.0]\nspike: {suspect: 0.2, fail: 1}\nperiod_s: 30\n"
    yield (
        "yaml.rules",
        "anchors",
        b"a: &a {id: x, levels: {red: 1}}\nrules: [*a, {<<: *a, id: y}]\n",
    )


def stores() -> Iterator[tuple[str, str, bytes]]:
    path = shells.fresh("seed.sqlite")
    spool = SpoolDatabase(path, "gw-1", NOW_MS)
    one = ReadingBatch.of([NOW_MS], [101], [0.25])
    spool.replace(Replacement(one, Lane.ALARM, NOW_MS, counters={101: {"made": 1}}), last_commit_ms=NOW_MS)
    spool.close()
    yield "file.spool", "one", path.read_bytes()
    path = shells.fresh("seed.sqlite")
    log = SqliteLog(path)
    log.append([NewEntry("gw-1", 7, s, Lane.LIVE, NOW_MS, NOW_MS, batch([0.5], s)) for s in (1, 3)], NOW_MS)
    log.tick(NOW_MS)
    log.close()
    yield "file.log", "two", path.read_bytes()
    path = shells.fresh("seed.sqlite")
    kept = Quarantine(path)
    kept.keep([Refusal("t", "gw-1", 7, 2, RefusalReason.UNKNOWN_FLAG, "flags", b"bytes")], NOW_MS)
    kept.close()
    yield "file.quarantine", "one", path.read_bytes()
    path = shells.fresh("seed.sqlite")
    manifest = Manifest(path)
    manifest.commit([Segment(0, "raw", "hour", 0, 3_600_000, "a.parquet", 2, 99, (Group(101, 102, 0, 9),))], cursor=3)
    manifest.close()
    yield "file.manifest", "one", path.read_bytes()
    yield "file.ledger", "flood", ledger(shells.fresh("seed.sqlite"))


def ledger(path: Path) -> bytes:
    """One open incident and its messages, a key, a row of the audit record; in small pages: it has many tables."""
    view = open_view(open_ledger(f"sqlite:///{path}", whole=True), shells.small())
    number = shells.small().channels_by_gateway["gw-1"][0].id
    for seq in range(1, 13):
        at_ms = NOW_MS + seq * 60_000
        readings = ReadingBatch.of([at_ms], [number], [0.05 * seq])
        payload = wire.encode_batch(WireBatch("gw-1", 7, seq, Lane.LIVE, readings))
        view.apply([Entry(seq, at_ms, EntryKind.BATCH, "gw-1", 7, seq, Lane.LIVE, at_ms, at_ms, payload)])
    keys.create(view.ledger, "metrics", [Scope.READ], Rate(1, 5), NOW_MS, "shell")
    view.ledger.dispose()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("update api_keys set id = '0123abcd'")
        db.execute("pragma journal_mode = delete")
        db.execute("pragma page_size = 512")
        db.execute("vacuum")
        db.execute("pragma journal_mode = wal")
    return path.read_bytes()


EDGE = b"""gateway: gw-1
catalogue: district
data_dir: data
broker: {host: 127.0.0.1, port: 1883}
clock: scaled:1626768000000,60,1626768000000
addresses: {gw-1-rtu: /dev/ttyS1}
uplink: {window: 16, spool_cap_mb: 64}
"""
CLOUD = b"""catalogue: district
data_dir: data
broker: {embedded: true, port: 0}
delivery:
  - {kind: webhook, name: centre, url: "http://127.0.0.1:9/hook", secret_files: [key.txt]}
series: {engine: influx, url: "http://127.0.0.1:8086", org: o, bucket: b, token_file: token}
"""
STATUS = b"""{"gateway": "gw-1", "version": "0.1.0", "readings": {"made": 1}, "uplink": {"broker": "127.0.0.1:1883",
"connected": true, "trouble": "", "last_ack_ms": 1626768000000, "waiting": {"live": 0}, "spool_bytes": 0,
"in_flight": 0, "refused": {}, "dropped": {}, "lost_to_full_disk": 0, "held_in_memory": 0, "spool_set_aside": null,
"oldest_age_s": {"live": 7200}, "thinned": {}, "disk_trouble": "", "bytes_per_day": null,
"kept_back": 0, "clock": ""},
"buses": [{"id": "b", "kind": "modbus_tcp", "address": "a", "trouble": "", "line_faults": {}, "devices": [{"id": "d",
"unit": 1, "state": "good", "last_good_age_s": null, "reads": 1, "faults": {}, "last_fault": ""}]}]}
"""
RANGE = b"channel=101&start=2021-07-20T16:00:00%2B08:00&end=2021-07-20T18:00:00%2B08:00"
PATHS = (
    b"GET /v1/readings?" + RANGE,
    b"GET /v1/readings?interval=1h&format=csv&" + RANGE + b"\naccept: text/csv\n\n",
    b"GET /v1/warnings?open=true&limit=5",
    b"GET /v1/warnings/x?format=cap\naccept: application/cap+xml\n\n",
    b"GET /v1/feed?limit=2",
    b"GET /v1/latest",
    b"GET /v1/stations",
    b"GET /v1/channels",
    b"GET /v1/quarantine",
    b"GET /v1/openapi.json",
    b"GET /metrics",
    b"GET /readyz",
    b'POST /v1/session\nx-headwater-page: 1\ncontent-type: application/json\n\n{"name": "ann", "password": "horse"}',
    b"POST /v1/warnings\ncontent-type: application/json\n\n{}",
)


def main() -> None:
    for target, name, data in seeds():
        path = Path(HERE / "corpus" / target / name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    shells.sweep()


if __name__ == "__main__":
    main()
