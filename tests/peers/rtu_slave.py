"""A Modbus slave on a pty, from the specification alone: a program of its own that shares no line with Headwater.

    python tests/peers/rtu_slave.py [--ascii] [--unit N ...] [--hole A ...] [--mute] [--noise HEX] [--rest-ms T]

It prints the path of its port and answers until it is ended. Modbus over serial line V1.02: frames are told apart by
3.5 characters of silence (2.5.1.1), a frame with a wrong checksum or for another unit gets no reply (2.4.1), nor does
one for unit 0 (2.1). Modbus application protocol V1.1b3: functions 1 to 4 (6.1 to 6.4), exceptions 1 to 3 (7).

It holds 64 of everything: holding register a is 1000 + a, input register 2000 + a, every third coil is on, every fifth
discrete input. hole: an address that no table has. mute: silence in place of an exception. noise: bytes before each
reply. rest-ms: deaf to what comes so shortly after its last reply.
"""

import argparse
import os
import select
import sys
import time
import tty

BAUD = 9600
SILENCE_S = 3.5 * 11 / BAUD
SIZE = 64


def crc(data):
    """6.2.2: bit by bit, as the text says it."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            carry = register % 2
            register //= 2
            if carry:
                register ^= 0xA001
    return bytes([register % 256, register // 256])


def lrc(data):
    """6.2.1: the two's complement of the sum, without carries."""
    return (256 - sum(data) % 256) % 256


def reply_to(pdu, holes):
    """Function and data of the reply."""
    function = pdu[0]
    if function not in (1, 2, 3, 4):
        return bytes([function + 128, 1])
    if len(pdu) != 5:
        return bytes([function + 128, 3])
    first = pdu[1] * 256 + pdu[2]
    number = pdu[3] * 256 + pdu[4]
    if number < 1 or number > (2000 if function < 3 else 125):
        return bytes([function + 128, 3])
    asked = range(first, first + number)
    if asked[-1] >= SIZE or any(a in holes for a in asked):
        return bytes([function + 128, 2])
    if function >= 3:
        words = [(1000 if function == 3 else 2000) + a for a in asked]
        return bytes([function, 2 * number]) + b"".join(bytes([w // 256, w % 256]) for w in words)
    data = [0] * ((number + 7) // 8)
    for place, a in enumerate(asked):
        if a % (3 if function == 1 else 5) == 0:
            data[place // 8] |= 1 << (place % 8)
    return bytes([function, len(data), *data])


def rtu_frames(port):
    """Unit and PDU of each frame: what came until the line was silent."""
    held = b""
    while True:
        ready, _, _ = select.select([port], [], [], SILENCE_S if held else None)
        if ready:
            held += os.read(port, 256)
            continue
        if len(held) >= 4 and crc(held[:-2]) == held[-2:]:
            yield held[0], held[1:-2]
        held = b""


def ascii_frames(port):
    """The same of lines that begin with a colon; the eighth bit is none of theirs."""
    held = b""
    while True:
        held += bytes(b % 128 for b in os.read(port, 256))
        while b"\r\n" in held:
            line, held = held.split(b"\r\n", 1)
            try:
                body = bytes.fromhex(line[line.rindex(b":") + 1 :].decode())
            except ValueError:
                continue
            if len(body) >= 3 and lrc(body[:-1]) == body[-1]:
                yield body[0], body[1:-1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--unit", type=int, action="append")
    parser.add_argument("--hole", type=int, action="append", default=[])
    parser.add_argument("--mute", action="store_true")
    parser.add_argument("--noise", default="")
    parser.add_argument("--rest-ms", type=float, default=0.0)
    args = parser.parse_args()
    port, other = os.openpty()
    tty.setraw(other)
    print(os.ttyname(other), flush=True)
    replied = 0.0
    for unit, pdu in ascii_frames(port) if args.ascii else rtu_frames(port):
        if unit not in (args.unit or [1]) or time.monotonic() - replied < args.rest_ms / 1000:
            continue
        reply = reply_to(pdu, args.hole)
        if args.mute and reply[0] >= 128:
            continue
        frame = bytes([unit]) + reply
        if args.ascii:
            frame = b":" + (frame + bytes([lrc(frame)])).hex().upper().encode() + b"\r\n"
        else:
            frame += crc(frame)
        os.write(port, bytes.fromhex(args.noise) + frame)
        replied = time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
