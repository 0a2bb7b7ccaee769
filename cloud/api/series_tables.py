"""What is asked of series, and its answer as tables of Arrow, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from cloud.hydrology.rainfall import counter_of
from cloud.series.base import SeriesStore
from cloud.series.blocks import Wanted, blocks
from cloud.series.figures import USABLE, Figures, Holding
from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.quantities import QuantityKind
from contract.readings import Flag, Float64s, Int64s, ReadingBatch

Table: TypeAlias = Any  # of pyarrow, which has no types
Fill = Literal["none", "null", "previous"]
TIME = pa.timestamp("ms", "UTC")
_WORDS = pa.dictionary(pa.int32(), pa.string())
_NAMES = ("station", "name", "quantity", "unit")
#: Figures that are values of the channel, in its unit; percentiles p1 to p99 beside them.
VALUES = ("mean", "minimum", "maximum", "first", "last")
FIGURES = (*VALUES, "minimum_time", "maximum_time", "sum", "count", "above_s", "covered_s", "flag")
HOLDS_HEARTBEATS = 2


@dataclass(frozen=True, slots=True)
class Question:
    """channels: rising. edges_ms: of the intervals, or start and end where the readings themselves are asked for, and
    `figures` is empty. above: what `above_s` compares with. flags: of the readings that count. named: with the names of
    each channel. until_ms: now."""

    channels: Sequence[ChannelInfo]
    edges_ms: Int64s
    figures: Sequence[str]
    above: float
    flags: Sequence[Flag]
    fill: Fill
    named: bool
    until_ms: int

    @classmethod
    def of_hours(cls, catalogue: Catalogue, channels: Sequence[int], edges_ms: Int64s, until_ms: int) -> Question:
        """The figures of `/v1/readings?interval=1h`."""
        wanted = [catalogue.channels[c] for c in sorted(set(channels))]
        return cls(wanted, edges_ms, VALUES, 0.0, USABLE, "none", named=False, until_ms=until_ms)

    def wanted(self) -> list[Wanted]:
        """What is to be read for it."""
        return [self._wanted(c) for c in self.channels]

    def _wanted(self, c: ChannelInfo) -> Wanted:
        period_ms = max(round(c.period_s * 1000), 1)
        if not self.figures:
            return Wanted(c.id, period_ms)
        counts = "sum" in self.figures and c.quantity.kind is QuantityKind.COUNTER
        return Wanted(c.id, period_ms, hold_ms(c) or 0, further=counts)


def hold_ms(c: ChannelInfo) -> int | None:
    """How long a reading of a channel holds: until it must have been heard again. None: an amount does not."""
    if c.quantity.kind is QuantityKind.AMOUNT:
        return None
    return heard_within_ms(c)


def heard_within_ms(c: ChannelInfo) -> int:
    """How long a channel may be silent, whatever its readings are of."""
    return round(HOLDS_HEARTBEATS * 1000 * max(c.reporting.heartbeat_s, c.period_s))


def tables(question: Question, store: SeriesStore) -> Iterator[Table]:
    """Long: a row a channel and reading or interval, by channel, then time. At least one table, perhaps empty."""
    known = Known()
    none = True
    for block in blocks(store, question.wanted(), question.edges_ms):
        if not question.figures:
            table = _of_readings(question, block.readings)
        else:
            infos = {c.id: c for c in question.channels if c.id in {w.channel for w in block.wanted}}
            parts = [_of_one(question, infos[w.channel], r, block.edges_ms, known) for w, r in block.each()]
            table = pa.concat_tables(parts)
        if len(table):
            none = False
            yield table
    if none:
        yield _empty(question)


class Known:
    """The last value of each channel that counted, from block to block: what `fill=previous` fills with."""

    def __init__(self) -> None:
        self._value: dict[int, float] = {}

    def before(self, channel: int, readings: ReadingBatch, flags: Sequence[Flag], edges_ms: Int64s) -> Float64s:
        """What each interval is filled with: float64[m], NaN where nothing was known before it."""
        counts = np.isin(readings.flag, flags) & ~np.isnan(readings.value)
        time_ms, value = readings.time_ms[counts], readings.value[counts]
        carried = self._value.get(channel, np.nan)
        place = np.searchsorted(time_ms, edges_ms[:-1], side="left") - 1
        out = np.append(value, carried)[place]  # -1, nothing before: the last, which is what was carried
        if len(value):
            self._value[channel] = float(value[-1])
        return np.asarray(out)


def _of_readings(q: Question, readings: ReadingBatch) -> Table:
    chosen = readings.take(np.isin(readings.flag, q.flags))
    columns: dict[str, Any] = {"time": _times(chosen.time_ms), "channel": pa.array(chosen.channel)}
    if q.named:
        columns |= _names(q.channels, chosen.channel)
    columns["value"] = pa.array(chosen.value, mask=~np.isfinite(chosen.value))
    columns["flag"] = pa.array(chosen.flag)
    return pa.table(columns)


def _of_one(q: Question, c: ChannelInfo, readings: ReadingBatch, edges_ms: Int64s, known: Known) -> Table:
    figures = Figures(readings, edges_ms, Holding(hold_ms(c), q.until_ms), q.flags)
    mean, rows = figures.mean(), figures.rows()
    says = (rows > 0) | ~np.isnan(mean)
    number = np.full(len(says), c.id, np.uint32)
    columns: dict[str, Any] = {"time": _times(edges_ms[:-1]), "channel": pa.array(number)}
    if q.named:
        columns |= _names([c], number)
    filled = np.full(len(says), np.nan)
    if q.fill == "previous":
        filled = known.before(c.id, readings, q.flags, edges_ms)
    for name in q.figures:
        columns |= _figure(name, figures, c, q.above, filled)
    if q.fill == "previous":
        columns["filled"] = pa.array(np.isnan(mean) & ~np.isnan(filled))
    table = pa.table(columns)
    return table if q.fill != "none" else table.filter(pa.array(says))


def _figure(name: str, figures: Figures, c: ChannelInfo, above: float, filled: Float64s) -> dict[str, Any]:
    """Columns by name: `sum` brings `at_least`."""
    if name == "sum":
        total, part = figures.amount(), np.zeros(len(filled), np.bool_)
        if c.quantity.kind is QuantityKind.COUNTER:
            total, part = figures.counted(counter_of(c))
        return {name: _floats(total), "at_least": pa.array(part)}
    if name in VALUES or name.startswith("p"):
        value = getattr(figures, name)() if name in VALUES else figures.percentile(float(name[1:]))
        return {name: _floats(np.where(np.isnan(value), filled, value))}
    worst = figures.worst_flag()
    others = {
        "count": lambda: pa.array(figures.count()),
        "flag": lambda: pa.array(worst, mask=worst == 0),
        "minimum_time": lambda: _times(figures.minimum_ms()),
        "maximum_time": lambda: _times(figures.maximum_ms()),
        "above_s": lambda: _floats(figures.above_s(above)),
        "covered_s": lambda: _floats(figures.covered_s()),
    }
    return {name: others[name]()}


def _floats(value: Float64s) -> Any:
    return pa.array(value, mask=~np.isfinite(value))


def _times(time_ms: Int64s | Float64s) -> Any:
    missing = np.isnan(time_ms) if time_ms.dtype.kind == "f" else None
    whole = time_ms if missing is None else np.where(missing, 0.0, time_ms).astype(np.int64)
    return pa.array(whole, pa.int64(), mask=missing).cast(TIME)


def _names(channels: Sequence[ChannelInfo], number: np.ndarray) -> dict[str, Any]:
    """Words of each row's channel, each said once. channels: rising."""
    place = np.searchsorted([c.id for c in channels], number).astype(np.int32)
    words: Mapping[str, list[str]] = {
        "station": [c.station.id for c in channels],
        "name": [title(c) for c in channels],
        "quantity": [c.quantity.value for c in channels],
        "unit": [c.unit for c in channels],
    }
    return {
        key: pa.DictionaryArray.from_arrays(pa.array(place), pa.array(words[key], pa.string())).cast(_WORDS)
        for key in _NAMES
    }


def title(c: ChannelInfo) -> str:
    """What people call a channel, with its station."""
    name = c.name or c.quantity.value
    return name if c.station.name in name else f"{c.station.name}, {name}"


def _empty(q: Question) -> Table:
    nothing = ReadingBatch.empty()
    if not q.figures:
        return _of_readings(q, nothing)
    return _of_one(q, q.channels[0], nothing, q.edges_ms[:2], Known()).slice(0, 0)


def wide(question: Question, store: SeriesStore, heads: Mapping[int, str]) -> Table:
    """A row an interval, a column a channel and figure: `<head> <figure>`. Every interval is there. heads: of each
    channel. All of it stands in memory."""
    m = len(question.edges_ms) - 1
    columns: dict[str, Any] = {"time": _times(question.edges_ms[:-1])}
    parts: dict[int, list[Table]] = {}
    for table in tables(question, store):
        numbers = table.column("channel").to_numpy()
        for number in np.unique(numbers).tolist():
            first, end = np.searchsorted(numbers, [number, number + 1])
            parts.setdefault(number, []).append(table.slice(int(first), int(end - first)))
    for number, found in parts.items():
        whole = pa.concat_tables(found)
        assert len(whole) == m, "a fill that leaves no interval out"
        for name in whole.column_names:
            if name not in ("time", "channel", *_NAMES):
                columns[f"{heads[number]}.{name}"] = whole.column(name)
    return pa.table(columns)
