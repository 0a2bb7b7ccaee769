"""Registers wanted -> fewest safe reads. Pure.

One request costs far more line time than the words it carries, so registers that stand near one another are read
together, over small gaps. Not over a register marked `read_alone`, nor past the longest read a device takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.devices import DeviceModel, Register, Table
from firmware_bridge.registers import width

MAX_BITS_PER_READ = 2000  # Modbus application protocol V1.1b3, 6.1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A register that feeds a channel; at: where it begins in the read's words or bits."""

    channel: int
    register: Register
    at: int


@dataclass(frozen=True, slots=True)
class Read:
    """One request: `count` words (bits of a coil or discrete table) from `address` on."""

    table: Table
    address: int
    count: int
    wanted: tuple[Wanted, ...]


def plan(model: DeviceModel, channels: Sequence[ChannelInfo]) -> list[Read]:
    """The reads that serve these channels of one device, by table and address."""
    order = sorted(channels, key=lambda c: (c.register.table.value, c.register.address))
    reads: list[Read] = []
    for table, group in groupby(order, key=lambda c: c.register.table):
        bits = table in (Table.COIL, Table.DISCRETE)
        longest = MAX_BITS_PER_READ if bits else model.max_registers_per_read
        together: list[ChannelInfo] = []
        for channel in group:
            if together and not _joins(together, channel, longest, model.max_gap):
                reads.append(_read(table, together))
                together = []
            together.append(channel)
        reads.append(_read(table, together))
    return reads


def _joins(together: list[ChannelInfo], channel: ChannelInfo, longest: int, max_gap: int) -> bool:
    if channel.register.read_alone or together[-1].register.read_alone:
        return False
    end = max(c.register.address + width(c.register) for c in together)
    new_end = max(end, channel.register.address + width(channel.register))
    return channel.register.address - end <= max_gap and new_end - together[0].register.address <= longest


def _read(table: Table, channels: list[ChannelInfo]) -> Read:
    start = channels[0].register.address
    end = max(c.register.address + width(c.register) for c in channels)
    return Read(
        table, start, end - start, tuple(Wanted(c.id, c.register, c.register.address - start) for c in channels)
    )
