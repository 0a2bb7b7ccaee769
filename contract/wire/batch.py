"""Batches <-> bytes, and what all messages of wire.proto (version 1) have in common.

The others stand in modules of their own: `contract.wire.birth`, `contract.wire.ack`, `contract.wire.state`.

Encoding is lossless: values go as int32 thousandths when every value of the
batch survives that exactly, else as float32, else as float64.

Decoding trusts nothing: every length is bounded before anything is built, and
what does not fit raises `WireError` with an enumerated reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contract.readings import FLAG_VALUES, Float64s, Int64s, ReadingBatch
from contract.wire import wire_pb2 as pb
from contract.wire.envelope import MAX_SEQ, VERSION, Lane, RefusalReason, WireError, parse_message

MAX_READINGS = 8_192
_NAN_MILLI = np.int32(-(2**31))
_FLAG_OK = np.zeros(256, dtype=np.bool_)
_FLAG_OK[list(FLAG_VALUES)] = True


# --- batches ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WireBatch:
    """One numbered batch of one gateway's spool. simulated: whether it is of no real place; None: it does not say."""

    gateway: str
    spool: int
    seq: int
    lane: Lane
    readings: ReadingBatch
    clock_synchronised: bool = True
    simulated: bool | None = None


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
        simulated=batch.simulated,
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
        said_simulated(message),
    )


def said_simulated(message: pb.Batch) -> bool | None:
    """Whether its readings are of no real place; None: it does not say, as no batch of an earlier release does."""
    return message.simulated if message.HasField("simulated") else None


def parse_batch(payload: bytes) -> pb.Batch:
    """The checked message, its columns not yet built: `columns` does that for many at once.

    Raises WireError (OVERSIZED, TRUNCATED, UNKNOWN_VERSION).
    """
    m = parse_message(pb.Batch, payload)
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
