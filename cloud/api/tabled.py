"""Rows as tables for the encoders, and the range of time that they are of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from cloud.api.encoding import moment
from cloud.api.problems import Problem
from cloud.api.series_tables import Table, title
from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.places import is_a_time_zone

NAMES: Mapping[str, pa.DataType] = {"channel": pa.uint32(), "station": pa.string(), "name": pa.string()}
_LONGEST_DAYS = 400
_ROWS = 20_000  # of a part: some 5 MB of JSON


def range_of(start: str, end: str, why: str) -> tuple[int, int]:
    """Both in UTC milliseconds. why: no more than 400 days are looked at. Raises Problem(413, 422)."""
    start_ms, end_ms = moment(start, "start"), moment(end, "end")
    if start_ms >= end_ms:
        raise Problem(422, "The range is empty", "start must come before end")
    if end_ms - start_ms > _LONGEST_DAYS * 86_400_000:
        raise Problem(413, "Too much for one answer", f"{why}: ask for {_LONGEST_DAYS} days at most")
    return start_ms, end_ms


def zone_named(name: str | None, of_district: str) -> ZoneInfo:
    """The time zone of that name, the district's where there is none. Raises Problem(422)."""
    try:
        return ZoneInfo(is_a_time_zone(name or of_district))
    except ValueError as error:
        raise Problem(422, "No such time zone", str(error)) from error


def names_of(c: ChannelInfo) -> dict[str, Any]:
    """A row's first columns, as `NAMES` has them."""
    return {"channel": c.id, "station": c.station.id, "name": title(c)}


def tables_of(found: Iterable[Sequence[dict[str, Any]]], schema: Mapping[str, pa.DataType]) -> Iterator[Table]:
    """At least one. found: rows, some at a time."""
    of, none = pa.schema(schema), True
    for rows in found:
        if rows:
            none = False
            yield worded(pa.Table.from_pylist(list(rows), schema=of))
    if none:
        yield worded(pa.Table.from_pylist([], schema=of))


def in_parts(found: Iterable[Table]) -> Iterator[Table]:
    """The same rows, some at a time: what is written of a table stands in memory until it has gone out."""
    for table in found:
        yield from (table.slice(k, _ROWS) for k in range(0, max(len(table), 1), _ROWS))


def repeated(value: object, rows: int) -> pa.Array:
    """A column that says the same in every row."""
    return pa.array([value]).take(pa.array(np.zeros(rows, np.int32)))


def worded(table: Table) -> Table:
    """Texts as dictionaries, as the encoders take them."""
    kinds = [pa.dictionary(pa.int32(), pa.string()) if f.type == pa.string() else f.type for f in table.schema]
    return table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))
