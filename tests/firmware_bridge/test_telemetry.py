"""Our nodes' frames: golden bytes, noise, and what the reader makes of both."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.framing import MAX_PAYLOAD_BYTES, Fault, Frame, FrameFault, FrameReader, encode_frame
from firmware_bridge.telemetry import NodeError, Sample, Telemetry, decode_telemetry, encode_telemetry
from tests.memory import kept_bytes

TELEMETRY = Telemetry(3, 7, 3600, 3.61, (Sample(0, 0.127), Sample(60, math.nan)))
GOLDEN = bytes.fromhex("08011003180720901c289a1c320310fe013204083c1801")


def test_golden_bytes() -> None:
    """Nodes in the street are seldom re-flashed: these bytes must not change."""
    assert encode_telemetry(TELEMETRY) == GOLDEN
    assert encode_frame(b"\x01\x00\x02").hex() == "02010402177200"


def test_telemetry_survives_the_way() -> None:
    back = decode_telemetry(encode_telemetry(TELEMETRY))
    assert (back.node, back.sequence, back.uptime_s, back.battery_v) == (3, 7, 3600, 3.61)
    assert back.samples[0] == Sample(0, 0.127)
    assert math.isnan(back.samples[1].depth_m)


@pytest.mark.parametrize(
    ("payload", "said"),
    [(b"\xff", "not a telemetry message"), (b"", "version 0"), (b"\x08\x02", "version 2"), (b"\x08\x01", "0 samples")],
)
def test_what_is_no_telemetry_is_named(payload: bytes, said: str) -> None:
    with pytest.raises(NodeError, match=said):
        decode_telemetry(payload)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=MAX_PAYLOAD_BYTES), max_size=6), st.integers(1, 40))
def test_frames_come_out_however_the_line_cuts_them(payloads: list[bytes], step: int) -> None:
    line = b"".join(encode_frame(p) for p in payloads)
    reader = FrameReader()
    events = [e for i in range(0, len(line), step) for e in reader.feed(line[i : i + step])]
    assert events == [Frame(p) for p in payloads]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.binary(min_size=1, max_size=50))
def test_after_any_noise_the_frame_after_next_zero_is_read(noise: bytes, payload: bytes) -> None:
    events = list(FrameReader().feed(noise + b"\0" + encode_frame(payload)))
    assert events[-1] == Frame(payload)


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=60), st.integers(0, 10_000), st.integers(0, 7))
def test_one_flipped_bit_never_passes_as_a_frame(payload: bytes, place: int, bit: int) -> None:
    line = bytearray(encode_frame(payload)[:-1])
    line[place % len(line)] ^= 1 << bit
    assert Frame(payload) not in list(FrameReader().feed(bytes(line) + b"\0"))


def test_each_fault_has_its_name_and_memory_stays_small() -> None:
    reader = FrameReader()
    bad_crc = bytearray(encode_frame(b"hello"))
    bad_crc[2] ^= 0x01
    assert list(reader.feed(bytes(bad_crc))) == [Fault(FrameFault.BAD_CRC, len(bad_crc) - 1)]
    assert list(reader.feed(b"\x05\x01\0")) == [Fault(FrameFault.BAD_COBS, 2)]
    assert list(reader.feed(b"\x02\x01\0")) == [Fault(FrameFault.SHORT, 2)]
    noise = b"\x07" * 1000
    with kept_bytes() as kept:
        for _ in range(1000):
            assert list(reader.feed(noise)) == []
            assert kept() < 20 * MAX_PAYLOAD_BYTES  # of a million bytes
    assert list(reader.feed(b"\0")) == [Fault(FrameFault.OVERSIZED, 1_000_000)]
    assert list(reader.feed(encode_frame(b"next"))) == [Frame(b"next")]
