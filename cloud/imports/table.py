"""A table of text -> readings, row by row, and the rows that are refused, each with its line and why. Pure."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cloud.imports.local_time import NoTime, utc_ms
from cloud.imports.mapping import ChannelMapping, Mapping, flag_of
from contract.readings import Flag

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class NoTable(ValueError):
    """A file that holds no table as the mapping describes it; nothing of it is taken. It says why."""


class Cell(NamedTuple):
    """place: of its channel in the mapping. value: in the channel's unit; NaN is missing."""

    place: int
    value: float
    flag: Flag


class Row(NamedTuple):
    time_ms: int
    cells: Sequence[Cell]


class RefusedRow(NamedTuple):
    """line: of the file, from 1, where the row ends."""

    line: int
    why: str


class _Bad(ValueError):
    pass


def rows(lines: Iterable[str], mapping: Mapping, now_ms: int) -> Iterator[Row | RefusedRow]:
    """Each row in turn; the first line names the columns. now_ms: what is later is refused.

    Rows are in the order of time, each later than the one before: so no moment is there twice, and the tests of quality
    see what a sensor's gateway would have seen. Raises NoTable.
    """
    reader = csv.reader(lines, delimiter=mapping.separator, strict=True)
    try:
        heading = [name.strip() for name in next(reader, [])]
        read = _Columns(heading, mapping)
        last_ms = -1
        for texts in reader:
            if not any(texts):
                continue
            try:
                row = read.row(texts)
                if row.time_ms < 0 or row.time_ms > now_ms:
                    raise _Bad("its time is before 1970" if row.time_ms < 0 else "its time is still to come")
                if row.time_ms <= last_ms:
                    raise _Bad("it is not later than the row before it: sort the table by time, each time once")
            except (_Bad, NoTime) as error:
                yield RefusedRow(reader.line_num, str(error))
                continue
            last_ms = row.time_ms
            yield row
    except csv.Error as error:
        raise NoTable(f"line {reader.line_num}: {error}: is it a CSV file with {mapping.separator!r} in it?") from error


class _Columns:
    """Where in a row everything stands."""

    def __init__(self, heading: Sequence[str], mapping: Mapping) -> None:
        self._mapping = mapping
        self._width = len(heading)
        self._zone = ZoneInfo(mapping.time.zone)
        self._missing = frozenset(mapping.missing)
        wanted = [*mapping.time.columns, *(n for c in mapping.channels for n in (c.column, c.flag_column) if n)]
        for name in wanted:
            if heading.count(name) != 1:
                there = ", ".join(heading)[:400] or "nothing"
                what = "no column" if name not in heading else "more than one column"
                raise NoTable(f"its first line has {what} {name!r}; it names {there}: mend the mapping")
        self._time = [heading.index(name) for name in mapping.time.columns]
        self._value = [heading.index(c.column) for c in mapping.channels]
        self._flag = [heading.index(c.flag_column) if c.flag_column else None for c in mapping.channels]

    def row(self, texts: Sequence[str]) -> Row:
        if len(texts) != self._width:
            raise _Bad(f"it has {len(texts)} columns, and the first line {self._width}")
        time = self._mapping.time
        written = " ".join(texts[at].strip() for at in self._time)
        cells: list[Cell] = []
        for place, (channel, at) in enumerate(zip(self._mapping.channels, self._value, strict=True)):
            if text := texts[at].strip():
                cells.append(self._cell(place, channel, text, texts))
        return Row(utc_ms(written, time.format, self._zone, time.ambiguous), cells)

    def _cell(self, place: int, channel: ChannelMapping, text: str, texts: Sequence[str]) -> Cell:
        if text in self._missing:
            return Cell(place, math.nan, Flag.MISSING)
        value = self._number(text, channel.column)
        if (channel.factor, channel.offset) != (1.0, 0.0):  # 107 cm are 1.07 m, and not 1.0700000000000001
            value = float(f"{value * channel.factor + channel.offset:.12g}")
        if not math.isfinite(value):
            raise _Bad(f"{channel.column}: {text[:64]!r} is too large")
        at = self._flag[place]
        if at is None:
            return Cell(place, value, Flag.NOT_EVALUATED)
        word = self._mapping.flag_words.get(texts[at].strip())
        if word is None:
            raise _Bad(f"{channel.flag_column}: flag_words do not say what {texts[at][:64]!r} means")
        flag = flag_of(word)
        return Cell(place, math.nan if flag is Flag.MISSING else value, flag)

    def _number(self, text: str, column: str) -> float:
        plain = text
        if self._mapping.decimal_comma:
            plain = "?" if "." in text else text.replace(",", ".", 1)
        if not _NUMBER.fullmatch(plain):
            raise _Bad(f"{column}: {text[:64]!r} is no number; where it means none, name it in missing")
        return float(plain)
