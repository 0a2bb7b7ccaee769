"""Registers wanted -> fewest safe reads. Pure.

One request costs far more line time than the words it carries, so registers that stand near one another are read
together, over small gaps. Not over a register marked `read_alone`, nor past the longest read a device takes. Among the
plans with the fewest requests, the one that reads the fewest words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from contract.catalogue.catalogue import ChannelInfo
from firmware_bridge.modbus import ModbusModel
from firmware_bridge.modbus_register import ModbusRegister
from firmware_bridge.raw_numbers import Span
from firmware_bridge.register_types import Table

MAX_BITS_PER_READ = 2000  # Modbus application protocol V1.1b3, 6.1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A register that feeds a channel, or a part of it; at: where that begins in the read's words or bits.

    Of a register whose words stand in several places (`ModbusRegister.spans`) there is one for each of them.
    """

    channel: int
    register: ModbusRegister
    at: int


@dataclass(frozen=True, slots=True)
class Read:
    """One request: `count` words (bits of a coil or discrete table) from `address` on."""

    table: Table
    address: int
    count: int
    wanted: tuple[Wanted, ...]


def plan(model: ModbusModel, channels: Sequence[ChannelInfo]) -> list[Read]:
    """The reads that serve these channels of one device, by table and address."""
    pieces = [_Piece(span, r.read_alone, c.id, r) for c in channels for r in [_register(c)] for span in r.spans()]
    pieces.sort(key=lambda p: (p.span, p.channel))
    reads: list[Read] = []
    for table, group in groupby(pieces, key=lambda p: p.span.table):
        longest = MAX_BITS_PER_READ if table.of_bits else model.max_registers_per_read
        reads += [_read(together) for together in _fewest(list(group), longest, model.max_gap)]
    return reads


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a channel takes from one place."""

    span: Span
    alone: bool
    channel: int
    register: ModbusRegister


def _register(channel: ChannelInfo) -> ModbusRegister:
    assert isinstance(channel.register, ModbusRegister)  # the catalogue has no other on a Modbus device
    return channel.register


def _fewest(pieces: list[_Piece], longest: int, max_gap: int) -> list[list[_Piece]]:
    """The pieces of one table, by address, cut into reads with the least (requests, words).

    best[n]: the least for the first n pieces. begins[n]: where the last read of that cut begins.
    """
    best: list[tuple[float, int]] = [(0, 0)] + [(math.inf, 0)] * len(pieces)
    begins = [0] * (len(pieces) + 1)
    for first, start in enumerate(pieces):
        reached = start.span.address
        for n, piece in enumerate(pieces[first:], first):
            together = piece.span == start.span or not (piece.alone or start.alone)
            if not together or (n > first and piece.span.address - reached > max_gap):
                break
            reached = max(reached, piece.span.end)
            count = reached - start.span.address
            if n > first and count > longest:
                break
            cost = (best[first][0] + 1, best[first][1] + count)
            if cost < best[n + 1]:
                best[n + 1], begins[n + 1] = cost, first
    out: list[list[_Piece]] = []
    end = len(pieces)
    while end:
        out.append(pieces[begins[end] : end])
        end = begins[end]
    return out[::-1]


def _read(pieces: list[_Piece]) -> Read:
    start = pieces[0].span.address
    count = max(p.span.end for p in pieces) - start
    wanted = tuple(Wanted(p.channel, p.register, p.span.address - start) for p in pieces)
    return Read(pieces[0].span.table, start, count, wanted)
