"""Rows as tables, and ranges that nobody can mean."""

from __future__ import annotations

import pyarrow as pa
import pytest

from cloud.api.problems import Problem
from cloud.api.tabled import in_parts, range_of, tables_of

SCHEMA = {"name": pa.string(), "mm": pa.float64()}


def test_there_is_a_table_even_of_nothing() -> None:
    (none,) = tables_of([], SCHEMA)
    assert (none.num_rows, none.column_names) == (0, ["name", "mm"])
    some = list(tables_of([[{"name": "a", "mm": 1.0}], [], [{"name": "b", "mm": None}]], SCHEMA))
    assert [t.to_pylist() for t in some] == [[{"name": "a", "mm": 1.0}], [{"name": "b", "mm": None}]]
    assert {t.schema.field("name").type for t in (none, *some)} == {pa.dictionary(pa.int32(), pa.string())}


def test_long_tables_go_out_in_parts_and_an_empty_one_as_it_is() -> None:
    long, empty = pa.table({"n": pa.array(range(45_000))}), pa.table({"n": pa.array([], pa.int64())})
    parts = list(in_parts([long, empty]))
    assert [len(t) for t in parts] == [20_000, 20_000, 5_000, 0]
    assert pa.concat_tables(parts).equals(pa.concat_tables([long, empty]))


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        ("2021-07-20T00:00Z", "2021-07-20T00:00Z", 422),
        ("2021-07-20T00:00Z", "2022-08-25T00:00Z", 413),
        ("yesterday", "2022-08-25T00:00Z", 422),
    ],
)
def test_ranges(start: str, end: str, status: int) -> None:
    with pytest.raises(Problem) as refused:
        range_of(start, end, "every reading is looked at")
    assert refused.value.status == status
    assert range_of("2021-07-20T00:00Z", "2022-08-24T00:00Z", "")[1] == 1_661_299_200_000
