"""Hostile inputs made from honest ones: cut, flipped, spliced, lengths forged. Pure; the same seed, the same inputs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

_LENGTHS = (b"\x00", b"\x7f", b"\xff", b"\xff\xff", b"\xff\xff\xff\x7f", b"\x80" * 9 + b"\x01", b"\xff\xff\xff\xff\x0f")
_WORDS = (
    b"nan", b"inf", b"-1", b"9" * 25, b"9" * 5000, b"1e999", b"\x00", b"\xff\xfe", b"\xc3", b"*a", b"&a ", b"!!binary ",
    b"!x ", b"<<: ", b"? ", b"[" * 50, b"{" * 50, b"2021-99-99", b"0x", b"\"", b"\n", b",", b"\r", b"%00", b"../",
    "\u0661\u00b2".encode(), b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00",
)  # fmt: skip


def mutate(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """One to four changes."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        chance.choice(_CHANGES)(out, others, chance)
    return bytes(out)


def _at(out: bytearray, chance: random.Random) -> int:
    return chance.randrange(len(out) + 1)


def _truncate(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    del out[_at(out, chance) :]


def _flip(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    for _i in range(chance.choice((1, 1, 2, 8))):
        if out:
            out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)


def _cut(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    start = _at(out, chance)
    del out[start : start + chance.choice((1, 2, 4, 16, 64))]


def _repeat(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    start = _at(out, chance)
    part = out[start : start + chance.choice((1, 2, 8, 32))]
    out[start:start] = part * chance.choice((1, 2, 30))


def _splice(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    if others:
        other = chance.choice(others)
        cut = chance.randrange(len(other) + 1)
        out[_at(out, chance) :] = other[cut:]


def _length(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    start = _at(out, chance)
    forged = chance.choice(_LENGTHS)
    out[start : start + chance.choice((1, len(forged)))] = forged


def _word(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    start = _at(out, chance)
    out[start : start + chance.choice((0, 0, 1, 4))] = chance.choice(_WORDS)


_CHANGES: tuple[Callable[[bytearray, Sequence[bytes], random.Random], None], ...] = (
    _truncate,
    _flip,
    _cut,
    _repeat,
    _splice,
    _length,
    _word,
)
