"""The spool's file: numbered batches until the cloud has them, and counts of what became of readings.

Every write is on disk when it returns (WAL, synchronous FULL). Sequences are never used twice; the spool's identity is
a random number made with its file, so that a replaced spool can not be taken for the old one.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, decode_batch, encode_batch
from contract.wire.envelope import Lane, WireError
from edge_agent.spool.batches import COUNTS, Choice, Replacement, Spooled
from edge_agent.spool.file import SpoolCorrupt, SpoolFull, open_file, set_aside, translated
from edge_agent.spool.thinning import split
from edge_agent.timesync.timekeeping import Stamp

_ROW = "seq, lane, created_ms, bytes, interval_ms, boot, offset_ms, timed, sent"
_ADD_TOTALS = (
    f"insert into totals (channel, {', '.join(COUNTS)}) values (?{', ?' * len(COUNTS)}) "
    f"on conflict (channel) do update set {', '.join(f'{c} = {c} + excluded.{c}' for c in COUNTS)}"
)
_INSERT = (
    "insert into batch (seq, lane, created_ms, payload, bytes, interval_ms, boot, offset_ms, timed) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class SpoolDatabase:
    """One open file; used by one thread. What writes raises SpoolFull, and everything SpoolCorrupt.

    now_ms: UTC, for the list of runs. simulated: whether what is spooled from now on is of no real place; None: its
    batches do not say. set_aside: the new name of a file that was damaged. id: the spool's identity, 64 bits. Whoever
    wants disk faults handled asks `edge_agent.spool.store`.
    """

    def __init__(self, path: Path, gateway: str, now_ms: int, simulated: bool | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.gateway = gateway
        self._simulated = simulated
        self.set_aside: Path | None = None
        self._db: sqlite3.Connection
        self.id = 0
        self._next_seq = 1
        self._bytes = 0
        self._start(now_ms)

    def renew(self, now_ms: int) -> None:
        """Set the damaged file aside and begin a new one, with a new identity."""
        with suppress(sqlite3.Error):
            self._db.close()
        if self.path.exists():
            self.set_aside = set_aside(self.path, now_ms)
        self._start(now_ms)

    def close(self) -> None:
        self._db.close()

    # --- what it holds ---

    @property
    def next_seq(self) -> int:
        """The first sequence that was never given."""
        return self._next_seq

    @property
    def bytes_waiting(self) -> int:
        """Of the payloads of all batches."""
        return self._bytes

    @property
    def unsure(self) -> bool:
        """The run before ended while it was linked, and what it had is not yet marked as sent: the disk is full."""
        return self._all_sent_below > 0

    @property
    def to_forget(self) -> int:
        """Batches that are durable elsewhere, and still in the file: its disk was full."""
        return len(self._forgotten)

    def available_bytes(self) -> int:
        """What the disk has left, and the file has free inside."""
        disk = os.statvfs(self.path.parent)
        found = self._one("select freelist_count, page_size from pragma_freelist_count, pragma_page_size", ())
        free, size = found or (0, 0)
        return int(disk.f_bavail * disk.f_frsize + free * size)

    def floor(self) -> int:
        """Every sequence below it is settled here: durable in the cloud, or given up and counted."""
        row = self._one("select min(seq) from batch", ())
        return self._next_seq if row is None or row[0] is None else int(row[0])

    def waiting(self) -> list[Spooled]:
        """Everything that waits, by sequence."""
        return self._rows(f"select {_ROW} from batch order by seq")

    def oldest(self, choice: Choice) -> list[Spooled]:
        """What waits and is chosen, the oldest first."""
        where = [f"lane in ({', '.join(str(int(lane)) for lane in choice.lanes)})"]
        if choice.unsent:
            where.append("sent = 0")
        if choice.timed:
            where.append("timed = 1")
        if choice.below_interval_ms is not None:
            where.append(f"interval_ms < {choice.below_interval_ms:d}")
        if choice.before_ms is not None:
            where.append(f"created_ms < {choice.before_ms:d}")
        condition = " and ".join(where)
        return self._rows(f"select {_ROW} from batch where {condition} order by created_ms, seq limit {choice.limit:d}")

    def stamped(self) -> list[Spooled]:
        """What was spooled in a boot of the machine that is known by name, and never left; the oldest first."""
        return self._rows(f"select {_ROW} from batch where sent = 0 and boot != '' order by created_ms, seq")

    def payload(self, seq: int) -> bytes | None:
        """As it goes over the wire; None of one that is not there."""
        row = self._one("select payload from batch where seq = ?", (seq,))
        return None if row is None else bytes(row[0])

    def readings_of(self, rows: Sequence[Spooled]) -> ReadingBatch:
        """Of batches in the file, in their order."""
        parts = []
        for row in rows:
            try:
                parts.append(decode_batch(self.payload(row.seq) or b"").readings)
            except WireError as error:
                raise SpoolCorrupt(f"{self.path}: batch {row.seq}: {error}") from error
        return ReadingBatch.concat(parts)

    def totals(self, name: str) -> int:
        """One of COUNTS over all channels since the spool began."""
        row = self._one(f"select coalesce(sum({COUNTS[COUNTS.index(name)]}), 0) from totals", ())
        return int(row[0]) if row else 0

    # --- what changes it ---

    def replace(self, change: Replacement, last_commit_ms: int | None = None) -> list[Spooled]:
        """Old batches go, new ones come, counts grow: all of it or nothing. What came.

        last_commit_ms: UTC, when this brings readings; it stands in the list of runs after a restart.
        """
        seq, stamp, readings = self._next_seq, change.stamp, change.readings
        spooled: list[Spooled] = []
        with self._writing():
            freed = self._delete(self._forgotten | set(change.old))
            for part in split(readings):
                # A part of a merge begins later than the whole: its day decides its turn.
                later_ms = int(part.time_ms.min()) - int(readings.time_ms.min()) if change.old else 0
                payload = self._encode(seq, change.lane, part, stamp)
                row = Spooled(seq, change.lane, change.created_ms + later_ms, len(payload), change.interval_ms, stamp)
                values = (seq, int(row.lane), row.created_ms, payload, row.bytes, row.interval_ms)
                self._db.execute(_INSERT, (*values, stamp.boot, stamp.offset_ms, stamp.timed))
                spooled.append(row)
                seq += 1
            self._db.executemany(
                _ADD_TOTALS, [(c, *_counted(tuple(counts.items()))) for c, counts in change.counters.items()]
            )
            if (span := change.given_up) is not None:
                self._db.execute(
                    "insert into given_up (start_ms, end_ms, interval_ms) values (?, ?, ?) "
                    "on conflict (start_ms, interval_ms) do update set end_ms = max(end_ms, excluded.end_ms)",
                    (span.start_ms, span.end_ms, span.interval_ms),
                )
            self._set("next_seq", seq)
            if last_commit_ms is not None:
                self._set("last_commit_ms", last_commit_ms)
        self._forgotten.clear()
        self._next_seq = seq
        self._bytes += sum(s.bytes for s in spooled) - freed
        return spooled

    def retime(self, row: Spooled, readings: ReadingBatch, created_ms: int, stamp: Stamp) -> Spooled:
        """The same batch with other times, under the same sequence: only for one that was never sent."""
        payload = self._encode(row.seq, row.lane, readings, stamp)
        with self._writing():
            self._db.execute(
                "update batch set payload = ?, bytes = ?, created_ms = ?, boot = ?, offset_ms = ?, timed = ? "
                "where seq = ?",
                (payload, len(payload), created_ms, stamp.boot, stamp.offset_ms, stamp.timed, row.seq),
            )
        self._bytes += len(payload) - row.bytes
        return replace(row, created_ms=created_ms, bytes=len(payload), stamp=stamp)

    def forget(self, seqs: Iterable[int]) -> None:
        """These are durable elsewhere. What cannot be deleted now (SpoolFull) goes with the next write."""
        self._forgotten.update(seqs)
        if self._forgotten:
            with self._writing():
                freed = self._delete(self._forgotten)
            self._forgotten.clear()
            self._bytes -= freed

    def rename(self, durable: Iterable[int]) -> None:
        """A new identity for what waits, under the same sequences; durable goes. All of it or nothing."""
        name = secrets.randbits(64)
        with self._writing():
            freed = self._delete(self._forgotten | set(durable))
            for (seq,) in self._db.execute("select seq from batch order by seq").fetchall():
                (payload,) = self._db.execute("select payload from batch where seq = ?", (seq,)).fetchone()
                under_new_name = encode_batch(replace(decode_batch(payload), spool=name))
                self._db.execute("update batch set payload = ?, sent = 0 where seq = ?", (under_new_name, seq))
            self._set("spool", f"{name:016x}")
            self._set("linked", 0)
        self._forgotten.clear()
        self.id = name
        self._bytes -= freed

    def mark_linked(self) -> None:
        """From now on anything may leave. A run that ends without `mark_unlinked` leaves all it had marked as sent."""
        with self._writing():
            self._set("linked", 1)

    def mark_unlinked(self, sent: Iterable[int]) -> None:
        """Only these have left since `mark_linked`, and are not acknowledged."""
        with self._writing():
            self._db.executemany("update batch set sent = 1 where seq = ?", [(s,) for s in sent])
            self._set("linked", 0)

    # --- small facts over restarts ---

    def remember(self, key: str, value: int | str) -> None:
        with self._writing():
            self._set(key, value)

    def recall(self, key: str) -> int | str | None:
        """None: it was never remembered."""
        row = self._one("select value from meta where key = ?", (key,))
        return None if row is None else row[0]

    def recall_number(self, key: str) -> int | None:
        """What was remembered, if it is a number."""
        found = self.recall(key)
        return found if isinstance(found, int) else None

    def offset_of(self, boot: str) -> int | None:
        """UTC less monotonic in a boot, ms, as the cloud has said; None: it never did."""
        return self.recall_number(f"offset {boot}")

    def remember_offset(self, boot: str, offset_ms: int) -> None:
        """And forget those of boots of which nothing waits."""
        with self._writing():
            self._set(f"offset {boot}", offset_ms)
            self._db.execute(
                "delete from meta where key like 'offset %' and key != ? and substr(key, 8) not in "
                "(select boot from batch)",
                (f"offset {boot}",),
            )

    # --- inside ---

    def _start(self, now_ms: int) -> None:
        """Raises SpoolFull. A file that is damaged, or holds what no spool holds, is set aside."""
        try:
            self._load(now_ms)
        except (sqlite3.DatabaseError, SpoolCorrupt, ValueError, TypeError) as error:
            if isinstance(error, sqlite3.DatabaseError):
                meant = translated(error, self.path)
                if isinstance(meant, SpoolFull):  # busy, full or forbidden is not damaged
                    raise meant from error
            self.set_aside = set_aside(self.path, now_ms)
            self._load(now_ms)

    def _load(self, now_ms: int) -> None:
        """Raises what SQLite raises, SpoolFull, and ValueError or TypeError on cells that hold no such thing."""
        self._forgotten: set[int] = set()
        self._run: tuple[int, object] | None = None
        self._all_sent_below = 0
        self._db = open_file(self.path)
        try:
            if self.recall("spool") is None:
                with self._writing():
                    self._set("spool", f"{secrets.randbits(64):016x}")
                    self._set("next_seq", 1)
            self.id = int(str(self.recall("spool")), 16)
            self._next_seq = int(str(self.recall("next_seq")))
            if not 0 <= self.id < 2**64 or not 0 < self._next_seq < 2**63:
                raise ValueError("the spool's number or its next sequence is none")
            self._bytes = int(self._db.execute("select coalesce(sum(bytes), 0) from batch").fetchone()[0])
            if any(w.seq >= self._next_seq for w in self._rows(f"select {_ROW} from batch")):
                raise ValueError("a batch has a sequence that was never given")
            self._db.execute(f"select channel, {', '.join(COUNTS)} from totals limit 1").fetchone()
            self._db.execute("select id, started_ms, last_commit_ms from run limit 1").fetchone()
            self._db.execute("select start_ms, end_ms, interval_ms from given_up limit 1").fetchone()
            self._db.execute("select payload from batch limit 1").fetchone()
            self._run = (now_ms, self.recall("last_commit_ms"))
            self._all_sent_below = self._next_seq if self.recall("linked") == 1 else 0
            with suppress(SpoolFull), self._writing():  # a full disk must not keep the agent from starting
                pass
        except BaseException:
            self._db.close()
            raise

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._db.execute("begin immediate")
            if self._run is not None:
                self._db.execute("insert into run (started_ms, last_commit_ms) values (?, ?)", self._run)
            if self._all_sent_below:
                self._db.execute("update batch set sent = 1 where seq < ?", (self._all_sent_below,))
                self._set("linked", 0)
            yield
            self._db.execute("commit")
            self._run, self._all_sent_below = None, 0
        except BaseException as error:
            with suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("rollback")
            if isinstance(error, sqlite3.DatabaseError):
                raise translated(error, self.path) from error
            raise

    def _encode(self, seq: int, lane: Lane, readings: ReadingBatch, stamp: Stamp) -> bytes:
        return encode_batch(WireBatch(self.gateway, self.id, seq, lane, readings, stamp.timed, self._simulated))

    def _delete(self, seqs: Iterable[int]) -> int:
        freed = 0
        for seq in seqs:
            row = self._db.execute("delete from batch where seq = ? returning bytes", (seq,)).fetchone()
            freed += row[0] if row else 0
        return freed

    def _one(self, query: str, values: tuple[object, ...]) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._db.execute(query, values).fetchone()
        except sqlite3.DatabaseError as error:
            raise translated(error, self.path) from error
        return row

    def _rows(self, query: str) -> list[Spooled]:
        try:
            rows = self._db.execute(query).fetchall()
        except sqlite3.DatabaseError as error:
            raise translated(error, self.path) from error
        return [
            Spooled(seq, Lane(lane), int(created), int(size), interval, Stamp(boot, offset, bool(timed)), bool(sent))
            for seq, lane, created, size, interval, boot, offset, timed, sent in rows
            if seq not in self._forgotten
        ]

    def _set(self, key: str, value: object) -> None:
        self._db.execute(
            "insert into meta values (?, ?) on conflict (key) do update set value = excluded.value", (key, value)
        )


@lru_cache(1024)
def _counted(counts: tuple[tuple[str, int], ...]) -> tuple[int, ...]:
    """In the order of COUNTS; most channels have grown alike."""
    grown = dict(counts)
    return tuple(grown.get(name, 0) for name in COUNTS)
