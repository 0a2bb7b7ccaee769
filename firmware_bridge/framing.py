"""Frames on a byte stream: COBS between zero bytes, CRC-16/XMODEM behind the payload. Bytes in, events out.

A frame on the line is `COBS(payload + crc, high byte first) 00`. Whatever noise
comes, the next zero byte starts anew: at most one good frame is lost with a bad one.
Sources: Cheshire and Baker, Consistent Overhead Byte Stuffing (1999); CRC-16/XMODEM: poly 1021, init 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from cobs import cobs
from crccheck.crc import Crc16Xmodem

MAX_PAYLOAD_BYTES = 512
_MAX_ENCODED_BYTES = MAX_PAYLOAD_BYTES + 2 + MAX_PAYLOAD_BYTES // 254 + 2


class FrameFault(StrEnum):
    """Why a stretch of the line was no frame."""

    BAD_COBS = "bad_cobs"
    BAD_CRC = "bad_crc"
    SHORT = "short"
    OVERSIZED = "oversized"


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that came whole; payload: without its CRC."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """A stretch of the line that held no frame; `length` bytes were dropped."""

    kind: FrameFault
    length: int


def encode_frame(payload: bytes) -> bytes:
    """The bytes for the line, with the zero byte that ends them. Raises ValueError above MAX_PAYLOAD_BYTES."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a frame carries at most {MAX_PAYLOAD_BYTES} bytes, not {len(payload)}")
    crc: int = Crc16Xmodem.calc(payload)
    encoded: bytes = cobs.encode(payload + crc.to_bytes(2, "big"))
    return encoded + b"\0"


class FrameReader:
    """Feed it what came; it yields `Frame` and `Fault`. Holds at most one frame's bytes."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._skipped = 0  # bytes of an oversized frame already dropped

    def feed(self, data: bytes) -> Iterator[Frame | Fault]:
        """What ended in these bytes, in its order; what has not ended yet is held for the next call."""
        *ended, rest = data.split(b"\0")
        for part in ended:
            self._hold(part)
            event = self._end()
            if event is not None:
                yield event
        self._hold(rest)

    def _hold(self, part: bytes) -> None:
        if self._skipped or len(self._held) + len(part) > _MAX_ENCODED_BYTES:
            self._skipped += len(self._held) + len(part)
            self._held.clear()
        else:
            self._held += part

    def _end(self) -> Frame | Fault | None:
        encoded, skipped = bytes(self._held), self._skipped
        self._held.clear()
        self._skipped = 0
        if skipped:
            return Fault(FrameFault.OVERSIZED, skipped)
        if not encoded:  # two zero bytes in a row: an idle line
            return None
        try:
            body: bytes = cobs.decode(encoded)
        except cobs.DecodeError:
            return Fault(FrameFault.BAD_COBS, len(encoded))
        if len(body) < 3:
            return Fault(FrameFault.SHORT, len(encoded))
        payload, crc = body[:-2], int.from_bytes(body[-2:], "big")
        if Crc16Xmodem.calc(payload) != crc:
            return Fault(FrameFault.BAD_CRC, len(encoded))
        return Frame(payload)
