"""What goes over a Modbus line, frame by frame with its meaning, for a technician who listens in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from firmware_bridge.modbus_frames import Frame, Framing, Question

# What went over the line: sent or received, and what it means; plain values.
Tapped = Callable[[Mapping[str, Any]], None]

_QUIET_S = 0.1  # what has come and is no whole frame by then is none
_MOST_HELD = 1024
_TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
EXCEPTION_NAMES = {  # Modbus application protocol V1.1b3, 7; 7 is of older editions
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    7: "negative acknowledge",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}


def exception_words(code: int) -> str:
    """Name and number of a refusal."""
    return f"{EXCEPTION_NAMES.get(code, 'of its maker')} (exception {code})"


class Tap:
    """Called with the bytes of a line as they go out and come in. has_crc: whether frames carry a checksum."""

    def __init__(self, framing: Framing, say: Tapped) -> None:
        self._framing, self._say = framing, say
        self._sent = b""
        self._question: Question | None = None  # the open one
        self._came = b""
        self._timer: asyncio.TimerHandle | None = None

    def sent(self, data: bytes, question: Question) -> None:
        """Our own question goes out."""
        self._end()
        self._sent, self._question = data, question
        self._say({"direction": "sent", "what": "question", **_place(question), "bytes": data.hex(" ")})

    def received(self, data: bytes) -> None:
        """Bytes come in: told at once where they are whole frames, else when nothing more comes."""
        self._came += data
        found = self._framing.explain(self._came, self._question)
        if (found.frames and not found.noise and not found.damaged) or len(self._came) > _MOST_HELD:
            self._end()
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_QUIET_S, self._end)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        data, self._came = self._came, b""
        if not data:
            return
        found = self._framing.explain(data, self._question)
        crc = {} if self._framing.numbered else {"crc": "good"}
        for frame in found.frames:
            said = data[frame.start : frame.end]
            self._say({"direction": "received", **self._meaning(frame, said), **crc, "bytes": said.hex(" ")})
        if found.damaged or found.noise:
            rest = _rest(data, found.frames)
            bad = {"what": "damaged", "crc": "bad"} if found.damaged else {"what": "noise"}
            self._say({"direction": "received", **bad, "bytes": rest.hex(" ")})

    def _meaning(self, frame: Frame, said: bytes) -> dict[str, Any]:
        function = frame.pdu[0] & 0x7F
        head: dict[str, Any] = {"unit": frame.unit, "function": function}
        if said == self._sent and not self._framing.numbered:
            return {"what": "echo", **head}
        asked = self._question
        if asked is not None and frame.unit == asked.replies_from and asked.fits(frame.pdu):
            self._question = None
            if frame.pdu[0] & 0x80:
                return {"what": "exception", **_place(asked), "exception": exception_words(frame.pdu[1])}
            return {"what": "reply", **_place(asked), "words": asked.words(frame.pdu)}
        if frame.is_question and not self._framing.numbered:
            address, count = int.from_bytes(frame.pdu[1:3], "big"), int.from_bytes(frame.pdu[3:5], "big")
            return {"what": "foreign question", **_place(Question(frame.unit, function, address, count))}
        return {"what": "foreign reply", **head}


def _place(question: Question) -> dict[str, Any]:
    return {
        "unit": question.unit,
        "function": question.function,
        "table": _TABLES.get(question.function),
        "address": question.address,
        "count": question.count,
    }


def _rest(data: bytes, frames: tuple[Frame, ...]) -> bytes:
    """What is of no frame."""
    rest, at = b"", 0
    for frame in frames:
        rest += data[at : frame.start]
        at = frame.end
    return rest + data[at:]
