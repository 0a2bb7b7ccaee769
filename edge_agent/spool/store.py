"""The gateway's memory: numbered batches in SQLite until the cloud has them, and counts of what became of readings.

Every commit is on disk when it returns (WAL, synchronous FULL). Sequences are never used twice; the spool's identity is
a random number made with its file, so that a replaced spool can not be taken for the old one.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, decode_batch, encode_batch
from contract.wire.envelope import Lane
from edge_agent.spool.database import ROW, SpoolDatabase, Spooled
from edge_agent.spool.file import COUNTS, GivenUp, Run, SpoolFull, read_runs, read_totals, read_waiting, translated
from edge_agent.spool.thinning import split
from edge_agent.timesync.timekeeping import Stamp

__all__ = ["COUNTS", "Counters", "Run", "Spool", "SpoolFull", "Spooled", "read_runs", "read_totals", "read_waiting"]

_ADD_TOTALS = (
    f"insert into totals (channel, {', '.join(COUNTS)}) values (?{', ?' * len(COUNTS)}) "
    f"on conflict (channel) do update set {', '.join(f'{c} = {c} + excluded.{c}' for c in COUNTS)}"
)
_INSERT = (
    "insert into batch (seq, lane, created_ms, payload, bytes, interval_ms, boot, offset_ms, timed) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

# channel -> counts by name, as far as they have grown since the last commit
Counters = Mapping[int, Mapping[str, int]]


class Spool(SpoolDatabase):
    """Used by one thread. Methods that write raise SpoolFull, and all of them SpoolCorrupt.

    cap_bytes: of batches. reserve_bytes: of disk; thinning itself must write, so it begins before the disk is full.
    `edge_agent.spool.retention` keeps both.
    """

    def available_bytes(self) -> int:
        """What the disk has left, and the file has free inside."""
        disk = os.statvfs(self.path.parent)
        free, size = self._one("select freelist_count, page_size from pragma_freelist_count, pragma_page_size", ()) or (
            0,
            0,
        )
        return int(disk.f_bavail * disk.f_frsize + free * size)

    def commit(
        self,
        readings: ReadingBatch,
        lane: Lane,
        counters: Counters,
        now_ms: int,
        synchronised: bool = True,
        stamp: Stamp | None = None,
    ) -> list[Spooled]:
        """Readings as batches, and the counts of the same moment, durable on return."""
        stamp = stamp or Stamp(timed=synchronised)
        return self.replace((), readings, lane, now_ms, 0, stamp, counters, last_commit_ms=now_ms)

    def replace(
        self,
        old: Sequence[int],
        readings: ReadingBatch,
        lane: Lane,
        created_ms: int,
        interval_ms: int,
        stamp: Stamp,
        counters: Counters,
        given_up: GivenUp | None = None,
        last_commit_ms: int | None = None,
    ) -> list[Spooled]:
        """Old batches go, new ones come, counts grow: all of it or nothing."""
        seq = self._next_seq
        spooled: list[Spooled] = []
        with self._writing():
            freed = self._delete(self._forgotten | set(old))
            for part in split(readings):
                # A part of a merge begins later than the whole: its day decides its turn.
                made_ms = created_ms + (int(part.time_ms.min()) - int(readings.time_ms.min()) if old else 0)
                payload = encode_batch(WireBatch(self.gateway, self.id, seq, lane, part, stamp.timed))
                row = Spooled(seq, lane, made_ms, len(payload), interval_ms, stamp)
                self._db.execute(
                    _INSERT,
                    (
                        seq,
                        int(lane),
                        made_ms,
                        payload,
                        row.bytes,
                        interval_ms,
                        stamp.boot,
                        stamp.offset_ms,
                        stamp.timed,
                    ),
                )
                spooled.append(row)
                seq += 1
            self._db.executemany(
                _ADD_TOTALS, [(c, *(counts.get(name, 0) for name in COUNTS)) for c, counts in counters.items()]
            )
            if given_up is not None:
                self._db.execute(
                    "insert into given_up (start_ms, end_ms, interval_ms) values (?, ?, ?) "
                    "on conflict (start_ms, interval_ms) do update set end_ms = max(end_ms, excluded.end_ms)",
                    (given_up.start_ms, given_up.end_ms, given_up.interval_ms),
                )
            self._set("next_seq", seq)
            if last_commit_ms is not None:
                self._set("last_commit_ms", last_commit_ms)
        self._forgotten.clear()
        self._next_seq = seq
        self._bytes += sum(s.bytes for s in spooled) - freed
        return spooled

    def floor(self) -> int:
        """Every sequence below it is settled here: durable in the cloud, or given up and counted."""
        row = self._one("select min(seq) from batch", ())
        return self._next_seq if row is None or row[0] is None else int(row[0])

    def retime(self, row: Spooled, readings: ReadingBatch, created_ms: int, stamp: Stamp) -> None:
        """The same batch with other times, under the same sequence: only for one that was never sent."""
        payload = encode_batch(WireBatch(self.gateway, self.id, row.seq, row.lane, readings, stamp.timed))
        with self._writing():
            self._db.execute(
                "update batch set payload = ?, bytes = ?, created_ms = ?, boot = ?, offset_ms = ?, timed = ? "
                "where seq = ?",
                (payload, len(payload), created_ms, stamp.boot, stamp.offset_ms, stamp.timed, row.seq),
            )
        self._bytes += len(payload) - row.bytes

    def payload(self, seq: int) -> bytes | None:
        row = self._one("select payload from batch where seq = ?", (seq,))
        return None if row is None else bytes(row[0])

    def waiting(self) -> list[Spooled]:
        """Everything that waits, by sequence."""
        return self._rows(f"select {ROW} from batch order by seq")

    def oldest(self, where: str, limit: int) -> list[Spooled]:
        """where: an SQL condition on the batch table, of this program's own making."""
        return self._rows(f"select {ROW} from batch where {where} order by created_ms, seq limit {limit:d}")

    def stamped(self) -> list[Spooled]:
        """What was spooled in a boot of the machine that is known by name, and never left; the oldest first."""
        return self.oldest("sent = 0 and boot != ''", -1)

    def offset_of(self, boot: str) -> int | None:
        """UTC less monotonic in a boot, as the cloud has said; None: it never did."""
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

    def oldest_ms(self) -> dict[Lane, int]:
        try:
            rows = self._db.execute("select lane, min(created_ms) from batch group by lane").fetchall()
        except sqlite3.DatabaseError as error:
            raise translated(error, self.path) from error
        return {Lane(lane): ms for lane, ms in rows}

    def forget(self, seqs: Iterable[int]) -> None:
        """These are durable elsewhere. What cannot be deleted now (SpoolFull) goes with the next write."""
        self._forgotten.update(seqs)
        if self._forgotten:
            with self._writing():
                freed = self._delete(self._forgotten)
            self._forgotten.clear()
            self._bytes -= freed

    @property
    def to_forget(self) -> int:
        """Batches that are durable elsewhere, and still in the file: its disk was full."""
        return len(self._forgotten)

    def rename(self, settled: Iterable[int]) -> None:
        """A new identity for what waits, under the same sequences; settled goes. All of it or nothing."""
        name = secrets.randbits(64)
        with self._writing():
            freed = self._delete(self._forgotten | set(settled))
            for (seq,) in self._db.execute("select seq from batch order by seq").fetchall():
                (payload,) = self._db.execute("select payload from batch where seq = ?", (seq,)).fetchone()
                known_by_now = encode_batch(replace(decode_batch(payload), spool=name))
                self._db.execute("update batch set payload = ?, sent = 0 where seq = ?", (known_by_now, seq))
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

    def totals(self, name: str) -> int:
        """One of COUNTS over all channels since the spool began."""
        row = self._one(f"select coalesce(sum({COUNTS[COUNTS.index(name)]}), 0) from totals", ())
        return int(row[0]) if row else 0
