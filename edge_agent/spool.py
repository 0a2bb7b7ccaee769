"""The gateway's memory: numbered batches in SQLite until the cloud has them, and counts of what became of readings.

Every commit is on disk when it returns (WAL, synchronous FULL). Sequences are never used twice; the spool's identity is
a random number made with its file, so that a replaced spool can not be taken for the old one.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.clock import iso
from contract.readings import ReadingBatch
from contract.wire import Lane, WireBatch, encode_batch

MAX_READINGS_PER_BATCH = 500
_MAX_SPAN_MS = 2**31 - 1
COUNTS = ("made", "reported", "suppressed", "corrected")
_SCHEMA = """
create table if not exists meta (key text primary key, value) without rowid;
create table if not exists batch (
    seq integer primary key, lane integer not null, created_ms integer not null, payload blob not null);
create table if not exists totals (
    channel integer primary key, made integer not null default 0, reported integer not null default 0,
    suppressed integer not null default 0, corrected integer not null default 0);
create table if not exists run (id integer primary key, started_ms integer not null, last_commit_ms integer);
"""

_ADD_TOTALS = """
insert into totals values (?, ?, ?, ?, ?) on conflict (channel) do update set
    made = made + excluded.made, reported = reported + excluded.reported,
    suppressed = suppressed + excluded.suppressed, corrected = corrected + excluded.corrected
"""

_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN}

# channel -> counts by name, as far as they have grown since the last commit
Counters = Mapping[int, Mapping[str, int]]


class SpoolFull(Exception):
    """The disk has no room; nothing of this commit is kept. Make room, or the agent will have to count losses."""


@dataclass(frozen=True, slots=True)
class Spooled:
    seq: int
    lane: Lane
    created_ms: int


class Spool:
    """Used by one thread.

    cap_bytes: when the batches outgrow it the oldest go, alarms last; `dropped` counts them by lane.
    """

    def __init__(self, path: Path, gateway: str, now_ms: int, cap_bytes: int = 2 * 1024**3) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.gateway = gateway
        self.cap_bytes = cap_bytes
        self.set_aside: Path | None = None
        self.dropped: Counter[str] = Counter()
        try:
            self._start(now_ms)
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _PASSING:
                raise  # busy, full or forbidden is not damaged
            self.set_aside = _set_aside(path, now_ms)
            self._start(now_ms)

    def _start(self, now_ms: int) -> None:
        self._db = _open(self.path)
        try:
            self._load(now_ms)
        except BaseException:
            self._db.close()
            raise

    def _load(self, now_ms: int) -> None:
        """Raises what SQLite raises, or ValueError or TypeError on cells that hold no such thing."""
        row = self._db.execute("select value from meta where key = 'spool'").fetchone()
        self._begin()
        if row is None:
            self._set("spool", f"{secrets.randbits(64):016x}")
            self._set("next_seq", 1)
        self._db.execute(
            "insert into run (started_ms, last_commit_ms) values (?, ?)", (now_ms, self._get("last_commit_ms"))
        )
        self._db.execute("commit")
        self.id = int(str(self._get("spool")), 16)
        self._next_seq = int(str(self._get("next_seq")))
        if not 0 <= self.id < 2**64 or not 0 < self._next_seq < 2**63:
            raise ValueError("the spool's number or its next sequence is none")
        self._bytes = int(self._db.execute("select coalesce(sum(length(payload)), 0) from batch").fetchone()[0])
        if any(w.seq >= self._next_seq for w in self.waiting()):
            raise ValueError("a batch has a sequence that was never given")
        self._db.execute("select channel, made, reported, suppressed, corrected from totals limit 1").fetchone()

    @property
    def next_seq(self) -> int:
        return self._next_seq

    @property
    def bytes_waiting(self) -> int:
        return self._bytes

    def commit(
        self, readings: ReadingBatch, lane: Lane, counters: Counters, now_ms: int, synchronised: bool = True
    ) -> tuple[list[Spooled], list[int]]:
        """Readings as batches, and the counts of the same moment, durable on return.

        Returns what was spooled, and the sequences thrown out to keep the cap. Raises SpoolFull.
        """
        seq = self._next_seq
        spooled: list[Spooled] = []
        rows: list[tuple[int, int, int, bytes]] = []
        for part in split(readings):
            payload = encode_batch(WireBatch(self.gateway, self.id, seq, lane, part, synchronised))
            spooled.append(Spooled(seq, lane, now_ms))
            rows.append((seq, int(lane), now_ms, payload))
            seq += 1
        try:
            self._begin()
            self._db.executemany("insert into batch values (?, ?, ?, ?)", rows)
            self._db.executemany(
                _ADD_TOTALS,
                [(channel, *(counts.get(name, 0) for name in COUNTS)) for channel, counts in counters.items()],
            )
            self._set("next_seq", seq)
            self._set("last_commit_ms", now_ms)
            self._db.execute("commit")
        except sqlite3.OperationalError as error:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise SpoolFull(f"{self.path}: {error}: make room on its disk") from error
        self._next_seq = seq
        self._bytes += sum(len(r[3]) for r in rows)
        return spooled, self._keep_cap()

    def payload(self, seq: int) -> bytes | None:
        row = self._db.execute("select payload from batch where seq = ?", (seq,)).fetchone()
        return None if row is None else bytes(row[0])

    def waiting(self) -> list[Spooled]:
        rows = self._db.execute("select seq, lane, created_ms from batch order by seq")
        return [Spooled(seq, Lane(lane), int(created_ms)) for seq, lane, created_ms in rows]

    def oldest_ms(self) -> dict[Lane, int]:
        rows = self._db.execute("select lane, min(created_ms) from batch group by lane")
        return {Lane(lane): ms for lane, ms in rows}

    def forget(self, seqs: Iterable[int]) -> None:
        """These are durable elsewhere."""
        wanted = [(s,) for s in seqs]
        if not wanted:
            return
        self._begin()
        freed = 0
        for (seq,) in wanted:
            row = self._db.execute("delete from batch where seq = ? returning length(payload)", (seq,)).fetchone()
            freed += row[0] if row else 0
        self._db.execute("commit")
        self._bytes -= freed

    def close(self) -> None:
        self._db.close()

    def _keep_cap(self) -> list[int]:
        out: list[int] = []
        while self._bytes > self.cap_bytes:
            row = self._db.execute(
                "select seq, lane from batch order by lane = ?, seq limit 1", (int(Lane.ALARM),)
            ).fetchone()
            if row is None:
                break
            self.forget([row[0]])
            self.dropped[Lane(row[1]).name.lower()] += 1
            out.append(row[0])
        return out

    def _begin(self) -> None:
        self._db.execute("begin immediate")

    def _get(self, key: str) -> object:
        row = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def _set(self, key: str, value: object) -> None:
        self._db.execute(
            "insert into meta values (?, ?) on conflict (key) do update set value = excluded.value", (key, value)
        )


def split(readings: ReadingBatch) -> list[ReadingBatch]:
    """Into batches the wire can carry: not too many readings, not too long a time."""
    if not len(readings):
        return []
    if len(readings) <= MAX_READINGS_PER_BATCH and int(readings.time_ms.max() - readings.time_ms.min()) <= _MAX_SPAN_MS:
        return [readings]
    ordered = readings.take(np.argsort(readings.time_ms, kind="stable"))
    out, start = [], 0
    while start < len(ordered):
        last = np.searchsorted(ordered.time_ms, ordered.time_ms[start] + _MAX_SPAN_MS, side="right")
        end = min(int(last), start + MAX_READINGS_PER_BATCH)
        out.append(ordered.take(slice(start, end)))
        start = end
    return out


def read_totals(path: Path) -> dict[int, dict[str, int]]:
    """Counts of every channel in a spool file that nobody need have open: channel -> made, reported, ..."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("select channel, made, reported, suppressed, corrected from totals order by channel")
        return {row[0]: dict(zip(COUNTS, row[1:], strict=True)) for row in rows}


@dataclass(frozen=True, slots=True)
class Run:
    """One start of the agent. last_commit_ms: of the run before it; None at the first."""

    started_ms: int
    last_commit_ms: int | None


def read_runs(path: Path) -> list[Run]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return [Run(*row) for row in db.execute("select started_ms, last_commit_ms from run order by id")]


def read_waiting(path: Path) -> int:
    """Batches not yet acknowledged."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return int(db.execute("select count(*) from batch").fetchone()[0])


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    try:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        db.execute("pragma journal_size_limit = 8388608")
        answer = db.execute("pragma quick_check(1)").fetchone()[0]
        if answer != "ok":
            raise sqlite3.DatabaseError(answer)
        db.executescript(_SCHEMA)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _set_aside(path: Path, now_ms: int) -> Path:
    """A file that cannot be read is kept under another name: somebody may still get readings out of it."""
    stamp = iso(now_ms).replace(":", "").replace(".", "")
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        extra = path.with_name(path.name + suffix)
        if extra.exists():
            extra.rename(target.with_name(target.name + suffix))
    return target
