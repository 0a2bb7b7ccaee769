"""A recorded series out of the CSV files that people have: loggers', spreadsheets', exports of other systems.

What a file does not say is assumed only where nothing else is possible, and every assumption is told. What could be
read in two ways is refused, with the option that says which is meant.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

import numpy as np

from contract.documents import ConfigError, Mistake
from contract.readings import ReadingBatch
from edge_agent.processing.csv_cells import Refused, looks_like_time, times, values, zone_of
from host.files import read_given

CHANNEL = 1  # the one channel of the batch that comes out
_MAX_MISTAKES = 100
_MAX_BYTES = 1 << 28
_LONGEST_LINE = 1 << 20  # its cells take many times its own room
_SEPARATORS = (",", ";", "\t", "|")
_TIME_NAMES = frozenset(
    (
        "time",
        "time_ms",
        "timestamp",
        "datetime",
        "date_time",
        "date",
        "ts",
        "when",
        "utc",
        "utc_time",
        "local_time",
        "时间",
        "日期",
        "时刻",
        "日期时间",
        "监测时间",
        "采集时间",
    )
)
_VALUE_NAMES = frozenset(
    (
        "value",
        "val",
        "reading",
        "depth",
        "level",
        "stage",
        "depth_m",
        "level_m",
        "stage_m",
        "rain",
        "rainfall",
        "rain_total",
        "值",
        "数值",
        "读数",
        "水位",
        "水深",
        "液位",
        "雨量",
    )
)
_CHANNEL_NAMES = frozenset(("channel", "sensor", "station", "id", "name", "tag", "通道", "测点", "站点", "编号"))


@dataclass(frozen=True, slots=True)
class CsvForm:
    """What is said about a file; None is found out, or refused.

    time, value: a column's name, or its number from 1. Two columns joined by a plus sign make one time ("date+time").
    channel: which channel, in a file of several; `COLUMN=WHICH` names the column, too. tz: the zone of times that have
    none (`Asia/Shanghai`, `+08:00`). sep, decimal: one character each. encoding: a codec's name.
    """

    time: str | None = None
    value: str | None = None
    channel: str | None = None
    tz: str | None = None
    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None


@dataclass(slots=True)
class Series:
    """A recorded series. text: (time, value) as they came. readings: what they mean, one channel.

    assumed: what the file left open, in words. contradicted: rows whose time another row has with another value.
    """

    text: Sequence[tuple[str, str]]
    readings: ReadingBatch
    assumed: list[str] = field(default_factory=list)
    contradicted: Sequence[int] = ()


def read_series(file: Path, form: CsvForm | None = None) -> Series:
    """Raises ConfigError naming the lines that cannot be read, the first hundred of them."""
    form = form or CsvForm()
    assumed: list[str] = []
    try:
        text = _text(file, form.encoding, assumed)
        zone = zone_of(form.tz)
        rows = _rows(text, form, assumed)
        columns = _columns(rows, form, assumed)
        return _series(file, rows, columns, form, zone, assumed)
    except ConfigError:
        raise
    except (OSError, EOFError, UnicodeError, LookupError, csv.Error, zlib.error, Refused) as error:
        raise ConfigError([Mistake(file, 1, f"cannot be read: {error}")]) from error


# --- the text ---


def _text(file: Path, encoding: str | None, assumed: list[str]) -> str:
    content = read_given(file, _MAX_BYTES)
    if content[:2] == b"\x1f\x8b":
        with gzip.open(io.BytesIO(content)) as packed:
            content = packed.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise Refused(f"it holds more than {_MAX_BYTES >> 20} MiB: cut it into parts")
    if encoding is not None:
        return content.decode(encoding).removeprefix("\ufeff")
    if content[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return content.decode("utf-32")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    if content[:2] == b"PK":
        raise Refused("it is a spreadsheet's own file or another archive: save the sheet as CSV, or unpack it")
    if b"\0" in content[:1000]:
        which = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
        raise Refused(f"it holds zero bytes, as UTF-16 has them: say --encoding {which}, unless the file is damaged")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        raise Refused("it is neither UTF-8, UTF-16 nor GBK: name its --encoding") from None
    assumed.append("text: taken for GBK (--encoding says otherwise)")
    return text


class _Rows:
    """Every row that is not empty and no comment, as (line, cells); cut anew each time, for a large file's cells take
    many times its own room."""

    def __init__(self, text: str, separator: str) -> None:
        self._text, self._separator = text, separator

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        for n, line in _lines(self._text):
            yield n, [cell.strip() for cell in next(csv.reader([line], delimiter=self._separator))]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for n, (start, end) in enumerate(_ends(text), 1):
        if end - start > _LONGEST_LINE:
            raise Refused(f"line {n} is longer than {_LONGEST_LINE >> 20} MiB: is this a table?")
        line = text[start:end]
        if line.strip() and not line.startswith("#") and not (n == 1 and _SAYS_SEPARATOR.fullmatch(line.strip())):
            yield n, line


def _ends(text: str) -> Iterator[tuple[int, int]]:
    """Where each line begins and ends, in place: io.StringIO would take four times the room of the text."""
    start = 0
    for end in _LINE_END.finditer(text):
        yield start, end.start()
        start = end.end()
    yield start, len(text)


_LINE_END = re.compile(r"\r\n?|\n")
_SAYS_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)  # the first line of a spreadsheet's export


def _rows(text: str, form: CsvForm, assumed: list[str]) -> _Rows:
    some = [line for _, line in itertools.islice(_lines(text), 20)]
    separator = form.sep.replace("\\t", "\t") if form.sep is not None else _separator(some)
    if len(separator) != 1:
        raise Refused(f"--sep {form.sep!r} is not one character")
    if form.sep is None and separator != "," and some:
        assumed.append(f"columns: taken to be separated by {_SAID.get(separator, separator)} (--sep says otherwise)")
    return _Rows(text, separator)


_SAID = {"\t": "tabs", ";": "semicolons", "|": "bars"}


def _separator(lines: Sequence[str]) -> str:
    """The one that cuts every line into the same number of cells, two at least; a comma may be a decimal point."""
    for separator in ("\t", ";", "|", ","):
        counts = {len(next(csv.reader([line], delimiter=separator))) for line in lines}
        if len(counts) == 1 and counts.pop() >= 2:
            return separator
    return next((s for s in _SEPARATORS if all(s in line for line in lines)), ",")


# --- columns ---


@dataclass(frozen=True, slots=True)
class _Columns:
    """time, value: places in a row. header: how many rows are one. which: (place, text) of the channel asked for."""

    time: Sequence[int]
    value: int
    header: int
    which: tuple[int, str] | None


def _columns(rows: _Rows, form: CsvForm, assumed: list[str]) -> _Columns:
    first = next((cells for _, cells in rows), None)
    if first is None:
        assumed.append("it is empty: no line but comments")
        return _Columns((0,), 1, 0, None)
    if len(first) < 2 and form.sep is None:
        line = next(line for line, _ in rows)
        raise Refused(
            f"line {line} is one column: say what separates columns (--sep ' '), "
            "or put # before what stands above the header"
        )
    header = not any(looks_like_time(cell) for cell in first)
    names = [_plain(cell) for cell in first] if header else []
    time = _time_columns(first, form.time, names)
    value = _value_column(form.value, names, len(first), time)
    which = _which(rows, int(header), form.channel, names, {*time, value})
    if header and form.value is None and names[value] not in _VALUE_NAMES and len(first) > 2:
        assumed.append(f"value: taken from column {first[value]!r} (--value says otherwise)")
    return _Columns(time, value, int(header), which)


def _time_columns(first: Sequence[str], asked: str | None, names: Sequence[str]) -> Sequence[int]:
    width = len(first)
    if asked is not None:
        return [_column("--time", part, names, width) for part in asked.split("+")]
    if names:
        found = [i for i, name in enumerate(names) if name in _TIME_NAMES]
        if len(found) == 2 and {names[i] for i in found} in ({"date", "time"}, {"日期", "时间"}):
            return sorted(found, key=lambda i: names[i] not in ("date", "日期"))
        if len(found) == 1:
            return found
        if not found and width == 2:
            return [0]
        raise Refused(f"which column is the time? It has {', '.join(names)}: say --time NAME")
    if width == 2 or looks_like_time(first[0]):
        return [0]
    raise Refused("which column is the time? It has no header: say --time NUMBER, from 1")


def _value_column(asked: str | None, names: Sequence[str], width: int, time: Sequence[int]) -> int:
    if asked is not None:
        return _column("--value", asked, names, width)
    others = [i for i in range(width) if i not in time]
    if names:
        found = [i for i in others if names[i] in _VALUE_NAMES]
        if len(found) == 1:
            return found[0]
        not_channels = [i for i in others if names[i] not in _CHANNEL_NAMES]
        if not found and len(not_channels) == 1:
            return not_channels[0]
        raise Refused(f"which column is the value? It has {', '.join(names)}: say --value NAME")
    if len(others) == 1:
        return others[0]
    raise Refused(f"which of its {width} columns is the value? It has no header: say --value NUMBER, from 1")


def _which(
    rows: _Rows, header: int, asked: str | None, names: Sequence[str], taken: set[int]
) -> tuple[int, str] | None:
    column, equals, wanted = (asked or "").rpartition("=")
    if equals:
        place = _column("--channel", column, names, len(next(iter(rows))[1]))
    else:
        places = [i for i, name in enumerate(names) if name in _CHANNEL_NAMES and i not in taken]
        if not places:
            if asked is not None:
                raise Refused(f"it has no column of channels: say --channel COLUMN={asked}")
            return None
        place = places[0]
    found = sorted({_cell(row, place) for _, row in itertools.islice(rows, header, None)})
    if asked is None:
        if len(found) <= 1:
            return None
        some = ", ".join(found[:8]) + (", ..." if len(found) > 8 else "")
        raise Refused(f"it holds {len(found)} channels ({some}): say --channel WHICH")
    if wanted not in found:
        raise Refused(f"it holds no channel {wanted!r}; it holds {', '.join(found[:8])}")
    return place, wanted


def _column(option: str, asked: str, names: Sequence[str], width: int) -> int:
    if _plain(asked) in names:
        return list(names).index(_plain(asked))
    if asked.isdigit() and 1 <= int(asked) <= width:
        return int(asked) - 1
    has = f"its columns are {', '.join(names)}" if names else f"it has {width} columns and no header"
    raise Refused(f"{option} {asked!r}: there is no such column; {has}")


def _plain(cell: str) -> str:
    """A column's name without its unit: "Depth (m)", "水位(m)", "Time_UTC" -> depth, 水位, time_utc."""
    return re.sub(r"[\s]*[(（\[].*$", "", cell.strip().strip('"').lower()).replace(" ", "_")


def _cell(row: Sequence[str], place: int) -> str:
    return row[place] if place < len(row) else ""


# --- times and values ---


def _series(
    file: Path, rows: _Rows, columns: _Columns, form: CsvForm, zone: tzinfo | None, assumed: list[str]
) -> Series:
    def said() -> Iterator[tuple[int, list[str], str, str]]:
        """(line, cells, time, value) of the rows of the channel that is meant."""
        for line, row in itertools.islice(rows, columns.header, None):
            if columns.which is None or _cell(row, columns.which[0]) == columns.which[1]:
                yield line, row, " ".join(_cell(row, i) for i in columns.time).strip(), _cell(row, columns.value)

    read_time = times((when for _, _, when, _ in said()), zone, assumed)
    read_value = values((what for _, _, _, what in said()), form.decimal, assumed)
    mistakes: list[Mistake] = []
    text: list[tuple[str, str]] = []
    time_ms, value = array("q"), array("d")
    for line, row, when, what in said():
        try:
            if len(row) <= max(*columns.time, columns.value):
                raise ValueError("a cell is missing")
            found = read_time(when), read_value(what)
        except ValueError as error:
            mistakes.append(Mistake(file, line, f"{','.join(row[:3])[:80]!r} is not time,value: {str(error)[:160]}"))
            if len(mistakes) >= _MAX_MISTAKES:
                break
            continue
        time_ms.append(found[0])
        value.append(found[1])
        text.append((when, what))
    if mistakes:
        raise ConfigError(mistakes)
    readings = ReadingBatch.of(time_ms, np.full(len(time_ms), CHANNEL), value)
    return Series(text, readings, assumed, _contradicted(readings))


def _contradicted(readings: ReadingBatch) -> Sequence[int]:
    """Rows that say of one time what another row says otherwise; the same said twice contradicts nobody."""
    order = np.lexsort((readings.value, readings.time_ms))
    t, v = readings.time_ms[order], readings.value[order]
    same = t[1:] == t[:-1]
    differs = same & (v[1:] != v[:-1]) & ~(np.isnan(v[1:]) & np.isnan(v[:-1]))
    return sorted(np.flatnonzero(np.isin(readings.time_ms, t[1:][differs])).tolist())
