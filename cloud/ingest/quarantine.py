"""Where refused batches are kept with their bytes, until somebody mends the cause and releases them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.ingest.admission import Refusal
from cloud.log.base import Key
from contract.wire.envelope import RefusalReason
from host.sqlite import connect, opening, transaction

# Bytes that nobody can tell apart from noise are kept up to so many; readings of a gateway we know, all of them.
_NOISE_KEPT = 1000
_REMEDY = "move it away: the cloud makes a new one at its next start, and nothing in it was ever shown as a reading"
_SCHEMA = """
create table if not exists refused (
    id integer primary key, digest text not null unique, received_ms integer not null, topic text not null,
    gateway text not null, spool text not null, seq integer not null, reason text not null, detail text not null,
    payload blob not null, released_ms integer);
"""


@dataclass(frozen=True, slots=True)
class QuarantinedBatch:
    """A refused batch. released_ms: None while it waits."""

    id: int
    received_ms: int
    topic: str
    gateway: str
    spool: int
    seq: int
    reason: RefusalReason
    detail: str
    payload: bytes
    released_ms: int | None


_WAITING = (
    "select id, received_ms, topic, gateway, spool, seq, reason, detail, payload, released_ms from refused "
    "where released_ms is null and"
)


class Quarantine:
    """Safe from any thread; every call is durable on return. A damaged file: StoreDamaged."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._path = path
        with opening(path, _REMEDY):
            self._db = connect(path)
            try:
                self._db.executescript(_SCHEMA)
            except BaseException:
                self._db.close()
                raise

    def keep(self, refusals: Sequence[Refusal], now_ms: int) -> None:
        """A second delivery of the same bytes is kept once."""
        rows = []
        for r in refusals:
            digest = hashlib.sha256(r.topic.encode() + b"\0" + r.payload).hexdigest()
            head = (digest, now_ms, r.topic, r.gateway, f"{r.spool:016x}", r.seq, r.reason.value, r.detail)
            rows.append((*head, r.payload))
        with self._lock, transaction(self._db):
            self._db.executemany(
                "insert or ignore into refused "
                "(digest, received_ms, topic, gateway, spool, seq, reason, detail, payload) "
                "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._db.execute(
                "delete from refused where seq = 0 and id <= (select id from refused where seq = 0 "
                "order by id desc limit 1 offset ?)",
                (_NOISE_KEPT,),
            )

    def waiting(self, limit: int = 1000) -> list[QuarantinedBatch]:
        return self._select("true order by id limit ?", limit)

    def one(self, number: int) -> QuarantinedBatch | None:
        """A batch that waits, by its id."""
        return next(iter(self._select("id = ?", number)), None)

    def ever_kept(self) -> list[Key]:
        """(gateway, spool, seq) of every batch that was ever kept and is not noise."""
        with self._lock:
            rows = self._db.execute("select gateway, spool, seq from refused where seq > 0").fetchall()
        return [(gateway, int(spool, 16), seq) for gateway, spool, seq in rows]

    def count(self) -> int:
        """How many wait."""
        with self._lock:
            row = self._db.execute("select count(*) from refused where released_ms is null").fetchone()
        return int(row[0])

    def released(self, ids: Sequence[int], now_ms: int) -> None:
        with self._lock:
            self._db.executemany("update refused set released_ms = ? where id = ?", [(now_ms, i) for i in ids])

    def forget(self, before_ms: int) -> int:
        """Batches that were refused before, released or not, go with their bytes; how many. The log goes on knowing
        that they came."""
        with self._lock, transaction(self._db):
            return self._db.execute("delete from refused where received_ms < ?", (before_ms,)).rowcount

    def _select(self, where: str, value: int) -> list[QuarantinedBatch]:
        with self._lock:
            rows = self._db.execute(
                f"{_WAITING} {where}",
                (value,),
            ).fetchall()
        out = []
        with opening(self._path, _REMEDY):
            for number, received_ms, topic, gateway, spool, seq, reason, detail, payload, released_ms in rows:
                why = RefusalReason(reason)
                out.append(
                    QuarantinedBatch(
                        number, received_ms, topic, gateway, int(spool, 16), seq, why, detail, payload, released_ms
                    )
                )
        return out

    def close(self) -> None:
        self._db.close()
