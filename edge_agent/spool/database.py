"""The spool's database: its connection, its identity, its transactions; `edge_agent.spool.store` says what for."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.wire.envelope import Lane
from edge_agent.spool.file import COUNTS, SpoolCorrupt, SpoolFull, open_file, set_aside, translated
from edge_agent.timesync.timekeeping import Stamp

_NO_STAMP = Stamp()


@dataclass(frozen=True, slots=True)
class Spooled:
    """One batch in the spool. interval_ms: see `edge_agent.spool.thinning`. sent: it may have left the gateway."""

    seq: int
    lane: Lane
    created_ms: int
    bytes: int = 0
    interval_ms: int = 0
    stamp: Stamp = _NO_STAMP
    sent: bool = False


ROW = "seq, lane, created_ms, bytes, interval_ms, boot, offset_ms, timed, sent"


class SpoolDatabase:
    """One open file; used by one thread."""

    def __init__(
        self, path: Path, gateway: str, now_ms: int, cap_bytes: int = 2 * 1024**3, reserve_bytes: int = 8 * 1024**2
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.gateway = gateway
        self.cap_bytes = cap_bytes
        self.reserve_bytes = reserve_bytes
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

    @property
    def next_seq(self) -> int:
        return self._next_seq

    @property
    def bytes_waiting(self) -> int:
        return self._bytes

    @property
    def unsure(self) -> bool:
        """The run before ended while it was linked, and what it had is not yet marked as sent: the disk is full."""
        return self._all_sent_below > 0

    def remember(self, key: str, value: int | str) -> None:
        """A small fact over restarts."""
        with self._writing():
            self._set(key, value)

    def recall(self, key: str) -> int | str | None:
        row = self._one("select value from meta where key = ?", (key,))
        return None if row is None else row[0]

    def recall_number(self, key: str) -> int | None:
        """What was remembered, if it is a number."""
        found = self.recall(key)
        return found if isinstance(found, int) else None

    def close(self) -> None:
        self._db.close()

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
            if any(w.seq >= self._next_seq for w in self._rows(f"select {ROW} from batch")):
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
