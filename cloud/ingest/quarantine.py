"""Where refused batches are kept with their bytes, until somebody mends the cause and releases them."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.ingest.admission import Refusal
from cloud.log.base import Key
from contract.wire.envelope import RefusalReason
from host.sqlite import connect, opening, transaction

log = logging.getLogger(__name__)

# Bytes that nobody can tell apart from noise are kept up to so many; readings of a gateway up to its quota.
_NOISE_KEPT = 1000
_SPARE = 0.02  # of a quota, made free at once when it is reached: not every batch then pays for one that goes
_REMEDY = "move it away: the cloud makes a new one at its next start, and nothing in it was ever shown as a reading"
_SCHEMA = """
create table if not exists refused (
    id integer primary key, digest text not null unique, received_ms integer not null, topic text not null,
    gateway text not null, spool text not null, seq integer not null, reason text not null, detail text not null,
    payload blob not null, released_ms integer);
-- Who fills his quota must not make a scan of it of every batch that comes, for alarms wait in the same thread.
drop index if exists refused_by_gateway;
create index if not exists refused_noise on refused (id) where seq = 0;
create index if not exists refused_waiting on refused (id) where released_ms is null;
create index if not exists refused_sizes on refused (gateway, released_ms is null, id, length(payload));
-- What was let go because its gateway had too much here, since ever.
create table if not exists let_go (gateway text primary key, batches integer not null) without rowid;
"""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much is kept of one gateway. What names no gateway of the district has one for all of it together."""

    batches: int = 50_000
    bytes: int = 128 << 20


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """A refused batch that waits, without its bytes. size: of them."""

    id: int
    received_ms: int
    gateway: str
    spool: int
    seq: int
    reason: RefusalReason
    detail: str
    size: int


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
    """Safe from any thread; every call is durable on return. A damaged file: StoreDamaged.

    gateways: of the district; None: each name that comes has a quota of its own.
    """

    def __init__(self, path: Path, quota: Quota | None = None, gateways: Collection[str] | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._path = path
        self._quota = quota or Quota()
        self._gateways = gateways
        with opening(path, _REMEDY):
            self._db = connect(path)
            try:
                self._db.executescript(_SCHEMA)
                self._db.create_function("owner", 1, self._owner, deterministic=True)
                self._held = self._holds()
            except BaseException:
                self._db.close()
                raise

    def keep(self, refusals: Sequence[Refusal], now_ms: int) -> None:
        """A second delivery of the same bytes is kept once. Of a gateway that has more here than its quota the oldest
        go, those that were released first; what waited is counted, see `let_go`."""
        rows = []
        more: Counter[str] = Counter()
        for r in refusals:
            digest = hashlib.sha256(r.topic.encode() + b"\0" + r.payload).hexdigest()
            head = (digest, now_ms, r.topic, r.gateway, f"{r.spool:016x}", r.seq, r.reason.value, r.detail)
            rows.append((*head, r.payload))
            more[self._owner(r.gateway)] += len(r.payload)
        with self._lock:
            held = self._held.copy()
            with transaction(self._db):
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
                counts = Counter(self._owner(r.gateway) for r in refusals)
                for owner, size in more.items():
                    batches, before = held.get(owner, (0, 0))
                    held[owner] = (batches + counts[owner], before + size)
                    if self._too_much(held[owner]):  # counted high: of what came twice, and of noise
                        held[owner] = self._make_room(owner)
            self._held = held

    def let_go(self) -> Mapping[str, int]:
        """Batches that waited and were let go for want of room, by gateway, since ever."""
        with self._lock:
            return dict(self._db.execute("select gateway, batches from let_go order by gateway").fetchall())

    def listed(self, limit: int = 100, before: int | None = None) -> list[KeptBatch]:
        """What waits, newest first, without its bytes. before: those with a smaller id."""
        with self._lock, opening(self._path, _REMEDY):
            rows = self._db.execute(
                "select id, received_ms, gateway, spool, seq, reason, detail, length(payload) from refused "
                "where released_ms is null and id < ? order by id desc limit ?",
                (before if before is not None else 2**63 - 1, limit),
            ).fetchall()
            return [
                KeptBatch(number, received_ms, gateway, int(spool, 16), seq, RefusalReason(reason), detail, size)
                for number, received_ms, gateway, spool, seq, reason, detail, size in rows
            ]

    def numbers(self) -> list[int]:
        """The ids of all that waits, oldest first."""
        with self._lock:
            rows = self._db.execute("select id from refused where released_ms is null order by id").fetchall()
        return [int(number) for (number,) in rows]

    def waits(self, number: int) -> bool:
        with self._lock:
            row = self._db.execute("select 1 from refused where id = ? and released_ms is null", (number,)).fetchone()
        return row is not None

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
            gone = self._db.execute("delete from refused where received_ms < ?", (before_ms,)).rowcount
            self._held = self._holds()
            return gone

    def _owner(self, gateway: str) -> str:
        """Whose quota a name's batches count for; empty: nobody's of the district."""
        return gateway if self._gateways is None or gateway in self._gateways else ""

    def _holds(self) -> dict[str, tuple[int, int]]:
        """Owner -> batches and bytes that are here."""
        rows = self._db.execute("select gateway, count(*), sum(length(payload)) from refused group by gateway")
        out: dict[str, tuple[int, int]] = {}
        for gateway, batches, size in rows:
            had = out.get(self._owner(gateway), (0, 0))
            out[self._owner(gateway)] = (had[0] + int(batches), had[1] + int(size))
        return out

    def _too_much(self, held: tuple[int, int]) -> bool:
        return held[0] > self._quota.batches or held[1] > self._quota.bytes

    def _make_room(self, owner: str) -> tuple[int, int]:
        """Batches and bytes that are left. Within a transaction."""
        whose = "gateway = ?" if owner else "owner(gateway) = ?"  # the first is in an index
        rows = self._db.execute(
            f"select id, length(payload), released_ms is null from refused where {whose} "  # noqa: S608
            "order by released_ms is null, id",
            (owner,),
        ).fetchall()
        batches, size = len(rows), sum(row[1] for row in rows)
        if not self._too_much((batches, size)):
            return batches, size
        most = Quota(int(self._quota.batches * (1 - _SPARE)), int(self._quota.bytes * (1 - _SPARE)))
        gone, waited = [], 0
        for number, bytes_of_it, waits in rows[:-1]:  # the newest stays, however large
            if batches <= most.batches and size <= most.bytes:
                break
            gone.append((number,))
            batches, size, waited = batches - 1, size - bytes_of_it, waited + waits
        self._db.executemany("delete from refused where id = ?", gone)
        self._db.execute(
            "insert into let_go values (?, ?) on conflict (gateway) do update set batches = batches + excluded.batches",
            (owner, waited),
        )
        whom = owner or "gateways that the district does not have"
        log.warning("quarantine: more of %s than its quota: the oldest %d that waited are let go", whom, waited)
        return batches, size

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
