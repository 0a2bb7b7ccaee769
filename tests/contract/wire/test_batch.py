"""The wire format: lossless, bounded, and never anything but a named refusal for what it cannot take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.readings import FLAG_VALUES, ReadingBatch
from contract.wire import wire_pb2 as pb
from contract.wire.ack import Ack, decode_ack, encode_ack
from contract.wire.batch import MAX_READINGS, WireBatch, columns, decode_batch, encode_batch, parse_batch
from contract.wire.birth import Birth, decode_birth, encode_birth
from contract.wire.envelope import MAX_PAYLOAD_BYTES, Lane, RefusalReason, WireError

START_MS = 1_626_768_000_000

values = st.one_of(
    st.integers(-(2**31) + 1, 2**31 - 2).map(lambda n: n / 1000),
    st.floats(width=32, allow_infinity=False),
    st.floats(allow_nan=True, allow_infinity=True),
)


@st.composite
def batches(draw: st.DrawFn) -> WireBatch:
    n = draw(st.integers(1, 40))
    kind = draw(st.sampled_from([values, st.integers(-5000, 5000).map(lambda k: k / 1000)]))
    top = draw(st.sampled_from([50, 70_000, 2**32 - 1]))
    readings = ReadingBatch.of(
        [START_MS + draw(st.integers(0, 2**31 - 1)) for _ in range(n)],
        draw(st.lists(st.integers(1, top), min_size=n, max_size=n)),
        draw(st.lists(kind, min_size=n, max_size=n)),
        draw(st.lists(st.sampled_from(FLAG_VALUES), min_size=n, max_size=n)),
    )
    return WireBatch("gw-1", draw(st.integers(0, 2**64 - 1)), draw(st.integers(1, 2**63 - 1)), Lane.LIVE, readings)


def same(a: ReadingBatch, b: ReadingBatch) -> bool:
    return (
        np.array_equal(a.time_ms, b.time_ms)
        and np.array_equal(a.channel, b.channel)
        and np.array_equal(a.value, b.value, equal_nan=True)
        and np.array_equal(a.flag, b.flag)
    )


@settings(max_examples=150, deadline=None)
@given(batches())
def test_what_goes_in_comes_out_to_the_bit(batch: WireBatch) -> None:
    back = decode_batch(encode_batch(batch))
    assert (back.gateway, back.spool, back.seq, back.lane) == (batch.gateway, batch.spool, batch.seq, batch.lane)
    assert same(back.readings, batch.readings)


@settings(max_examples=60, deadline=None)
@given(st.lists(batches(), min_size=1, max_size=6))
def test_many_decoded_at_once_are_each_decoded(group: list[WireBatch]) -> None:
    joined = columns([parse_batch(encode_batch(b)) for b in group])
    assert same(joined, ReadingBatch.concat(b.readings for b in group))


def test_thousandths_take_eleven_bytes_a_reading() -> None:
    n = 100
    readings = ReadingBatch.of(START_MS + np.arange(n) * 1000, np.arange(n) + 100, np.arange(n) / 1000)
    assert len(encode_batch(WireBatch("gw-1", 1, 1, Lane.LIVE, readings))) < 11 * n + 60


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_noise_is_refused_by_name(payload: bytes) -> None:
    for decode in (decode_batch, decode_birth, decode_ack):
        try:
            decode(payload)
        except WireError as error:
            assert isinstance(error.reason, RefusalReason)


@settings(max_examples=100, deadline=None)
@given(batches(), st.data())
def test_a_cut_or_bent_batch_is_refused_or_whole(batch: WireBatch, data: st.DataObject) -> None:
    payload = bytearray(encode_batch(batch))
    cut = data.draw(st.integers(0, len(payload) - 1))
    bent = data.draw(st.integers(0, 255))
    payload[cut] ^= bent
    for mangled in (bytes(payload), bytes(payload[:cut])):
        try:
            decoded = decode_batch(mangled)
        except WireError:
            continue
        assert 0 < len(decoded.readings) <= MAX_READINGS


def message(**changes: object) -> bytes:
    fields = pb.Batch.FromString(
        encode_batch(WireBatch("gw-1", 1, 1, Lane.LIVE, ReadingBatch.of([START_MS], [5], [1.0])))
    )
    for name, value in changes.items():
        setattr(fields, name, value)
    return fields.SerializeToString()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"x" * (MAX_PAYLOAD_BYTES + 1), RefusalReason.OVERSIZED),
        (message(count=MAX_READINGS + 1), RefusalReason.OVERSIZED),
        (message(version=2), RefusalReason.UNKNOWN_VERSION),
        (message(count=2), RefusalReason.TRUNCATED),
        (message(count=0), RefusalReason.TRUNCATED),
        (message(seq=0), RefusalReason.TRUNCATED),
        (message(seq=2**63), RefusalReason.TRUNCATED),  # no database holds it
        (message(gateway=""), RefusalReason.TRUNCATED),
        (message(lane=7), RefusalReason.TRUNCATED),
        (message(channel_base=2**32 - 1, channel_delta=b"\x01\x00"), RefusalReason.TRUNCATED),
        (message(flag=b"\x05"), RefusalReason.UNKNOWN_FLAG),
    ],
)
def test_each_refusal_has_its_name(payload: bytes, reason: RefusalReason) -> None:
    with pytest.raises(WireError) as error:
        decode_batch(payload)
    assert error.value.reason is reason


def test_a_batch_that_spans_a_month_must_be_split() -> None:
    readings = ReadingBatch.of([START_MS, START_MS + 30 * 86_400_000], [1, 1], [1, 2])
    with pytest.raises(ValueError, match="split"):
        encode_batch(WireBatch("gw-1", 1, 1, Lane.LIVE, readings))


def test_births_and_acknowledgements_survive_the_way() -> None:
    birth = Birth("gw-1", 7, 12, "0.1.0", START_MS)
    assert decode_birth(encode_birth(birth)) == birth
    ack = Ack(7, 10, (12, 15), {11: "foreign_channel"})
    assert decode_ack(encode_ack(ack)) == ack


def test_golden_bytes() -> None:
    """Gateways in the street speak version 1 for years: these bytes must not change."""
    readings = ReadingBatch.of([START_MS, START_MS + 1000], [101, 102], [0.25, float("nan")], [1, 9])
    golden = encode_batch(WireBatch("gw-1", 258, 3, Lane.ALARM, readings))
    assert golden.hex() == (
        "0801120467772d31190201000000000000200328013802408090eeaed85e4a0800000000e8030000"
        "50655a04000001006a08fa0000000000008072020109"
    )
