"""Reads: together where that is safe, apart where it is not, and every register exactly once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_agent.drivers.read_plan import MAX_BITS_PER_READ, Read, plan
from firmware_bridge.modbus import ModbusModel
from firmware_bridge.register_types import Table
from firmware_bridge.registers import width
from tests.edge_agent.drivers.registers import model_with


def spans(reads: list[Read]) -> list[tuple[int, int]]:
    return [(r.address, r.count) for r in reads]


def test_neighbours_are_read_together_over_small_gaps() -> None:
    model, channels = model_with(["uint16"] * 4, at=[0, 1, 10, 20], max_gap=8)
    assert spans(plan(model, channels)) == [(0, 11), (20, 1)]  # a gap of 8 is read over, one of 9 is not


def test_no_read_is_longer_than_the_device_takes() -> None:
    model, channels = model_with(["float32"] * 10, at=list(range(0, 20, 2)), max_registers_per_read=5)
    assert spans(plan(model, channels)) == [(0, 4), (4, 4), (8, 4), (12, 4), (16, 4)]


def test_a_register_to_be_read_alone_is_alone() -> None:
    model, channels = model_with(["uint16"] * 4, at=[0, 1, 2, 3], alone=[1])
    assert spans(plan(model, channels)) == [(0, 1), (1, 1), (2, 2)]


def test_tables_are_never_mixed_and_bits_have_their_own_limit() -> None:
    tables = [Table.COIL, Table.DISCRETE, Table.HOLDING, Table.INPUT]
    model, channels = model_with(["bit", "bit", "uint16", "uint16"], at=[0, 1, 2, 3], tables=tables)
    assert sorted((r.table, r.address, r.count) for r in plan(model, channels)) == sorted(
        (t, n, 1) for n, t in enumerate(tables)
    )
    far = list(range(0, 2400, 8))
    model, channels = model_with(["bit"] * len(far), at=far, tables=[Table.COIL] * len(far), max_registers_per_read=5)
    reads = plan(model, channels)
    assert len(reads) == 2
    assert all(r.count <= MAX_BITS_PER_READ for r in reads)


def test_two_channels_may_look_at_one_register_and_overlap_a_wider_one() -> None:
    model, channels = model_with(["uint32", "uint16", "uint16"], at=[4, 4, 5])
    (read,) = plan(model, channels)
    assert (read.address, read.count) == (4, 2)
    assert sorted((w.channel, w.at) for w in read.wanted) == [(1, 0), (2, 0), (3, 1)]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_map_every_register_is_read_once_and_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    # Any places, and one register within another, but none cut in two by another: such a map is refused.
    some = rng.choice(3 * 75, n, replace=False)
    kinds = [["uint16", "int32", "float64"][int(k) % 3] for k in some]
    at = [int(k) // 3 * 4 for k in some]
    tables = [[Table.HOLDING, Table.INPUT][int(k)] for k in rng.integers(0, 2, n)]
    alone = [k for k in range(n) if rng.random() < 0.1]
    longest = int(rng.integers(4, 126))
    model, channels = model_with(
        kinds, at=at, tables=tables, alone=alone, max_registers_per_read=longest, max_gap=int(rng.integers(0, 20))
    )
    reads = plan(model, channels)
    assert sorted(w.channel for r in reads for w in r.wanted) == [c.id for c in channels]
    for r in reads:
        assert r.count <= longest
        for w in r.wanted:
            assert w.register.table is r.table
            assert r.address + w.at == w.register.address
            assert w.at + width(w.register) <= r.count
            assert len(r.wanted) == 1 or not w.register.read_alone


def test_nothing_wanted_nothing_asked() -> None:
    model, _ = model_with(["uint16"], at=[0])
    assert plan(model, []) == []


def test_a_value_from_several_places_has_all_of_them() -> None:
    """The word that says whether it holds is far away, in another read; the halves of a counter stay together."""
    settings = {
        "depth": {"address": 0, "type": "float32", "valid_if": [{"address": 100, "good": [0]}]},
        "hours": {"parts": [{"address": 9, "weight": 10000}, {"address": 10}]},
    }
    registers = [{"name": name, "quantity": "code", **told} for name, told in settings.items()]
    head = {"model": "m", "description": "d", "protocol": "modbus", "period_s": 1, "max_registers_per_read": 10}
    model = ModbusModel.model_validate({**head, "registers": registers})
    _, (like, *_) = model_with(["uint16"], at=[0])
    channels = [replace(like, id=n, model=model, register=r) for n, r in enumerate(model.registers, 1)]
    reads = plan(model, channels)
    assert spans(reads) == [(0, 2), (9, 2), (100, 1)]
    assert [[(w.channel, w.at) for w in r.wanted] for r in reads] == [[(1, 0)], [(2, 0)], [(1, 0)]]
