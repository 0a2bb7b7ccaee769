"""Batches, births and acknowledgements <-> bytes (messages of wire.proto, version 1).

Encoding is lossless: values go as int32 thousandths when every value of the
batch survives that exactly, else as float32, else as float64.

Decoding trusts nothing: every length is bounded before anything is built, and
what does not fit raises `WireError` with an enumerated reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TypeVar

import numpy as np
from google.protobuf.message import DecodeError

from contract import wire_pb2 as pb
from contract.readings import FLAG_VALUES, Float64s, Int64s, ReadingBatch

VERSION = 1
MAX_PAYLOAD_BYTES = 256 * 1024
MAX_READINGS = 8_192
MAX_SEQ = 2**63 - 1  # what SQLite holds; a number above it is forged
MAX_ACKED_SEQS = 16_384
_M = TypeVar("_M", pb.Birth, pb.Ack, pb.GatewayState)
_NAN_MILLI = np.int32(-(2**31))
_FLAG_OK = np.zeros(256, dtype=np.bool_)
_FLAG_OK[list(FLAG_VALUES)] = True


class Lane(IntEnum):
    """Which queue of the link a batch travels in."""

    LIVE = 0
    ALARM = 1
    HISTORY = 2


class RefusalReason(StrEnum):
    """Why a batch is not stored as readings; the same words in logs, metrics and acknowledgements."""

    OVERSIZED = "oversized"
    TRUNCATED = "truncated"
    UNKNOWN_VERSION = "unknown_version"
    WRONG_GATEWAY = "wrong_gateway"
    UNKNOWN_GATEWAY = "unknown_gateway"
    FOREIGN_CHANNEL = "foreign_channel"
    UNKNOWN_FLAG = "unknown_flag"
    TIME_PAST = "time_past"
    TIME_FUTURE = "time_future"
    NOT_A_NUMBER = "not_a_number"
    BAD_TOPIC = "bad_topic"
    NO_IDENTITY = "no_identity"  # never issued, expired or revoked
    CLOCK_UNSYNCHRONISED = "clock_unsynchronised"


class WireError(ValueError):
    """Bytes that are not a valid message; `reason` says which way."""

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class WireBatch:
    """One numbered batch of one gateway's spool."""

    gateway: str
    spool: int
    seq: int
    lane: Lane
    readings: ReadingBatch
    clock_synchronised: bool = True


@dataclass(frozen=True, slots=True)
class Birth:
    """What an agent says of itself at each connect.

    floor: every sequence below it is settled: durable in the cloud, or given up and counted; 0 says nothing.
    asked_ms: the agent's monotonic ms, repeated in the answer.
    """

    gateway: str
    spool: int
    next_seq: int
    agent_version: str
    started_ms: int
    floor: int = 0
    asked_ms: int = 0


@dataclass(frozen=True, slots=True)
class Ack:
    """Exactly what is durable of one spool: all up to `prefix`, and `seqs`.

    refused: seq -> reason; kept aside by the cloud, never to be sent again.
    cloud_ms: the cloud's UTC ms as it answered the birth or state sent at `asked_ms`; both 0 in other answers.
    """

    spool: int
    prefix: int
    seqs: tuple[int, ...] = ()
    refused: Mapping[int, str] | None = None
    cloud_ms: int = 0
    asked_ms: int = 0


# --- batches ---------------------------------------------------------------------------------------------------------


def encode_batch(batch: WireBatch) -> bytes:
    """Raises ValueError when the batch is empty, too long, or spans more than 24 days (split it)."""
    r = batch.readings
    if not 0 < len(r) <= MAX_READINGS:
        raise ValueError(f"a batch carries 1 to {MAX_READINGS} readings, not {len(r)}")
    base = int(r.time_ms.min())
    delta = r.time_ms - base
    if int(delta.max()) >= 2**31:
        raise ValueError("a batch spans less than 24 days: split it by time")
    low = int(r.channel.min())
    offset = r.channel - np.uint32(low)
    encoding, value = _encode_values(r.value)
    message = pb.Batch(
        version=VERSION,
        gateway=batch.gateway,
        spool=batch.spool,
        seq=batch.seq,
        lane=int(batch.lane),  # type: ignore[arg-type]  # enums are ints to protobuf's stubs
        clock_unsynchronised=not batch.clock_synchronised,
        count=len(r),
        base_time_ms=base,
        time_delta_ms=delta.astype("<i4").tobytes(),
        channel_base=low,
        channel_delta=offset.astype("<u2" if int(offset.max()) < 2**16 else "<u4").tobytes(),
        value_encoding=encoding,
        value=value,
        flag=r.flag.tobytes(),
    )
    return message.SerializeToString()


def decode_batch(payload: bytes) -> WireBatch:
    """Raises WireError."""
    message = parse_batch(payload)
    return WireBatch(
        message.gateway,
        message.spool,
        message.seq,
        Lane(message.lane),
        columns([message]),
        not message.clock_unsynchronised,
    )


def parse_batch(payload: bytes) -> pb.Batch:
    """The checked message, its columns not yet built: `columns` does that for many at once.

    Raises WireError (OVERSIZED, TRUNCATED, UNKNOWN_VERSION).
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError(RefusalReason.OVERSIZED, f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES}")
    try:
        m = pb.Batch.FromString(payload)
    except DecodeError as error:
        raise WireError(RefusalReason.TRUNCATED, "not a protobuf message") from error
    if m.version != VERSION:
        raise WireError(RefusalReason.UNKNOWN_VERSION, f"version {m.version}, this side speaks {VERSION}")
    n = m.count
    if n > MAX_READINGS:
        raise WireError(RefusalReason.OVERSIZED, f"{n} readings, at most {MAX_READINGS}")
    width = 4 if m.value_encoding != pb.VALUE_FLOAT64 else 8
    if (
        n == 0
        or not m.gateway
        or not 0 < m.seq <= MAX_SEQ
        or m.lane not in (0, 1, 2)
        or m.value_encoding not in (0, 1, 2)
        or len(m.time_delta_ms) != 4 * n
        or len(m.channel_delta) not in (2 * n, 4 * n)
        or len(m.value) != width * n
        or len(m.flag) != n
    ):
        raise WireError(RefusalReason.TRUNCATED, f"columns do not hold {n} readings")
    return m


def columns(messages: Sequence[pb.Batch]) -> ReadingBatch:
    """The readings of many parsed messages, end to end, decoded in one sweep.

    Raises WireError(UNKNOWN_FLAG), WireError(TRUNCATED) on a channel number above 2^32.
    """
    if not messages:
        return ReadingBatch.empty()
    counts = np.fromiter((m.count for m in messages), np.int64, len(messages))
    base_time = np.fromiter((m.base_time_ms for m in messages), np.int64, len(messages))
    base_channel = np.fromiter((m.channel_base for m in messages), np.int64, len(messages))
    time_ms = np.frombuffer(b"".join([m.time_delta_ms for m in messages]), "<i4") + np.repeat(base_time, counts)
    channel = _channels(messages) + np.repeat(base_channel, counts)
    if channel.size and int(channel.max()) >= 2**32:
        raise WireError(RefusalReason.TRUNCATED, "a channel number above 2^32")
    flag = np.frombuffer(b"".join([m.flag for m in messages]), np.uint8)
    if not _FLAG_OK[flag].all():
        raise WireError(RefusalReason.UNKNOWN_FLAG, f"flags are {FLAG_VALUES}")
    return ReadingBatch(time_ms, channel.astype(np.uint32), _values(messages), flag)


def _channels(messages: Sequence[pb.Batch]) -> Int64s:
    narrow = [len(m.channel_delta) == 2 * m.count for m in messages]
    if all(narrow):
        return np.frombuffer(b"".join([m.channel_delta for m in messages]), "<u2").astype(np.int64)
    return np.concatenate(
        [
            np.frombuffer(m.channel_delta, "<u2" if n else "<u4").astype(np.int64)
            for m, n in zip(messages, narrow, strict=True)
        ]
    )


def _values(messages: Sequence[pb.Batch]) -> Float64s:
    first = messages[0].value_encoding
    if all(m.value_encoding == first for m in messages):
        return _decode_values(first, b"".join([m.value for m in messages]))
    return np.concatenate([_decode_values(m.value_encoding, m.value) for m in messages])


def _encode_values(value: Float64s) -> tuple[pb.ValueEncoding, bytes]:
    nan = np.isnan(value)
    with np.errstate(invalid="ignore", over="ignore"):
        milli = np.rint(value * 1000)
        if bool((nan | ((np.abs(milli) < 2**31 - 1) & (milli / 1000 == value))).all()):
            return pb.VALUE_MILLI, np.where(nan, _NAN_MILLI, milli).astype("<i4").tobytes()
        single = value.astype("<f4")
    if bool((nan | (single == value)).all()):
        return pb.VALUE_FLOAT32, single.tobytes()
    return pb.VALUE_FLOAT64, value.astype("<f8").tobytes()


def _decode_values(encoding: int, data: bytes) -> Float64s:
    if encoding == pb.VALUE_MILLI:
        milli = np.frombuffer(data, "<i4")
        value = milli / 1000.0
        missing = milli == _NAN_MILLI
        if missing.any():
            value[missing] = np.nan
        return value
    if encoding == pb.VALUE_FLOAT32:
        return np.frombuffer(data, "<f4").astype(np.float64)
    return np.frombuffer(data, "<f8").astype(np.float64)


# --- births and acknowledgements -------------------------------------------------------------------------------------


def encode_birth(birth: Birth) -> bytes:
    return pb.Birth(
        version=VERSION,
        gateway=birth.gateway,
        spool=birth.spool,
        next_seq=birth.next_seq,
        agent_version=birth.agent_version,
        started_ms=birth.started_ms,
        floor=birth.floor,
        asked_ms=birth.asked_ms,
    ).SerializeToString()


def decode_birth(payload: bytes) -> Birth:
    """Raises WireError."""
    m = parse_message(pb.Birth, payload)
    return Birth(m.gateway, m.spool, m.next_seq, m.agent_version, m.started_ms, m.floor, m.asked_ms)


def encode_ack(ack: Ack) -> bytes:
    """Raises ValueError above MAX_ACKED_SEQS listed sequences."""
    if len(ack.seqs) > MAX_ACKED_SEQS:
        raise ValueError(f"an acknowledgement lists at most {MAX_ACKED_SEQS} sequences: send several")
    refused = [pb.Refusal(seq=s, reason=r) for s, r in (ack.refused or {}).items()]
    return pb.Ack(
        version=VERSION,
        spool=ack.spool,
        prefix=ack.prefix,
        seqs=ack.seqs,
        refused=refused,
        cloud_ms=ack.cloud_ms,
        asked_ms=ack.asked_ms,
    ).SerializeToString()


def decode_ack(payload: bytes) -> Ack:
    """Raises WireError."""
    m = parse_message(pb.Ack, payload)
    if len(m.seqs) > MAX_ACKED_SEQS or len(m.refused) > MAX_ACKED_SEQS:
        raise WireError(RefusalReason.OVERSIZED, f"more than {MAX_ACKED_SEQS} sequences")
    refused = {r.seq: r.reason for r in m.refused}
    return Ack(m.spool, m.prefix, tuple(m.seqs), refused, m.cloud_ms, m.asked_ms)


def parse_message(kind: type[_M], payload: bytes) -> _M:
    """The message, its size and version checked, its content not. Raises WireError."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError(RefusalReason.OVERSIZED, f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES}")
    try:
        message = kind.FromString(payload)
    except DecodeError as error:
        raise WireError(RefusalReason.TRUNCATED, "not a protobuf message") from error
    if message.version != VERSION:
        raise WireError(RefusalReason.UNKNOWN_VERSION, f"version {message.version}, this side speaks {VERSION}")
    return message


def time_span_ms(readings: ReadingBatch) -> tuple[int, int]:
    """First and last time of a non-empty batch."""
    t: Int64s = readings.time_ms
    return int(t.min()), int(t.max())
