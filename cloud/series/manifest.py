"""Which segments there are, and where in them a channel and a time stand: kept outside the files, so that no footer
is read to find that a file has nothing to say."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.log.base import START, Cursor
from host.sqlite import connect, opening, transaction

_REMEDY = "stop the cloud and run `headwater-cloud view rebuild series`: the log has all of it"
_SCHEMA = """
create table if not exists meta (key text primary key, value integer not null) without rowid;
create table if not exists segment (
    id integer primary key, kind text not null, span text not null, start_ms integer not null, end_ms integer not null,
    path text not null, rows integer not null, bytes integer not null);
create table if not exists row_group (
    segment integer not null references segment (id) on delete cascade, number integer not null,
    channel_min integer not null, channel_max integer not null, t_min integer not null, t_max integer not null,
    primary key (segment, number)) without rowid;
create index if not exists row_group_channel on row_group (channel_min, channel_max);
"""


@dataclass(frozen=True, slots=True)
class Group:
    """A row group: first and last channel and time in it."""

    channel_min: int
    channel_max: int
    t_min: int
    t_max: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed file. kind: raw or hourly. span: hour, day or month. id: in the order of sealing; 0 before."""

    id: int
    kind: str
    span: str
    start_ms: int
    end_ms: int
    path: str
    rows: int
    bytes: int
    groups: tuple[Group, ...] = ()


def forget(path: Path) -> None:
    """Removes a manifest that cannot be opened; the next one knows of no file, and the store sweeps them away."""
    for name in (f"{path.name}-wal", f"{path.name}-shm", path.name):
        path.with_name(name).unlink(missing_ok=True)


class Manifest:
    """One writing thread, any number of readers. A damaged file: StoreDamaged."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._path = path
        with opening(path, _REMEDY):
            self._db = connect(path)
            try:
                self._db.execute("pragma foreign_keys = on")
                self._db.executescript(_SCHEMA)
            except BaseException:
                self._db.close()
                raise

    def cursor(self) -> Cursor:
        with self._lock, opening(self._path, _REMEDY):
            row = self._db.execute("select value from meta where key = 'cursor'").fetchone()
            return Cursor(int(row[0])) if row else START

    def commit(self, add: Sequence[Segment], remove: Sequence[int] = (), cursor: Cursor | None = None) -> None:
        """All or nothing, durable on return."""
        with self._lock, transaction(self._db):
            self._db.executemany("delete from segment where id = ?", [(i,) for i in remove])
            for s in add:
                values = (s.kind, s.span, s.start_ms, s.end_ms, s.path, s.rows, s.bytes)
                new = self._db.execute(
                    "insert into segment (kind, span, start_ms, end_ms, path, rows, bytes) "
                    "values (?, ?, ?, ?, ?, ?, ?)",
                    values,
                ).lastrowid
                groups = [(new, n, g.channel_min, g.channel_max, g.t_min, g.t_max) for n, g in enumerate(s.groups)]
                self._db.executemany("insert into row_group values (?, ?, ?, ?, ?, ?)", groups)
            if cursor is not None:
                self._db.execute("insert or replace into meta values ('cursor', ?)", (cursor,))

    def segments(self, kind: str, span: str, start_ms: int, end_ms: int) -> list[Segment]:
        """Those of a span that begin in [start_ms, end_ms), in order of sealing."""
        query = (
            "select id, kind, span, start_ms, end_ms, path, rows, bytes from segment "
            "where kind = ? and span = ? and start_ms >= ? and start_ms < ? order by id"
        )
        with self._lock:
            return [Segment(*row) for row in self._db.execute(query, (kind, span, start_ms, end_ms))]

    def all_paths(self) -> set[str]:
        with self._lock:
            return {path for (path,) in self._db.execute("select path from segment")}

    def spans(self, kind: str, span: str) -> list[int]:
        """The starts of all segments of a span."""
        query = "select distinct start_ms from segment where kind = ? and span = ? order by start_ms"
        with self._lock:
            return [start for (start,) in self._db.execute(query, (kind, span))]

    def find(
        self, kind: str, low: int, high: int, start_ms: int, end_ms: int
    ) -> list[tuple[int, str, str, int, int, int]]:
        """(segment, span, path, row group, channel_min, channel_max) that may hold channels low..high in the time."""
        query = (
            "select s.id, s.span, s.path, g.number, g.channel_min, g.channel_max from row_group g "
            "join segment s on s.id = g.segment where s.kind = ? and g.channel_min <= ? and g.channel_max >= ? "
            "and g.t_min < ? and g.t_max >= ? order by s.id, g.number"
        )
        with self._lock:
            return self._db.execute(query, (kind, high, low, end_ms, start_ms)).fetchall()

    def clear(self) -> None:
        with self._lock:
            self._db.executescript("delete from segment; delete from meta;")

    def close(self) -> None:
        self._db.close()
