"""Our plans of reads against those of Telegraf's Modbus input, the best of the open ones (1.37, "request" style).

Its optimisers, written anew from its documentation: `none` groups what stands side by side, fields that nobody wants
among them; `shrink` cuts those off at both ends of a request; `rearrange` divides a group so that requests, then
registers are fewest; `max_insert` joins over gaps of at most so many registers, in the order of addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from contract.catalogue.catalogue import ChannelInfo
from contract.documents import validate
from edge_agent.drivers.read_plan import MAX_BITS_PER_READ, plan
from firmware_bridge.modbus import ModbusModel, RtuDevice
from firmware_bridge.register_types import Table
from host.yaml_config import read_yaml
from tests.edge_agent.drivers.registers import model_with
from tests.edge_agent.drivers.rtu import any_station

DEVICES = Path(__file__).parents[3] / "configs" / "devices"


@dataclass(frozen=True, order=True)
class Field:
    address: int
    length: int
    omit: bool = False

    @property
    def end(self) -> int:
        return self.address + self.length


Requests = list[list[Field]]


def words(requests: Requests) -> int:
    return sum(max(f.end for f in r) - r[0].address for r in requests)


def none(fields: Sequence[Field], most: int) -> Requests:
    out: Requests = []
    for f in fields:
        if out and f.address == out[-1][-1].end and f.end - out[-1][0].address <= most:
            out[-1].append(f)
        else:
            out.append([f])
    return [r for r in out if any(not f.omit for f in r)]


def shrink(fields: Sequence[Field], most: int) -> Requests:
    out = []
    for r in none(fields, most):
        wanted = [n for n, f in enumerate(r) if not f.omit]
        out.append(r[wanted[0] : wanted[-1] + 1])
    return out


def rearrange(fields: Sequence[Field], most: int) -> Requests:
    out: Requests = []
    for group in none(fields, 10**9):
        wanted = tuple(f for f in group if not f.omit)

        @cache
        def best(n: int, wanted: tuple[Field, ...] = wanted) -> tuple[int, int, int]:
            """Requests and words for those from n on, and where the first request ends."""
            if n == len(wanted):
                return 0, 0, n
            ends = [e for e in range(n + 1, len(wanted) + 1) if wanted[e - 1].end - wanted[n].address <= most]
            costs = [(best(e)[0] + 1, best(e)[1] + wanted[e - 1].end - wanted[n].address, e) for e in ends]
            return min(costs)

        n = 0
        while n < len(wanted):
            end = best(n)[2]
            out.append(list(wanted[n:end]))
            n = end
    return out


def max_insert(fill: int) -> Callable[[Sequence[Field], int], Requests]:
    def cut(fields: Sequence[Field], most: int) -> Requests:
        out: Requests = []
        for f in (f for f in fields if not f.omit):
            if out and f.address - out[-1][-1].end <= fill and f.end - out[-1][0].address <= most:
                out[-1].append(f)
            else:
                out.append([f])
        return out

    return cut


def ours(model: ModbusModel, channels: Sequence[ChannelInfo], table: Table) -> tuple[int, int]:
    reads = [r for r in plan(model, channels) if r.table is table]
    return len(reads), sum(r.count for r in reads)


def theirs(model: ModbusModel, wanted: set[str], table: Table, fill: int) -> dict[str, tuple[int, int]]:
    """By optimiser: requests, and words in them."""
    spans = {
        s: any(r.name in wanted for r in model.registers if s in r.spans()) for r in model.registers for s in r.spans()
    }
    fields = sorted(Field(s.address, s.count, not used) for s, used in spans.items() if s.table is table)
    most = MAX_BITS_PER_READ if table.of_bits else model.max_registers_per_read
    plans = {"none": none, "shrink": shrink, "rearrange": rearrange, "max_insert": max_insert(fill)}
    found = {name: cut(fields, most) for name, cut in plans.items()}
    return {name: (len(requests), words(requests)) for name, requests in found.items()}


def channels_of(model: ModbusModel, names: Sequence[str]) -> list[ChannelInfo]:
    device = RtuDevice(id="d", model=model.model, unit=1)
    return [
        ChannelInfo(n, r.name, any_station(), "gw", "b", device, model, r, r.quality, r.reporting)
        for n, r in enumerate((r for r in model.registers if r.name in names), 1)
    ]


@pytest.mark.parametrize(
    ("file", "left_out"),
    [
        ("eastron-sdm72d-m", ()),
        ("eastron-sdm72d-m", ("l2_voltage", "l3_voltage", "l2_power")),
        ("plc-pump-2", ()),
        ("plc-pump-2", ("p2_hours", "p1_starts", "p1_fault")),
        ("epsolar-ls-b", ()),
        ("epsolar-ls-b", ("pv_current", "pv_power")),
        ("vega-vegapuls-c-21", ()),
        ("xylem-aquavar-cpc", ()),
        ("abb-ach550", ()),
    ],
)
def test_never_more_requests_nor_words_than_its_best(file: str, left_out: tuple[str, ...]) -> None:
    """Its best is the optimiser with the fewest requests, then the fewest words; with its own default of 50, too."""
    model = validate(read_yaml(DEVICES / f"{file}.yaml"), ModbusModel)
    assert model is not None
    names = [r.name for r in model.registers if r.name not in left_out]
    channels = channels_of(model, names)
    tables = {r.table for r in plan(model, channels)}
    for table in tables:
        for fill in (model.max_gap, 50):
            best = min(theirs(model, set(names), table, fill).values())
            assert ours(model, channels, table) <= best, (table, fill, theirs(model, set(names), table, fill))
            assert ours(model, channels, table)[0] <= best[0]
            assert ours(model, channels, table)[1] <= best[1]


@pytest.mark.parametrize("seed", range(40))
def test_on_any_map_never_worse_than_joining_from_the_left(seed: int) -> None:
    """The same gap and the same longest read: as few requests as max_insert, and among as many as few words."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    at = sorted(int(a) * 4 for a in rng.choice(120, n, replace=False))
    kinds = [["uint16", "int32", "float64"][int(k)] for k in rng.integers(0, 3, n)]
    fill, longest = int(rng.integers(0, 30)), int(rng.integers(4, 60))
    model, channels = model_with(kinds, at=at, max_gap=fill, max_registers_per_read=longest)
    best = theirs(model, {r.name for r in model.registers}, Table.HOLDING, fill)["max_insert"]
    assert ours(model, channels, Table.HOLDING) <= best


def test_it_may_be_better() -> None:
    """Joined from the left, the gap is read and the dense part is cut; cut at the gap, it is not read."""
    at = [0, 9, *range(10, 19)]
    model, channels = model_with(["uint16"] * len(at), at=at, max_gap=8, max_registers_per_read=10)
    assert theirs(model, {r.name for r in model.registers}, Table.HOLDING, 8)["max_insert"] == (2, 19)
    assert ours(model, channels, Table.HOLDING) == (2, 11)
