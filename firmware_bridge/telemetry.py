"""Telemetry of our battery nodes (messages of node.proto, version 1) <-> bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from firmware_bridge import node_pb2 as pb

VERSION = 1
MAX_SAMPLES = 32


class NodeError(ValueError):
    """A frame whose payload is no telemetry; the message says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """age_s: how long before the frame it was taken; depth_m: NaN without an echo."""

    age_s: int
    depth_m: float


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One frame. node: its number. sequence: counts frames, wraps at 65,536. uptime_s: since the node started.
    battery_v: volts. samples: at most MAX_SAMPLES."""

    node: int
    sequence: int
    uptime_s: int
    battery_v: float
    samples: tuple[Sample, ...]


def encode_telemetry(t: Telemetry) -> bytes:
    """The payload of a frame: depth goes as whole millimetres, battery as millivolts (firmware_bridge/node.proto)."""
    samples = [
        pb.Sample(age_s=s.age_s, depth_missing=True)
        if math.isnan(s.depth_m)
        else pb.Sample(age_s=s.age_s, depth_mm=round(s.depth_m * 1000))
        for s in t.samples
    ]
    message = pb.Telemetry(
        version=VERSION,
        node=t.node,
        sequence=t.sequence & 0xFFFF,
        uptime_s=t.uptime_s,
        battery_mv=round(t.battery_v * 1000),
        samples=samples,
    )
    return message.SerializeToString()


def decode_telemetry(payload: bytes) -> Telemetry:
    """What a frame's payload says. Raises NodeError when it is no telemetry of this version, or holds no sample."""
    try:
        m = pb.Telemetry.FromString(payload)
    except DecodeError as error:
        raise NodeError("not a telemetry message") from error
    if m.version != VERSION:
        raise NodeError(f"telemetry version {m.version}, this side speaks {VERSION}")
    if not 0 < len(m.samples) <= MAX_SAMPLES:
        raise NodeError(f"{len(m.samples)} samples, expected 1 to {MAX_SAMPLES}")
    samples = tuple(Sample(s.age_s, math.nan if s.depth_missing else s.depth_mm / 1000) for s in m.samples)
    return Telemetry(m.node, m.sequence, m.uptime_s, m.battery_mv / 1000, samples)


def sent_ms(uptimes_s: Sequence[int], now_ms: int) -> list[int]:
    """When frames of one node that were read together at now_ms had been sent: the last of them now, those before it
    earlier by the node's own count, a second at least.

    uptimes_s: in the order of the frames. A count that falls is a start of the node; the frame before it is then at
    least the new count old.
    """
    out: list[int] = []
    at_ms, later_s = now_ms, None
    for uptime_s in reversed(uptimes_s):
        if later_s is not None:
            passed_s = later_s - uptime_s if uptime_s <= later_s else later_s
            at_ms -= max(passed_s, 1) * 1000
        out.append(at_ms)
        later_s = uptime_s
    return out[::-1]
