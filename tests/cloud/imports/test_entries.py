"""Rows -> entries of the log: a gateway's own, within the wire's bounds, flagged, and the same ones each time."""

from __future__ import annotations

import math
from collections import defaultdict

import pytest

from cloud.imports.entries import digest_of, entries
from cloud.imports.table import Cell, Row
from cloud.log.base import EntryKind
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag
from contract.wire.batch import decode_batch

DAY_MS = 86_400_000
NOT = Flag.NOT_EVALUATED


def made(small_district: Catalogue, rows: list[Row], numbers: tuple[int, ...], computed: bool = True) -> list:
    return list(entries(rows, [small_district.channels[n] for n in numbers], digest_of(b"table", b"mapping"), computed))


def test_every_reading_is_there_once_under_its_gateway(small_district: Catalogue) -> None:
    rows = [Row(n * 60_000, [Cell(0, 1.0, NOT), Cell(1, n / 1000, NOT)]) for n in range(1, 9001)]
    found = made(small_district, rows, (102, 201))
    by_channel: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    for entry, count in found:
        batch = decode_batch(entry.payload)
        readings = batch.readings
        assert (entry.kind, batch.gateway, batch.spool, batch.seq) == (
            EntryKind.IMPORTED, entry.gateway, entry.spool, entry.seq)  # fmt: skip
        assert len(readings) == count
        for channel, t, v in zip(
            readings.channel.tolist(), readings.time_ms.tolist(), readings.value.tolist(), strict=True
        ):
            assert small_district.channels[channel].gateway == entry.gateway
            by_channel[channel].append((t, v))
    assert by_channel[102] == [(n * 60_000, 1.0) for n in range(1, 9001)]
    assert by_channel[201] == [(n * 60_000, n / 1000) for n in range(1, 9001)]
    assert found == made(small_district, rows, (102, 201))


def test_rows_far_apart_are_batches_of_their_own(small_district: Catalogue) -> None:
    times = [DAY_MS * d for d in (1, 2, 15, 60, 400, 401)]
    found = made(small_district, [Row(t, [Cell(0, 0.1, NOT)]) for t in times], (201,))
    assert [t for e, _ in found for t in decode_batch(e.payload).readings.time_ms.tolist()] == times


@pytest.mark.parametrize(
    ("computed", "flags"), [(True, [Flag.PASS, Flag.FAIL, Flag.MISSING, Flag.PASS]), (False, [NOT, NOT, 9, NOT])]
)
def test_flags_are_computed_or_left(small_district: Catalogue, computed: bool, flags: list[int]) -> None:
    values = (0.1, 99.0, math.nan, 0.2)  # of a depth between -0.05 and 8 m
    cells = [Cell(0, v, Flag.MISSING if math.isnan(v) else NOT) for v in values]
    found = made(small_district, [Row(n * 600_000, [cell]) for n, cell in enumerate(cells)], (201,), computed)
    assert [f for e, _ in found for f in decode_batch(e.payload).readings.flag.tolist()] == flags
