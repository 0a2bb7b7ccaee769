"""Registers wanted -> fewest safe reads. Pure.

One request costs far more line time than the words it carries, so registers that stand near one another are read
together, over small gaps. Not over a register marked `read_alone`, nor past the longest read a device takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from contract.catalogue.catalogue import ChannelInfo
from firmware_bridge.modbus import ModbusModel, ModbusRegister, Table

MAX_BITS_PER_READ = 2000  # Modbus application protocol V1.1b3, 6.1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A register that feeds a channel; at: where it begins in the read's words or bits."""

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
    order = sorted((_fed(c) for c in channels), key=lambda f: (f.register.table.value, f.register.address))
    reads: list[Read] = []
    for table, group in groupby(order, key=lambda f: f.register.table):
        longest = MAX_BITS_PER_READ if table.of_bits else model.max_registers_per_read
        together: list[_Fed] = []
        for fed in group:
            if together and not _joins(together, fed.register, longest, model.max_gap):
                reads.append(_read(table, together))
                together = []
            together.append(fed)
        reads.append(_read(table, together))
    return reads


@dataclass(frozen=True, slots=True)
class _Fed:
    """A channel by its number, and the register that feeds it."""

    channel: int
    register: ModbusRegister


def _fed(channel: ChannelInfo) -> _Fed:
    assert isinstance(channel.register, ModbusRegister)  # the catalogue has no other on a Modbus device
    return _Fed(channel.id, channel.register)


def _joins(together: list[_Fed], register: ModbusRegister, longest: int, max_gap: int) -> bool:
    if register.read_alone or together[-1].register.read_alone:
        return False
    end = max(f.register.end for f in together)
    new_end = max(end, register.end)
    return register.address - end <= max_gap and new_end - together[0].register.address <= longest


def _read(table: Table, together: list[_Fed]) -> Read:
    start = together[0].register.address
    end = max(f.register.end for f in together)
    return Read(
        table, start, end - start, tuple(Wanted(f.channel, f.register, f.register.address - start) for f in together)
    )
