"""Segment files: written whole or not at all, and deleted only when nobody reads them."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cloud.series.base import Hourly
from cloud.series.columns import ENCODING, from_table, to_table
from cloud.series.hourly import hourly_from, hourly_table
from cloud.series.manifest import Group, Manifest, Segment
from contract.readings import ReadingBatch
from host.files import sync

ROWS_PER_GROUP = {"hour": 8192, "day": 16_384, "month": 1 << 20}
_HOURLY_ROWS = 2048
_OPEN_FILES = 64
_KEPT_HOURS = 250_000  # rows of rollups that are kept read, some 30 MB: a year of 28 channels
Found = tuple[int, str, str, int, int, int]


class SegmentFiles:
    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._manifest = manifest
        self._lock = threading.Lock()
        self._readers = 0
        self._open: OrderedDict[str, pq.ParquetFile] = OrderedDict()
        self._hours: OrderedDict[tuple[str, int], Hourly] = OrderedDict()  # those asked for last stand last
        self._hours_rows = 0
        self.sweep()

    # --- writing ---

    def write_raw(self, span: str, start_ms: int, end_ms: int, parts: Iterable[ReadingBatch]) -> Segment:
        """A file of parts that are `ordered`, each of channels above the last one's. Durable on return."""
        return self._write("raw", span, start_ms, end_ms, _pieces(parts, span))

    def write_hourly(self, span: str, start_ms: int, end_ms: int, parts: Iterable[Hourly]) -> Segment:
        return self._write("hourly", span, start_ms, end_ms, _hourly_pieces(parts))

    def _write(
        self, kind: str, span: str, start_ms: int, end_ms: int, parts: Iterable[tuple[pa.Table, Group]]
    ) -> Segment:
        name = f"{kind}-{span}-{start_ms // 1000}-{uuid.uuid4().hex[:12]}.parquet"
        temporary = self._folder / f"{name}.new"
        groups: list[Group] = []
        rows = 0
        writer: pq.ParquetWriter | None = None
        try:
            for table, group in parts:
                if writer is None:
                    writer = _writer(temporary, table.schema, kind)
                writer.write_table(table.cast(writer.schema), row_group_size=max(len(table), 1))
                groups.append(group)
                rows += len(table)
        finally:
            if writer is not None:
                writer.close()
        sync(temporary)
        temporary.rename(self._folder / name)
        sync(self._folder)
        size = (self._folder / name).stat().st_size
        return Segment(0, kind, span, start_ms, end_ms, name, rows, size, tuple(groups))

    # --- reading ---

    def reading(self, found: Sequence[Found]) -> Reading:
        """To be used in a `with`: until it ends no file is deleted."""
        with self._lock:
            self._readers += 1
        return Reading(self, found)

    def done(self) -> None:
        with self._lock:
            self._readers -= 1

    def table(self, path: str, group: int) -> pa.Table:
        with self._lock:
            file = self._open.pop(path, None)
            if file is None:
                file = pq.ParquetFile(self._folder / path, memory_map=True)
            self._open[path] = file
            while len(self._open) > _OPEN_FILES:
                self._open.popitem(last=False)
            table: pa.Table = file.read_row_group(group, use_threads=False)
        return table

    def hours(self, path: str, group: int) -> Hourly:
        """A row group of rollups: a file never changes, and of a year each answer needs a dozen of them. Not to be
        written to."""
        with self._lock:
            known = self._hours.pop((path, group), None)
        found = known if known is not None else hourly_from(self.table(path, group))
        with self._lock:
            if known is not None:
                self._hours_rows -= len(known.channel)
            again = self._hours.pop((path, group), None)  # another thread has read it meanwhile
            self._hours_rows += len(found.channel) - (len(again.channel) if again is not None else 0)
            self._hours[path, group] = found
            while self._hours_rows > _KEPT_HOURS:
                self._hours_rows -= len(self._hours.popitem(last=False)[1].channel)
        return found

    def sweep(self) -> None:
        """Delete what the manifest does not name: left by a crash, or merged into something larger."""
        with self._lock:
            if self._readers:
                return
            wanted = self._manifest.all_paths()
            for file in self._folder.glob("*.parquet*"):
                if file.name not in wanted:
                    self._open.pop(file.name, None)
                    file.unlink(missing_ok=True)
            for key in [k for k in self._hours if k[0] not in wanted]:
                self._hours_rows -= len(self._hours.pop(key).channel)

    def close(self) -> None:
        self._open.clear()


class Reading:
    """Row groups that a query wants, in order of sealing."""

    def __init__(self, files: SegmentFiles, found: Sequence[Found]) -> None:
        self._files, self._found = files, found

    def __enter__(self) -> Reading:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.done()

    def tables(self) -> Iterator[pa.Table]:
        for _, _, path, number, _, _ in self._found:
            yield self._files.table(path, number)

    def batches(self) -> Iterator[ReadingBatch]:
        return (from_table(t) for t in self.tables())

    def hours(self) -> Iterator[Hourly]:
        return (self._files.hours(path, number) for _, _, path, number, _, _ in self._found)


def _pieces(parts: Iterable[ReadingBatch], span: str) -> Iterator[tuple[pa.Table, Group]]:
    """Row groups: months one a channel (a year of one channel is then twelve reads), others by size."""
    for part in parts:
        table = to_table(part)
        if span == "month":
            cuts = [0, *(np.flatnonzero(part.channel[1:] != part.channel[:-1]) + 1).tolist(), len(part)]
        else:
            cuts = [*range(0, len(part), ROWS_PER_GROUP[span]), len(part)]
        for a, b in itertools.pairwise(cuts):
            if b > a:
                yield table.slice(a, b - a), _group(part.take(slice(a, b)))


def _hourly_pieces(parts: Iterable[Hourly]) -> Iterator[tuple[pa.Table, Group]]:
    """Row groups of whole channels, small: a question is for a few channels and a long time."""
    for h in parts:
        table = hourly_table(h)
        starts = np.flatnonzero(np.diff(h.channel, prepend=-1))
        cuts = [0]
        for start in (*starts.tolist(), len(h.channel)):
            if start - cuts[-1] >= _HOURLY_ROWS or start == len(h.channel):
                cuts.append(start)
        for a, b in itertools.pairwise(cuts):
            if b > a:
                channel, hour = h.channel[a:b], h.hour_ms[a:b]
                group = Group(int(channel[0]), int(channel[-1]), int(hour.min()), int(hour.max()))
                yield table.slice(a, b - a), group


def _group(part: ReadingBatch) -> Group:
    return Group(int(part.channel[0]), int(part.channel[-1]), int(part.time_ms.min()), int(part.time_ms.max()))


def _writer(path: Path, schema: pa.Schema, kind: str) -> pq.ParquetWriter:
    if kind == "hourly":
        return pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False)
    return pq.ParquetWriter(
        path, schema, compression="zstd", use_dictionary=False, column_encoding=ENCODING, write_statistics=False
    )
