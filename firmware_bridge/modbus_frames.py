"""Modbus questions and frames, without I/O: questions <-> bytes, and what stands in bytes that came.

Three framings, each a `Framing`: RTU and ASCII (Modbus over serial line V1.02, 2.5) and that of TCP (Modbus messaging
on TCP/IP V1.0b, 3.1.3). The bytes of a line are not polite: a reply is looked for wherever it begins, and `explain`
says what else is there: frames of others, damaged frames, noise.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

READ_FUNCTIONS = (1, 2, 3, 4)
_OF_BITS = (1, 2)
_TCP_HEAD = struct.Struct(">HHHB")  # transaction, protocol, length, unit
_SHORT_REQUESTS = (5, 6)  # writes of one coil or register: request and reply are alike
_LONG_REQUESTS = (15, 16)


@dataclass(frozen=True, slots=True)
class Question:
    """Please read `count` words (bits, of functions 1 and 2) from `address` on.

    answers_as: the unit that the reply names, where that is another one than was asked. replies_from: the unit that it
    names. pdu: function and data, as in V1.1b3, 6.1 to 6.4. data_bytes: how many bytes of data its reply carries.
    """

    unit: int
    function: int
    address: int
    count: int
    answers_as: int | None = None
    replies_from: int = field(init=False, compare=False, repr=False)
    pdu: bytes = field(init=False, compare=False, repr=False)
    data_bytes: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        of_bits = self.function in _OF_BITS
        object.__setattr__(self, "replies_from", self.unit if self.answers_as is None else self.answers_as)
        object.__setattr__(self, "pdu", struct.pack(">BHH", self.function, self.address, self.count))
        object.__setattr__(self, "data_bytes", -(-self.count // 8) if of_bits else 2 * self.count)

    def fits(self, pdu: bytes) -> bool:
        """Whether a reply's function and data may answer it: so many words, or an exception."""
        if len(pdu) == 2 and pdu[0] == self.function | 0x80:
            return True
        return len(pdu) == 2 + self.data_bytes and pdu[0] == self.function and pdu[1] == self.data_bytes

    def words(self, pdu: bytes) -> list[int]:
        """The words, or bits, of a reply that fits and is no exception."""
        if self.function in _OF_BITS:
            return [pdu[2 + n // 8] >> n % 8 & 1 for n in range(self.count)]
        return list(struct.unpack(f">{self.count}H", pdu[2:]))


class Frame(NamedTuple):
    """A whole frame, from byte `start` to before `end` of what came. number: its transaction, where it has one."""

    unit: int
    pdu: bytes
    number: int | None
    start: int
    end: int

    @property
    def is_question(self) -> bool:
        """Whether it reads like a master's question for words or bits; a reply of three bytes of bits does not."""
        return (
            len(self.pdu) == 5 and self.pdu[0] in READ_FUNCTIONS and not (self.pdu[0] in _OF_BITS and self.pdu[1] == 3)
        )


class Explained(NamedTuple):
    """What bytes hold: frames, stretches that look like the reply but for their checksum, and what is neither.

    noise: bytes of no frame, those of damaged ones left out.
    """

    frames: tuple[Frame, ...] = ()
    damaged: int = 0
    noise: int = 0


class Framing(Protocol):
    """How a unit and a PDU become bytes, and are found again."""

    @property
    def numbered(self) -> bool:
        """Whether a reply says by a number which question it answers."""
        ...

    def encode(self, unit: int, pdu: bytes, number: int = 0) -> bytes:
        """The bytes of a frame."""
        ...

    def find(self, data: bytes, question: Question) -> Frame | None:
        """The first frame that may be the question's reply, wherever it stands; whole ones only."""
        ...

    def begun(self, data: bytes, question: Question) -> bool:
        """Whether the data end within what may become the reply."""
        ...

    def explain(self, data: bytes, question: Question | None = None) -> Explained:
        """What the data hold once nothing more comes. question: the open one, whose damaged reply is told apart."""
        ...


class RtuFraming:
    """unit, PDU, CRC-16 with its low byte first. Nothing in the bytes says where a frame begins: its checksum does."""

    numbered = False

    def encode(self, unit: int, pdu: bytes, number: int = 0) -> bytes:
        """See `Framing.encode`."""
        del number
        body = bytes((unit,)) + pdu
        return body + _crc(body)

    def find(self, data: bytes, question: Question) -> Frame | None:
        """See `Framing.find`: by unit, function and length, then by the checksum."""
        for start in _starts(data, question):
            frame = _rtu_frame(data, start, 3 if data[start + 1] & 0x80 else 3 + question.data_bytes)
            if frame is not None and question.fits(frame.pdu):
                return frame
        return None

    def begun(self, data: bytes, question: Question) -> bool:
        """See `Framing.begun`."""
        head = bytes((question.replies_from, question.function, question.data_bytes))
        for start in range(max(len(data) - 4 - question.data_bytes, 0), len(data)):
            if head.startswith(data[start : start + 3]):
                return True
        return False

    def explain(self, data: bytes, question: Question | None = None) -> Explained:
        """See `Framing.explain`: from the left, the longest that is whole at each place."""
        frames: list[Frame] = []
        damaged = noise = at = 0
        while at < len(data):
            frame = next((f for n in _rtu_lengths(data, at) if (f := _rtu_frame(data, at, n)) is not None), None)
            if frame is not None:
                frames.append(frame)
                at = frame.end
            elif question is not None and _looks_like(data[at:], question):
                damaged += 1
                at += 5 + question.data_bytes
            else:
                noise += 1
                at += 1
        return Explained(tuple(frames), damaged, noise)


class AsciiFraming:
    """':' + hexadecimal of unit, PDU and LRC + CR LF, of seven data bits."""

    numbered = False

    def encode(self, unit: int, pdu: bytes, number: int = 0) -> bytes:
        """See `Framing.encode`."""
        del number
        body = bytes((unit,)) + pdu
        return b":" + (body + bytes((_lrc(body),))).hex().upper().encode() + b"\r\n"

    def find(self, data: bytes, question: Question) -> Frame | None:
        """See `Framing.find`."""
        frames = (f for f in _ascii_pieces(data) if isinstance(f, Frame))
        return next((f for f in frames if f.unit == question.replies_from and question.fits(f.pdu)), None)

    def begun(self, data: bytes, question: Question) -> bool:
        """See `Framing.begun`: whoever speaks after a colon."""
        del question
        return b"\r\n" not in data[max(data.rfind(b":"), 0) :] and b":" in data

    def explain(self, data: bytes, question: Question | None = None) -> Explained:
        """See `Framing.explain`; a damaged frame is one between colon and line end."""
        del question
        pieces = list(_ascii_pieces(data))
        frames = tuple(p for p in pieces if isinstance(p, Frame))
        spoilt = [p for p in pieces if not isinstance(p, Frame)]
        return Explained(frames, len(spoilt), len(data) - sum(f.end - f.start for f in frames) - sum(spoilt))


class TcpFraming:
    """transaction, protocol 0, length, unit, then the PDU without a checksum."""

    numbered = True

    def encode(self, unit: int, pdu: bytes, number: int = 0) -> bytes:
        """See `Framing.encode`."""
        return _TCP_HEAD.pack(number, 0, len(pdu) + 1, unit) + pdu

    def find(self, data: bytes, question: Question) -> Frame | None:
        """See `Framing.find`. 255 and 0 both mean the device that has the port to itself."""
        own = question.replies_from
        units = (0, 255) if own in (0, 255) else (own,)
        return next((f for f in _tcp_frames(data) if f.unit in units and question.fits(f.pdu)), None)

    def begun(self, data: bytes, question: Question) -> bool:
        """See `Framing.begun`."""
        del question
        return bool(data) and sum(f.end - f.start for f in _tcp_frames(data)) < len(data)

    def explain(self, data: bytes, question: Question | None = None) -> Explained:
        """See `Framing.explain`; nothing here can be damaged unseen, so what is no frame is noise."""
        del question
        if (only := _tcp_frame(data, 0)) is not None and only.end == len(data):
            return Explained((only,))
        frames = tuple(_tcp_frames(data))
        return Explained(frames, 0, len(data) - sum(f.end - f.start for f in frames))


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


# CRC-16/MODBUS (Modbus over serial line V1.02, 6.2.2), by bytes; crccheck's takes eight times as long, and among noise
# many places are tried.
_CRC = tuple(_crc_of(n) for n in range(256))


def _crc(body: bytes) -> bytes:
    value = 0xFFFF
    for byte in body:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def _lrc(body: bytes) -> int:
    return -sum(body) & 0xFF


def _starts(data: bytes, question: Question) -> Iterator[int]:
    """Where a reply to the question, or its refusal, may begin."""
    unit, function = question.replies_from, question.function
    at = data.find(unit)
    while 0 <= at < len(data) - 4:
        if data[at + 1] == function | 0x80 or (data[at + 1] == function and data[at + 2] == question.data_bytes):
            yield at
        at = data.find(unit, at + 1)


def _rtu_frame(data: bytes, start: int, body_bytes: int) -> Frame | None:
    """The frame of so many bytes of unit and PDU, when it is there and whole."""
    end = start + body_bytes + 2
    if end > len(data) or _crc(data[start : end - 2]) != data[end - 2 : end]:
        return None
    return Frame(data[start], data[start + 1 : end - 2], None, start, end)


def _rtu_lengths(data: bytes, at: int) -> list[int]:
    """How many bytes of unit and PDU a frame that begins here may have, the longest first; [] when none can."""
    if at + 4 > len(data) or data[at] > 247:
        return []
    function, third = data[at + 1], data[at + 2]
    if function & 0x80:
        return [3] if 0 < function & 0x7F < 0x80 else []
    lengths = [6]
    if function in READ_FUNCTIONS:
        lengths.append(3 + third)
    elif function in _LONG_REQUESTS and at + 6 < len(data):
        lengths.append(7 + data[at + 6])
    elif function not in _SHORT_REQUESTS:
        return []
    return sorted({n for n in lengths if n > 3}, reverse=True)


def _looks_like(data: bytes, question: Question) -> bool:
    """A reply of the right length whose checksum is wrong: most of its head is right, however it was bent."""
    if len(data) < 5 + question.data_bytes:
        return False
    head = (question.replies_from, question.function, question.data_bytes)
    return sum(a == b for a, b in zip(data[:3], head, strict=True)) >= 2


def _ascii_pieces(data: bytes) -> Iterator[Frame | int]:
    """Frames, and of what stands between a colon and a line end and is none its number of bytes."""
    start = data.find(b":")
    while start >= 0:
        end = data.find(b"\r\n", start)
        if end < 0:
            return
        start = data.rfind(b":", start, end)
        try:
            body = bytes.fromhex(bytes(b & 0x7F for b in data[start + 1 : end]).decode())
        except ValueError:
            body = b""
        if len(body) >= 3 and sum(body) & 0xFF == 0:
            yield Frame(body[0], body[1:-1], None, start, end + 2)
        else:
            yield end + 2 - start
        start = data.find(b":", end)


def _tcp_frames(data: bytes) -> Iterator[Frame]:
    """Whole frames one behind the other; what is none ends them, for nothing says where the next one begins."""
    at = 0
    while (frame := _tcp_frame(data, at)) is not None:
        yield frame
        at = frame.end


def _tcp_frame(data: bytes, at: int) -> Frame | None:
    if at + 8 > len(data):
        return None
    number, protocol, length, unit = _TCP_HEAD.unpack_from(data, at)
    end = at + 6 + length
    if protocol != 0 or not 2 <= length <= 254 or end > len(data):
        return None
    return Frame(unit, data[at + 7 : end], number, at, end)
