"""Tables as they go out, a piece at a time: JSON, NDJSON, CSV for programs and for Excel, XLSX, Parquet, Arrow.

A form is one class and one line in `FORMS`. Text is joined by columns (`cloud.api.rows`);
Parquet and Arrow are written by Arrow itself, whose CSV writer puts every number that was made a text in quotes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cloud.api import rows
from cloud.api.drained import Drained
from cloud.api.xlsx import Workbook, headings

Table: TypeAlias = Any  # of pyarrow, which has no types
Form = Literal["json", "ndjson", "csv", "excel", "xlsx", "parquet", "arrow"]
Decimal = Literal["point", "comma"]
_BOM = "\ufeff".encode()
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what begins with these a sheet may take for a formula, and run it


@dataclass(frozen=True, slots=True)
class How:
    """zone: of times in the Excel form. decimal: of numbers there; with a comma, columns are parted by semicolons."""

    zone: ZoneInfo
    decimal: Decimal = "point"


class Encoder(Protocol):
    """Of one answer. `piece` for each table in turn, all of one schema, at least one; then `end`."""

    def piece(self, table: Table) -> bytes: ...

    def end(self) -> bytes: ...


class Json:
    """One list, an object a line."""

    def __init__(self, how: How) -> None:
        del how
        self._begun = False

    def piece(self, table: Table) -> bytes:
        body, start = _objects(table), b"" if self._begun else b"["
        if body and self._begun:
            start = b",\n"
        self._begun = self._begun or bool(body)
        return start + body[:-1].replace(b"\n", b",\n") if body else b""

    def end(self) -> bytes:
        return b"]" if self._begun else b"[]"


class NdJson:
    """An object a line."""

    def __init__(self, how: How) -> None:
        del how

    def piece(self, table: Table) -> bytes:
        return _objects(table)

    def end(self) -> bytes:
        return b""


class Csv:
    """RFC 4180, but that lines end as on Unix; UTF-8; times in UTC, RFC 3339."""

    def __init__(self, how: How) -> None:
        self._how, self._begun = how, False
        self._between = ","

    def piece(self, table: Table) -> bytes:
        head = b"" if self._begun else self._head(table.schema)
        self._begun = True
        if not len(table):
            return head
        pieces: list[Any] = []
        for i in range(table.num_columns):
            pieces += [self._between] * (i > 0) + [self._cell(table.column(i), table.field(i).type)]
        return head + bytes(rows.joined([*pieces, "\n"]))

    def end(self) -> bytes:
        return b""

    def _head(self, schema: pa.Schema) -> bytes:
        return f"{self._between.join(map(self._quoted, self._names(schema)))}\n".encode()

    def _names(self, schema: pa.Schema) -> list[str]:
        return list(schema.names)

    def _cell(self, column: Any, kind: Any) -> Any:
        if pa.types.is_timestamp(kind):
            text = pc.binary_join_element_wise(_instants(column), "Z", "")
        elif pa.types.is_dictionary(kind):
            return _said(column, self._quoted, "")
        else:
            text = _plain(column, kind, "")
        return pc.fill_null(_whole(text), "")

    def _quoted(self, word: str) -> str:
        special = any(c in word for c in (self._between, '"', "\n", "\r"))
        return '"' + word.replace('"', '""') + '"' if special else word


class Excel(Csv):
    """What Excel opens by a double click: a mark that it is UTF-8, local times without a word for the zone (it stands
    in the heading), decimals as the sheet's language writes them, and semicolons where these are commas. A word that
    a sheet would take for a formula has an apostrophe before it."""

    def __init__(self, how: How) -> None:
        super().__init__(how)
        self._between = ";" if how.decimal == "comma" else ","

    def _head(self, schema: pa.Schema) -> bytes:
        return _BOM + super()._head(schema)

    def _names(self, schema: pa.Schema) -> list[str]:
        return headings(schema, self._how.zone)

    def _quoted(self, word: str) -> str:
        return super()._quoted(f"'{word}" if word.lstrip(" ").startswith(_FORMULA) else word)

    def _cell(self, column: Any, kind: Any) -> Any:
        if pa.types.is_timestamp(kind):
            local = pc.local_timestamp(column.cast(pa.timestamp("ms", self._how.zone.key)))
            return pc.fill_null(pc.replace_substring(_whole(_instants(local)), "T", " "), "")
        text = super()._cell(column, kind)
        if pa.types.is_floating(kind) and self._how.decimal == "comma":
            return pc.replace_substring(text, ".", ",")
        return text


class Xlsx:
    """A workbook, which is there when all of it is (see `cloud.api.xlsx`)."""

    def __init__(self, how: How) -> None:
        self._book = Workbook(how.zone)

    def piece(self, table: Table) -> bytes:
        """Raises Problem(413) on more rows than a sheet holds."""
        self._book.piece(table)
        return b""

    def end(self) -> bytes:
        return self._book.end()


class _Binary:
    """What pyarrow writes, by a writer that is opened when the schema is known."""

    def __init__(self, how: How) -> None:
        del how
        self._out = Drained()
        self._writer: Any = None

    def piece(self, table: Table) -> bytes:
        if self._writer is None:
            self._writer = self._open(table.schema)
        self._writer.write_table(table)
        return self._out.taken()

    def end(self) -> bytes:
        if self._writer is not None:
            self._writer.close()
        return self._out.taken()

    def _open(self, schema: Any) -> Any:
        raise NotImplementedError


class Parquet(_Binary):
    """A row group a piece, zstd."""

    def _open(self, schema: Any) -> Any:
        return pq.ParquetWriter(self._out, schema, compression="zstd")


class Arrow(_Binary):
    """Arrow's IPC stream, a record batch a piece."""

    def _open(self, schema: Any) -> Any:
        return pa.ipc.new_stream(pa.PythonFile(self._out, "w"), schema)


@dataclass(frozen=True, slots=True)
class FormOf:
    """media_type: what the answer says it is. suffix: of a file's name; empty for what browsers show."""

    encoder: Callable[[How], Encoder]
    media_type: str
    suffix: str = ""


#: For people, who want names and units beside the numbers.
FOR_PEOPLE: frozenset[Form] = frozenset({"excel", "xlsx"})
FORMS: Mapping[Form, FormOf] = {
    "json": FormOf(Json, "application/json"),
    "ndjson": FormOf(NdJson, "application/x-ndjson"),
    "csv": FormOf(Csv, "text/csv", "csv"),
    "excel": FormOf(Excel, "text/csv", "csv"),
    "xlsx": FormOf(Xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    "parquet": FormOf(Parquet, "application/vnd.apache.parquet", "parquet"),
    "arrow": FormOf(Arrow, "application/vnd.apache.arrow.stream", "arrows"),
}


def _objects(table: Table) -> bytes:
    """A line an object."""
    if not len(table):
        return b""
    pieces: list[Any] = []
    for i, name in enumerate(table.column_names):
        pieces += [f"{',' if i else '{'}{orjson.dumps(name).decode()}:", _value(table.column(i), table.field(i).type)]
    return bytes(rows.joined([*pieces, "}\n"]))


def _value(column: Any, kind: Any) -> Any:
    """Each as JSON writes it."""
    if pa.types.is_timestamp(kind):
        text = pc.binary_join_element_wise('"', _instants(column), 'Z"', "")
    elif pa.types.is_dictionary(kind):
        return _said(column, lambda word: orjson.dumps(word).decode(), "null")
    else:
        text = _plain(column, kind, "null")
    return pc.fill_null(_whole(text), "null")


def _plain(column: Any, kind: Any, null: str) -> Any:
    """Numbers, and what is so or not."""
    return rows.numbers(column.to_numpy(), null) if pa.types.is_floating(kind) else column.cast(pa.string())


def _said(column: Any, say: Callable[[str], str], null: str) -> Any:
    """Words, each put into its form once. null: what stands where there is none."""
    whole = _whole(column.unify_dictionaries() if isinstance(column, pa.ChunkedArray) else column)
    words = pa.array([say(w) for w in whole.dictionary.to_pylist()], pa.string())
    return pc.fill_null(words.take(whole.indices), null)


def _instants(column: Any) -> Any:
    """RFC 3339 without its Z, null where there is none."""
    ms = column.cast(pa.int64())
    if not ms.null_count:
        return rows.instants(ms.to_numpy())
    return pc.if_else(_whole(ms.is_valid()), rows.instants(pc.fill_null(ms, 0).to_numpy()), None)


def _whole(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
