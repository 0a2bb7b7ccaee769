"""Inputs of one mebibyte made to take as much memory as they can, and the measure of what they take.

`python -m tests.fuzz.hogs TARGET...` (or `TARGET:HOG`) prints one JSON line a hog: bytes given, growth of the resident
set. The peak of a process only rises, so each hog is measured in a child forked from a process that has imported
everything.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import struct
import sys
import time
from collections.abc import Iterator

import numpy as np

from contract.readings import ReadingBatch
from contract.wire import wire_pb2 as pb
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane
from firmware_bridge.framing import encode_frame
from tests.fuzz.targets import TARGETS, Target

MIB = 1024 * 1024
TOPIC = b"headwater/1/small/gw-1/up/live"


def hogs(target: Target) -> Iterator[tuple[str, bytes]]:
    """Name and bytes: what grows any parser, then what was made for this one."""
    yield "zeros", b"\0" * MIB
    yield "ones", b"\xff" * MIB
    yield "one line", b"a" * MIB
    yield "lines", b"a\n" * (MIB // 2)
    yield "commas", b"," * MIB
    yield "brackets", b"[" * MIB
    yield "braces", b"{" * MIB
    yield "quotes", b'"' * MIB
    seed = target.inputs("corpus")[-1].read_bytes()
    yield "seed repeated", (seed * (MIB // len(seed) + 1))[:MIB]
    kind = target.name.partition(".")[0]
    if kind in ("wire", "receiver", "sender", "telemetry", "node", "frames"):
        head = b"\x1e" + TOPIC if kind == "receiver" else b""
        for name, data in _protobufs():
            yield name, head + data
        yield "frames", b"\1" + encode_frame(b"\x08\x01") * (MIB // 7)
    if kind in ("yaml", "catalogue"):
        for name, text in _yamls():
            yield name, (b"\0" if kind == "catalogue" else b"") + text.encode()
    if kind == "csv":
        yield "short rows", b"time,value\n" + b"1,1\n" * (MIB // 4)
        yield "rows", b"time,mm\n" + b"".join(b"%d,%d.5\n" % (10**12 + i * 1000, i % 999) for i in range(MIB // 20))
        yield "wrong rows", b"x,\xc3\xa4\n" * (MIB // 5)
        yield "one quoted field", b'"' + b"\n" * MIB
    if kind in ("file", "api"):
        yield "deep json", b'{"a":' * (MIB // 5)
        yield "wide json", b'{"offset":1}\n' * (MIB // 13)
        yield "json list", b"[" + b"{}," * (MIB // 3) + b"{}]"
        yield "request", b"GET /v1/readings?" + b"channel=1&" * (MIB // 10)
        yield "request, one word", b"GET /v1/readings?start=" + b"9" * MIB
        yield "request, a path", b"GET /v1/warnings/" + b"x" * MIB
        yield "request, a body", b"POST /v1/warnings\ncontent-type: application/json\n\n" + b"[" * MIB
        yield "digits", b"9" * MIB


def _protobufs() -> Iterator[tuple[str, bytes]]:
    n = 8192
    readings = ReadingBatch.of(np.arange(n), np.arange(n) + 2**17, np.arange(n) / 7)
    yield "the largest batch", encode_batch(WireBatch("gw-1", 7, 1, Lane.LIVE, readings))
    ack = pb.Ack(version=1, spool=7, prefix=2**63, seqs=range(MIB))
    yield "acknowledges everything", ack.SerializeToString()[:MIB]
    refused = pb.Ack(version=1, spool=7, refused=[pb.Refusal(seq=1)] * 50_000)
    yield "refuses everything", refused.SerializeToString()
    yield "empty fields", b"\x0a\x00" * (MIB // 2)
    yield "empty messages", b"\x2a\x00" * (MIB // 2) + b"\x32\x00"
    yield "a huge length", b"\x0a" + b"\xff\xff\xff\x7f" + b"x" * 1000
    yield "unknown fields", b"\xf8\xff\x01\x01" * (MIB // 4)
    yield "groups", b"\x0b" * MIB
    yield "a huge count", pb.Batch(version=1, gateway="gw-1", seq=1, count=2**32 - 1).SerializeToString()
    yield "float64s", b"\x0a" + struct.pack("<B", 127) * MIB


def _yamls() -> Iterator[tuple[str, str]]:
    laughs = ["a: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    laughs += [f"b{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 12)]
    yield "a billion laughs", "\n".join(laughs)
    yield "aliases", "a: &a {x: 1}\nrules: [" + "*a, " * (MIB // 4) + "]"
    yield "aliases of a wide list", "a: &a [" + "1," * 9000 + "]\nb: [" + "*a," * (MIB // 4) + "]"
    yield "deep in flow", "a: " + "[" * 500_000 + "]" * 500_000
    yield "deep in blocks", "\n".join(" " * i + "a:" for i in range(1400))
    yield "deep dashes", "- " * (MIB // 2)
    yield "a wide list", "rules: [" + "1," * (MIB // 2) + "]"
    yield "a wide mapping", "".join(f"k{i}: 1\n" for i in range(MIB // 10))
    yield "a list of wrong rules", "rules:\n" + "- {}\n" * (MIB // 5)
    yield "long wrong rules", "rules:\n" + "- {id: 1, x: 2}\n" * (MIB // 16)
    yield "wrong words", "rules: [{id: a, channels: [" + "xx," * (MIB // 3) + "]}]"
    yield "wrong devices", "gateways: [{id: g, buses: [{id: b, devices: [" + "{}, " * (MIB // 4) + "]}]}]"
    yield (
        "good rules",
        "rules:\n" + "".join(f"- {{id: r{i}, station_kind: street, levels: {{red: 1}}}}\n" for i in range(MIB // 52)),
    )
    devices = ", ".join(f"{{id: d{i}, model: m, unit: 1}}" for i in range(MIB // 32))
    yield (
        "good devices",
        f"gateways: [{{id: g, buses: [{{id: b, kind: modbus_rtu, address: a, devices: [{devices}]}}]}}]",
    )
    yield (
        "addresses",
        "gateway: g\ncatalogue: c\ndata_dir: d\naddresses:\n" + "".join(f" k{i}: 1\n" for i in range(MIB // 11)),
    )
    yield "a repeated key", "a: 1\n" * (MIB // 5)
    yield "anchors", "".join(f"- &a{i} 1\n" for i in range(MIB // 12))
    yield "keys that are lists", "? [a]\n" * (MIB // 6)
    yield "documents", "---\n" * (MIB // 4)
    yield "a word", "description: " + "x" * MIB
    yield "a number", "period_s: " + "9" * MIB
    yield "comments", "# x\n" * (MIB // 4)
    yield "sexagesimal", "a: " + "1:" * (MIB // 2) + "1"


def measure(target: Target, data: bytes) -> tuple[int, float]:
    """(growth of the peak resident set in bytes, seconds) of a child that takes this one input."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            before, began = _peak(), time.monotonic()
            target.check(data)
            os.write(write_end, json.dumps([_peak() - before, time.monotonic() - began]).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    if not said:
        raise AssertionError(f"{target.name} died")
    grown, took_s = json.loads(said)
    return int(grown), float(took_s)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    logging.disable(logging.CRITICAL)
    for wanted in sys.argv[1:] or TARGETS:
        name, _, only = wanted.partition(":")
        target = TARGETS[name]
        target.check(target.inputs("corpus")[0].read_bytes())  # what is made once is no input's fault
        for hog, data in hogs(target):
            if only not in ("", hog):
                continue
            grown, took_s = measure(target, data)
            row = {"target": name, "hog": hog, "bytes": len(data), "grown": grown, "seconds": round(took_s, 2)}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
