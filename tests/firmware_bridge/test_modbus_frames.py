"""Questions and frames: as the specifications print them, wherever they stand, and told apart from noise."""

from __future__ import annotations

import pytest
from crccheck.crc import CrcModbus
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.modbus_frames import AsciiFraming, Framing, Question, RtuFraming, TcpFraming

RTU, ASCII, TCP = RtuFraming(), AsciiFraming(), TcpFraming()
Q = Question(unit=4, function=3, address=0, count=2)
PDU = bytes.fromhex("03040006 0005".replace(" ", ""))


def test_bytes_are_those_of_the_specifications() -> None:
    assert Question(1, 3, 0x6B, 3).pdu == bytes.fromhex("03006b0003")  # V1.1b3, 6.3
    assert RTU.encode(4, Question(4, 3, 0, 1).pdu) == bytes.fromhex("04030000000184 5f".replace(" ", ""))
    assert ASCII.encode(0xF7, bytes.fromhex("031389000A")) == b":F7031389000A60\r\n"
    assert TCP.encode(1, bytes.fromhex("0300040001"), 0x1501) == bytes.fromhex("150100000006010300040001")


@given(st.binary(max_size=40))
def test_the_checksum_is_crc_16_modbus(body: bytes) -> None:
    assert RTU.encode(1, body)[-2:] == CrcModbus.calc(b"\1" + body).to_bytes(2, "little")


@pytest.mark.parametrize("framing", [RTU, ASCII, TCP])
def test_a_reply_gives_its_words_and_a_refusal_fits(framing: Framing) -> None:
    found = framing.find(framing.encode(4, PDU, 7), Q)
    assert found is not None
    assert (found.unit, found.pdu, Q.words(found.pdu)) == (4, PDU, [6, 5])
    refusal = framing.find(framing.encode(4, b"\x83\x02"), Q)
    assert refusal is not None
    assert refusal.pdu == b"\x83\x02"
    for other in (b"\x03\x02\0\1", b"\x04\x04\0\6\0\5", b"\x84\x02"):
        assert framing.find(framing.encode(4, other), Q) is None
    assert framing.find(framing.encode(5, PDU), Q) is None
    assert framing.find(framing.encode(4, PDU)[:-1], Q) is None


def test_bits_come_lowest_first() -> None:
    q = Question(1, 1, 19, 19)  # V1.1b3, 6.1
    assert q.words(bytes.fromhex("0103cd6b05")) == [int(b) for b in "1011001111010110101"]


@pytest.mark.parametrize("unit", [1, 4])
@pytest.mark.parametrize("noise", [b"\0", b"\xff", b"\0\xff\1\3\4", b"\4\3\4"])
def test_a_reply_is_found_behind_noise_and_the_noise_is_counted(noise: bytes, unit: int) -> None:
    q = Question(unit, 3, 0, 2)
    data = noise + RTU.encode(unit, PDU)
    found = RTU.find(data, q)
    assert found is not None
    assert (found.start, found.end, found.pdu) == (len(noise), len(data), PDU)
    told = RTU.explain(data[: found.start], q)
    assert (told.frames, told.damaged, told.noise) == ((), 0, len(noise))


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_reply_is_found_in_whatever_stands_around_it(before: bytes, behind: bytes) -> None:
    for framing in (RTU, ASCII):
        found = framing.find(before + framing.encode(4, PDU) + behind, Q)
        assert found is not None


@given(st.binary(max_size=300), st.sampled_from([RTU, ASCII, TCP]))
def test_whatever_comes_is_explained_to_its_last_byte(data: bytes, framing: Framing) -> None:
    told = framing.explain(data, Q)
    assert 0 <= told.noise <= len(data)
    assert all(data[f.start : f.end] for f in told.frames)


def test_what_is_no_answer_is_told_apart() -> None:
    reply = RTU.encode(4, PDU)
    bent = bytes((*reply[:4], reply[4] ^ 8, *reply[5:]))
    assert RTU.explain(bent, Q).damaged == 1
    asked = RTU.encode(9, Question(9, 3, 4, 2).pdu)
    told = RTU.explain(asked + RTU.encode(9, PDU) + b"\0", Q)
    assert [(f.unit, f.is_question) for f in told.frames] == [(9, True), (9, False)]
    assert told.noise == 1
    assert ASCII.explain(b":0403040006000500\r\n", Q).damaged == 1
    assert TCP.explain(b"\1\2\3", Q).noise == 3


def test_a_reply_that_has_begun_is_known() -> None:
    reply = RTU.encode(4, PDU)
    assert all(RTU.begun(b"\xff" + reply[:n], Q) for n in range(1, len(reply)))
    assert not RTU.begun(b"\xff\x01\x09", Q)
    assert ASCII.begun(b":0403", Q)
    assert not ASCII.begun(b"0403", Q)
    assert TCP.begun(TCP.encode(4, PDU)[:5], Q)
