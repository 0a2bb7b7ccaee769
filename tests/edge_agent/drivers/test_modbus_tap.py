"""What goes over a line, frame by frame with its meaning."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from edge_agent.drivers.modbus_tap import Tap
from edge_agent.technician.tap import as_text
from firmware_bridge.modbus_frames import Framing, Question, RtuFraming, TcpFraming
from tests.played import play

RTU = RtuFraming()
QUESTION = Question(4, 3, 0, 2)
SENT = RTU.encode(4, QUESTION.pdu)
REPLY = RTU.encode(4, b"\x03\x04\x70\xa4\x3f\x9d")


def tapped(*came: bytes, framing: Framing = RTU, sent: bytes = SENT, apart_s: float = 0.01) -> list[Mapping[str, Any]]:
    """What is told of the reply's pieces, behind the question."""
    told: list[Mapping[str, Any]] = []

    async def main() -> None:
        tap = Tap(framing, told.append)
        tap.sent(sent, QUESTION)
        for piece in came:
            tap.received(piece)
            await asyncio.sleep(apart_s)
        await asyncio.sleep(0.2)

    play(main())
    assert (told[0]["direction"], told[0]["what"], told[0]["unit"]) == ("sent", "question", 4)
    return told[1:]


def test_a_reply_in_pieces() -> None:
    (said,) = tapped(REPLY[:3], REPLY[3:])
    assert said == {
        "direction": "received",
        "what": "reply",
        "unit": 4,
        "function": 3,
        "table": "holding",
        "address": 0,
        "count": 2,
        "words": [0x70A4, 0x3F9D],
        "crc": "good",
        "bytes": REPLY.hex(" "),
    }
    text = as_text({"time": "T", "bus": "b", **said})
    assert text == f"T  b  <-  unit 4  reply  holding 0+2  = 70A4 3F9D  CRC good  [{REPLY.hex(' ')}]"


def test_a_refusal_in_words() -> None:
    (said,) = tapped(RTU.encode(4, b"\x83\x02"))
    assert (said["what"], said["exception"]) == ("exception", "illegal data address (exception 2)")


def test_a_damaged_reply_and_noise() -> None:
    (said,) = tapped(REPLY[:-1] + b"\x00")
    assert (said["what"], said["crc"]) == ("damaged", "bad")
    noise, reply = sorted(tapped(b"\xff\x00" + REPLY), key=lambda s: str(s["what"]))
    assert (noise["what"], noise["bytes"], reply["what"]) == ("noise", "ff 00", "reply")


def test_what_is_not_ours_is_marked() -> None:
    foreign = RTU.encode(9, b"\x04\x00\x10\x00\x01")
    answer = RTU.encode(9, b"\x04\x02\x00\x05")
    found = tapped(SENT, REPLY, foreign, answer)
    assert [(s["what"], s["unit"]) for s in found] == [
        ("echo", 4),
        ("reply", 4),
        ("foreign question", 9),
        ("foreign reply", 9),
    ]
    assert (found[2]["table"], found[2]["address"], found[2]["count"]) == ("input", 16, 1)
    assert "FOREIGN question  input 16+1" in as_text({"time": "T", "bus": "b", **found[2]})


def test_over_tcp_there_is_no_checksum() -> None:
    tcp = TcpFraming()
    (said,) = tapped(tcp.encode(4, b"\x03\x04\x00\x01\x00\x02", 7), framing=tcp, sent=tcp.encode(4, QUESTION.pdu, 7))
    assert (said["words"], "crc" in said) == ([1, 2], False)
