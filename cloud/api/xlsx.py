"""Workbooks (ECMA-376) from tables, cell by cell in the columns' own kernels: a million rows in seconds.

One sheet: a heading that stays in sight, local times that are times to Excel, numbers that are numbers. The file stands
in memory until it is whole, packed; only then is it known that the rows fit.
"""

from __future__ import annotations

import zipfile
from typing import Any, TypeAlias
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cloud.api import rows
from cloud.api.drained import Drained
from cloud.api.problems import Problem

Table: TypeAlias = Any  # of pyarrow, which has no types
MOST_ROWS = 1_048_576  # of a sheet, with its heading
MOST_CELLS = 10_000_000
_DAY_MS, _DAYS_TO_1970 = 86_400_000, 25_569  # Excel counts days, and 1970 began on that one
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="Headwater" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font/><font><b/></font></fonts><fills count="1"><fill/></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/>'
    '<xf numFmtId="164" applyNumberFormat="1"/><xf fontId="1" applyFont="1"/></cellXfs></styleSheet>',
}
_SHEET = (
    f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
    'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols><col min="1" max="1" width="20" '
    'customWidth="1"/></cols><sheetData>'
)
_EMPTY = "<c/>"


class Workbook:
    """zone: of times. `piece` for each table in turn, all of one schema; `end` gives the file."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._out = Drained()
        self._rows = self._cells = 0
        self._zip: Any = None
        self._sheet: Any = None

    def piece(self, table: Table) -> None:
        """Raises Problem(413) on more than a sheet holds."""
        if self._sheet is None:
            self._begin(table.schema)
        self._rows += len(table)
        self._cells += len(table) * table.num_columns
        if self._rows > MOST_ROWS or self._cells > MOST_CELLS:
            raise Problem(
                413,
                "Too much for one sheet",
                f"a workbook holds {MOST_ROWS:,} rows with its heading, and {MOST_CELLS:,} cells here: ask for a "
                "shorter time, fewer channels or a longer interval, or take format=csv, parquet, arrow or ndjson",
            )
        if len(table):
            pieces: list[Any] = ["<row>"]
            pieces += [self._column(table.column(i), table.field(i).type) for i in range(table.num_columns)]
            self._sheet.write(rows.joined([*pieces, "</row>"]))

    def end(self) -> bytes:
        if self._sheet is not None:
            self._sheet.write(b"</sheetData></worksheet>")
        self._close()
        return self._out.taken()

    def _close(self) -> None:
        if self._sheet is not None:
            self._sheet.close()
            self._zip.close()

    def __del__(self) -> None:
        self._close()  # of an answer that was broken off; a zip with an open part complains when it is collected

    def _begin(self, schema: pa.Schema) -> None:
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        for name, text in _PARTS.items():
            self._zip.writestr(name, _XML + text)
        self._sheet = self._zip.open("xl/worksheets/sheet1.xml", "w", force_zip64=True)
        head = "".join(_words(n, ' s="2"') for n in headings(schema, self._zone))
        self._sheet.write(f"{_XML}{_SHEET}<row>{head}</row>".encode())
        self._rows = 1

    def _column(self, column: Any, kind: Any) -> Any:
        """A cell each."""
        if pa.types.is_dictionary(kind):
            whole = column.unify_dictionaries().combine_chunks()
            cells = pa.array([_words(word) for word in whole.dictionary.to_pylist()], pa.string()).take(whole.indices)
        elif pa.types.is_timestamp(kind):
            local = pc.local_timestamp(column.cast(pa.timestamp("ms", self._zone.key))).cast(pa.int64())
            days = pc.add(pc.divide(local.cast(pa.float64()), float(_DAY_MS)), float(_DAYS_TO_1970))
            cells = _around('<c s="1"><v>', days.cast(pa.string()), "</v></c>")
        elif pa.types.is_boolean(kind):
            cells = _around('<c t="b"><v>', column.cast(pa.int8()).cast(pa.string()), "</v></c>")
        elif pa.types.is_floating(kind):
            value = column.to_numpy()
            cells = _around("<c><v>", pc.if_else(np.isfinite(value), rows.numbers(value, ""), None), "</v></c>")
        elif pa.types.is_integer(kind):
            cells = _around("<c><v>", column.cast(pa.string()), "</v></c>")
        else:
            cells = pa.array([_words(w) if w is not None else None for w in column.to_pylist()], pa.string())
        return pc.fill_null(cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells, _EMPTY)


def headings(schema: pa.Schema, zone: ZoneInfo) -> list[str]:
    """What stands over the columns of a sheet, in which times are of a place: over each time, of which."""
    return [f"{f.name} ({zone.key})" if pa.types.is_timestamp(f.type) else f.name for f in schema]


def _around(before: str, text: Any, after: str) -> Any:
    return pc.binary_join_element_wise(before, text, after, "")


def _words(text: str, style: str = "") -> str:
    """A cell of text; what XML cannot hold is left out."""
    fit = "".join(c for c in text if c >= " " or c in "\t\n\r")
    return f'<c t="inlineStr"{style}><is><t xml:space="preserve">{escape(fit)}</t></is></c>'
