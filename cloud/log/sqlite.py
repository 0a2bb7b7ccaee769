"""The embedded batch log: SQLite, WAL, synchronous FULL; one row an entry.

What was seen stands in tables of its own, so that trimming the log never forgets it: per spool a contiguous prefix, and
the runs of sequences above it. Rows and what is seen change in one transaction.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from cloud.log.ahead import Ahead
from cloud.log.base import NOTES, Cursor, Entry, EntryKind, Key, LostBatches, NewEntry
from cloud.log.lost import Losses, lost
from cloud.log.recent import Recent, bounded
from cloud.log.sequences import Run, SeenSequences
from contract.wire.envelope import Lane
from host.sqlite import StoreDamaged, connect, insert, opening, transaction

log = logging.getLogger(__name__)

_SCHEMA = """
create table if not exists entry (
    offset integer primary key autoincrement, append_ms integer not null, kind integer not null, gateway text not null,
    spool text not null, seq integer not null, lane integer not null, t_min integer not null, t_max integer not null,
    payload blob not null);
drop index if exists entry_time; -- of earlier releases: every append paid for it, and nothing asked
create table if not exists prefix (
    gateway text not null, spool text not null, seq integer not null, primary key (gateway, spool)) without rowid;
create table if not exists run ( -- above the prefix: first to last were seen
    gateway text not null, spool text not null, first integer not null, last integer not null,
    primary key (gateway, spool, first)) without rowid;
-- Where entries of few kinds stand, and how far the log's order is ahead of time from there on; null: as before.
create table if not exists note (offset integer primary key, kind integer not null, ahead_ms integer);
"""
_AT_ONCE = 5000  # entries to trim in one transaction: nobody who appends waits long
_READ_BYTES = 1_000_000  # ninety thousand readings: what a view takes in at once is bounded, however large batches are
_GOES = f"kind in ({int(EntryKind.BATCH)}, {int(EntryKind.TICK)}, {int(EntryKind.IMPORTED)})"
_TRIM = (
    f"delete from entry where offset in (select offset from entry where {_GOES} and offset <= ? "  # noqa: S608
    f"and offset < (select max(offset) from entry) order by offset limit {_AT_ONCE})"
)
_NOWHERE = frozenset({EntryKind.TICK, EntryKind.CLOCK})  # of no spool
_KIND = {int(k): k for k in EntryKind}  # a look-up costs a tenth of a call of the enum
_LANE = {int(x): x for x in Lane}
_TICK = NewEntry("", 0, 0, _LANE[0], 0, 0, b"", EntryKind.TICK)
_Spool = tuple[str, int]
_REMEDY = "move it away and start with a copy, or empty: the gateways send again what was never acknowledged"
_FIELDS = "append_ms, kind, gateway, spool, seq, lane, t_min, t_max, payload"
_COLUMNS = f"offset, {_FIELDS}"


class SqliteLog:
    """See `cloud.log.base.BatchLog`; it is its own `SeenStore`, for both stand in one file and change together.

    Raises sqlite3.OperationalError from `append` when the disk is full: nothing of that call is kept then, and nothing
    of it may be acknowledged. A damaged file: StoreDamaged, at start and from the reads.
    """

    @classmethod
    def in_folder(cls, folder: Path) -> SqliteLog:
        return cls(folder / "log.sqlite")

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._append_lock = threading.Lock()
        self._news = threading.Condition()
        self._readers = threading.local()
        self._seen: dict[_Spool, SeenSequences] = {}
        self._last_offset = self._last_ms = 0
        self._ahead = Ahead()
        self._recent = Recent()  # under the lock of _news
        with opening(path, _REMEDY):
            self._db = connect(path)
            try:
                self._db.executescript(_SCHEMA)
                self._take_over()
                self._losses = Losses(self._db)
                self._load()
            except BaseException:
                self._db.close()
                raise

    def _load(self) -> None:
        rows: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
        for gateway, spool, first, final in self._db.execute("select * from run order by gateway, spool, first"):
            rows[gateway, spool].append((int(first), int(final)))
        for gateway, spool, seq in self._db.execute("select gateway, spool, seq from prefix"):
            self._seen[str(gateway), int(spool, 16)] = SeenSequences(int(seq), rows.get((gateway, spool), ()))
        last = self._db.execute("select offset, append_ms from entry order by offset desc limit 1").fetchone()
        if last:
            self._last_offset, self._last_ms = int(last[0]), int(last[1])
        steps = self._db.execute("select offset, ahead_ms from note where ahead_ms is not null order by offset")
        self._ahead = Ahead(tuple((int(offset), int(ahead_ms)) for offset, ahead_ms in steps))

    def _take_over(self) -> None:
        """What an earlier release wrote sequence by sequence."""
        db = self._db
        if not db.execute("select 1 from sqlite_master where name = 'above'").fetchone():
            return
        with transaction(db):
            rows: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
            for gateway, spool, seq in db.execute("select gateway, spool, seq from above order by gateway, spool, seq"):
                rows[gateway, spool].append(int(seq))
            prefixes = {(g, s): int(n) for g, s, n in db.execute("select gateway, spool, seq from prefix")}
            for (gateway, spool), seqs in rows.items():
                seen = SeenSequences(prefixes.get((gateway, spool), 0), zip(seqs, seqs, strict=True))
                db.execute("insert or replace into prefix values (?, ?, ?)", (gateway, spool, seen.prefix))
                db.executemany("insert into run values (?, ?, ?, ?)", [(gateway, spool, *run) for run in seen.runs()])
            db.execute("drop table above")

    def append(self, entries: Sequence[NewEntry], now_ms: int, kept_elsewhere: Sequence[Key] = ()) -> Sequence[bool]:
        with self._append_lock:
            append_ms = max(now_ms + self._ahead.last_ms, self._last_ms)
            fresh: list[bool] = []
            rows: list[NewEntry] = []
            changed: dict[_Spool, SeenSequences] = {}
            for e in entries:
                gateway, spool, seq = e.known_by or (e.gateway, e.spool, e.seq)
                seen = self._changing(changed, gateway, spool)
                new = seq not in seen
                fresh.append(new)
                if new:
                    seen.add(seq)
                    rows.append(e)
            for gateway, spool, seq in kept_elsewhere:
                seen = self._changing(changed, gateway, spool)
                if seq not in seen:
                    seen.add(seq)
            if rows or kept_elsewhere:
                last = self._write(rows, append_ms, changed)
                self._seen.update(changed)
                self._appended(rows, append_ms, last)
        return fresh

    def settled(self, gateway: str, spool: int, floor: int) -> None:
        key = (gateway, spool)
        with self._append_lock:
            known = self._seen.get(key)
            looked_for = self._losses.looked_for
            if known is None and not looked_for:
                return
            if known is not None and floor - 1 <= known.prefix and not self._losses.awaits(gateway, spool):
                return
            seen = known.copy() if known is not None else SeenSequences()
            seen.settle(floor)
            missing: list[LostBatches] = []
            try:
                with transaction(self._db):
                    if looked_for:
                        missing = self._losses.heard(gateway, spool, known or SeenSequences(), floor)
                    self._write_seen({key: seen})
            except BaseException:
                self._losses.taken_back()
                raise
            self._seen[key] = seen
        for gone in missing:
            what = "batches %d to %d of %s (spool %016x): acknowledged after the backup and lost, or given up there"
            log.error(what, gone.first, gone.last, gateway, spool)

    def trim(self, until: Cursor) -> int:
        gone = 0
        while True:
            with self._append_lock, transaction(self._db):
                some = self._db.execute(_TRIM, (until,)).rowcount
            gone += some
            with self._news:
                self._recent.clear()
            if some < _AT_ONCE:
                return gone

    def put_back(self) -> None:
        with self._append_lock, transaction(self._db):
            self._losses.begin()

    def lost(self) -> Sequence[LostBatches]:
        return lost(self._reader())

    def tick(self, now_ms: int) -> None:
        with self._append_lock:
            append_ms = max(now_ms + self._ahead.last_ms, self._last_ms)
            self._appended([_TICK], append_ms, self._write([_TICK], append_ms, {}))

    def put_right(self, now_ms: int, payload: bytes) -> None:
        with self._append_lock:
            append_ms = max(now_ms, self._last_ms)
            ahead_ms = append_ms - now_ms
            before = self._ahead
            try:
                with transaction(self._db):
                    row = NewEntry("", 0, 0, _LANE[0], now_ms, now_ms, payload, EntryKind.CLOCK)
                    offset = self._insert([row], append_ms, ahead_ms)
                    self._ahead = before.then(offset, ahead_ms)  # known before the entry can be read
            except BaseException:
                self._ahead = before
                raise
            self._appended([row], append_ms, offset)

    def now_ms(self) -> int:
        return self._last_ms - self._ahead.last_ms

    def read(self, after: Cursor, limit: int) -> Sequence[Entry]:
        with self._news:
            found = self._recent.behind(after, limit)
        if not found:
            return self._entries("where offset > ? order by offset limit ?", after, limit, most_bytes=_READ_BYTES)
        return bounded(found, _READ_BYTES)

    def place_at(self, time_ms: int) -> Cursor:
        """By halves: times never fall along the offsets, so they need no index of their own."""
        low, high = 0, self._last_offset  # the place is one of these, and what lies between
        next_one = "select append_ms from entry where offset > ? order by offset limit 1"
        while low < high:
            middle = (low + high) // 2
            row = self._reader().execute(next_one, (middle,)).fetchone()
            if row is None or row[0] >= time_ms:
                high = middle
            else:
                low = middle + 1
        return Cursor(low)

    def tail(self, most: int) -> Sequence[Entry]:
        return self._entries("order by offset desc limit ?", most)[::-1]

    def notes(self, kind: EntryKind) -> Sequence[Entry]:
        return self._entries("where offset in (select offset from note where kind = ?) order by offset", int(kind))

    def end(self) -> Cursor:
        return Cursor(self._last_offset)

    def behind(self, cursor: Cursor) -> int:
        return max(0, self._last_offset - cursor)

    @property
    def seen(self) -> SqliteLog:
        """Itself, see above."""
        return self

    def was_seen(self, key: Key) -> bool:
        known = self._seen.get(key[:2])
        return known is not None and key[2] in known

    def acknowledged(self, gateway: str, spool: int) -> tuple[int, int]:
        seen = self._seen.get((gateway, spool))
        return (seen.prefix, seen.highest) if seen else (0, 0)

    def gaps(self, gateway: str, spool: int) -> int | None:
        seen = self._seen.get((gateway, spool))
        return None if seen is None else seen.gaps

    def opens_gap(self, key: Key) -> bool:
        seen = self._seen.get(key[:2]) or SeenSequences()
        return seen.opens_gap(key[2])

    def wait(self, after: Cursor, timeout_s: float) -> bool:
        with self._news:
            return self._news.wait_for(lambda: self._last_offset > after, timeout_s)

    def close(self) -> None:
        self._db.close()

    def _changing(self, changed: dict[_Spool, SeenSequences], gateway: str, spool: int) -> SeenSequences:
        """A copy to work on: what is not committed must not be remembered."""
        key = (gateway, spool)
        if key not in changed:
            known = self._seen.get(key)
            changed[key] = known.copy() if known else SeenSequences()
        return changed[key]

    def _write(self, rows: Sequence[NewEntry], append_ms: int, changed: Mapping[_Spool, SeenSequences]) -> int:
        """The offset of the last."""
        with transaction(self._db):
            last = self._insert(rows, append_ms)
            self._write_seen(changed)
        return last

    def _insert(self, rows: Sequence[NewEntry], append_ms: int, ahead_ms: int | None = None) -> int:
        """Entries of any kind, within a transaction: the offset of the last; theirs follow one another."""
        db, last = self._db, 0
        if rows:
            insert(db, f"insert into entry ({_FIELDS})", [_row(e, append_ms) for e in rows])
            last = int(db.execute("select last_insert_rowid()").fetchone()[0])
        notes = [(n, int(e.kind), ahead_ms) for n, e in enumerate(rows, last + 1 - len(rows)) if e.kind in NOTES]
        insert(db, "insert into note", notes)
        return last

    def _write_seen(self, changed: Mapping[_Spool, SeenSequences]) -> None:
        """Within a transaction."""
        prefixes: list[tuple[str, str, int]] = []
        gone: list[tuple[str, str, int]] = []
        kept: list[tuple[str, str, int, int]] = []
        for (gateway, spool), seen in changed.items():
            key = (gateway, f"{spool:016x}")
            prefixes.append((*key, seen.prefix))
            gone += [(*key, first) for first, last in seen.stored.items() if last is None]
            kept += [(*key, first, last) for first, last in seen.stored.items() if last is not None]
        db = self._db
        insert(db, "insert or replace into prefix", prefixes)
        if gone:
            db.executemany("delete from run where gateway = ? and spool = ? and first = ?", gone)
        insert(db, "insert or replace into run", kept)

    def _appended(self, rows: Sequence[NewEntry], append_ms: int, last: int) -> None:
        ahead_ms = self._ahead.last_ms
        entries = [_entry_of(e, offset, append_ms, ahead_ms) for offset, e in enumerate(rows, last + 1 - len(rows))]
        with self._news:
            self._last_ms = append_ms
            if entries:
                self._last_offset = last
            self._recent.add(entries)
            self._news.notify_all()

    def _entries(self, where: str, *values: int, most_bytes: float = float("inf")) -> list[Entry]:
        rows = self._reader().execute(f"select {_COLUMNS} from entry {where}", values)  # noqa: S608 - our own words
        entries = bounded(map(_entry, rows), most_bytes)
        rows.close()
        ahead = self._ahead
        if not ahead.steps:
            return entries
        return [e._replace(ahead_ms=ahead.at(e.offset)) for e in entries]

    def _reader(self) -> sqlite3.Connection:
        """A connection a thread: readers never wait for the writer."""
        db: sqlite3.Connection | None = getattr(self._readers, "db", None)
        if db is None:
            db = self._readers.db = connect(self._path)
        return db


def _row(e: NewEntry, append_ms: int) -> tuple[object, ...]:
    spool = f"{e.spool:016x}" if e.kind not in _NOWHERE else ""
    at = (e.time_min_ms, e.time_max_ms)
    return append_ms, int(e.kind), e.gateway, spool, e.seq, int(e.lane), *at, e.payload


def _entry_of(e: NewEntry, offset: int, append_ms: int, ahead_ms: int) -> Entry:
    at = (e.time_min_ms, e.time_max_ms)
    return Entry(Cursor(offset), append_ms, e.kind, e.gateway, e.spool, e.seq, e.lane, *at, e.payload, ahead_ms)


def span_of(path: Path) -> tuple[int, int] | None:
    """The times of the first batch or tick and of the last entry of a log, UTC ms. None: there is none to be read.

    Nothing is made or changed.
    """
    try:
        db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
        try:
            first = db.execute(f"select append_ms from entry where {_GOES} order by offset limit 1").fetchone()  # noqa: S608
            last = db.execute("select append_ms from entry order by offset desc limit 1").fetchone()
        finally:
            db.close()
    except sqlite3.Error:
        return None
    return (int(first[0]), int(last[0])) if first else None


def _entry(row: tuple[int, int, int, str, str, int, int, int, int, bytes]) -> Entry:
    offset, append_ms, kind, gateway, spool, seq, lane, t_min, t_max, payload = row
    try:
        number = int(spool or "0", 16)
        times = int(append_ms), int(t_min), int(t_max)
        return Entry(
            Cursor(offset),
            times[0],
            _KIND[kind],
            gateway,
            number,
            int(seq),
            _LANE[lane],
            times[1],
            times[2],
            bytes(payload),
        )
    except (LookupError, ValueError, TypeError) as error:
        raise StoreDamaged(f"row {offset} of the log is damaged ({error}): {_REMEDY}") from error
