"""A store, a session and a cloud that says what the test wants it to say."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.readings import ReadingBatch
from contract.wire.ack import Ack, encode_ack
from contract.wire.batch import WireBatch, decode_batch
from contract.wire.envelope import Lane
from contract.wire.topics import TopicKind, parse_topic
from edge_agent.spool.batches import Counters, Replacement, Spooled
from edge_agent.spool.database import SpoolDatabase
from edge_agent.spool.store import SpoolStore, StoreSettings
from edge_agent.timesync.now import Now
from edge_agent.timesync.timekeeping import Timekeeper
from edge_agent.uplink.outbox import OutboxSettings
from edge_agent.uplink.session import Session

START_MS = 1_783_000_000_000  # July 2026


def at(monotonic_s: float, utc_ms: int = START_MS) -> Now:
    return Now(utc_ms, monotonic_s)


class Database(SpoolDatabase):
    """A spool's file whose disk the test rules."""

    def skip_sync(self) -> None:
        """No power is cut here."""
        self._db.execute("pragma synchronous = off")

    def refuse_writes(self, refused: bool = True) -> None:
        """The disk takes nothing."""
        self._db.execute(f"pragma query_only = {refused:d}")

    def fill_up(self, more_pages: int = 0) -> None:
        """The disk is full: SQLite may not grow the file any more."""
        pages = self._db.execute("pragma page_count").fetchone()[0]
        self._db.execute(f"pragma max_page_count = {pages + more_pages}")

    def make_room(self) -> None:
        self._db.execute("pragma max_page_count = 1000000")

    def sql(self, statement: str) -> None:
        self._db.execute(statement)


def database_at(folder: Path) -> Database:
    return Database(folder / "spool.sqlite", "gw", START_MS)


def store_of(
    database: SpoolDatabase,
    keeper: Timekeeper | None = None,
    now: Now | None = None,
    **settings: int,
) -> SpoolStore:
    return SpoolStore(database, now or at(0.0), StoreSettings(**settings), keeper)


def session_of(store: SpoolStore, settings: OutboxSettings | None = None, now: Now | None = None) -> Session:
    return Session("d", "gw", store, now or at(0.0), settings)


def commit(
    database: SpoolDatabase,
    batch: ReadingBatch,
    lane: Lane = Lane.LIVE,
    counters: Counters | None = None,
    utc_ms: int = START_MS,
) -> list[Spooled]:
    """Straight into the file, no store between."""
    return database.replace(Replacement(batch, lane, utc_ms, counters=counters or {}), last_commit_ms=utc_ms)


def readings(first_ms: int, n: int, channels: int = 2, step_ms: int = 10_000) -> ReadingBatch:
    """n rounds over some channels, wandering with a peak in the middle."""
    time_ms = np.repeat(first_ms + np.arange(n) * step_ms, channels)
    channel = np.tile(np.arange(1, channels + 1), n)
    value = np.round(1 + 0.5 * np.sin(np.arange(n * channels) / 7), 3)
    return ReadingBatch.of(time_ms, channel, value, np.ones(n * channels))


class Cloud:
    """Keeps what it is sent, by (spool, seq), and acknowledges when asked."""

    def __init__(self) -> None:
        self.batches: dict[tuple[int, int], WireBatch] = {}
        self.order: list[tuple[TopicKind, int]] = []
        self.twice = 0

    def drain(self, session: Session, now_s: float, now_ms: int, for_s: float = 300.0) -> float:
        """Link up, take and acknowledge everything. The time at the end, s."""
        for p in session.link_up(at(now_s, now_ms)):
            assert p.payload
        end_s = now_s + for_s
        while now_s < end_s and not session.empty:
            self.take(session, now_s, now_ms)
            now_s += 0.5
        return now_s

    def take(self, session: Session, now_s: float, now_ms: int) -> int:
        taken: dict[int, list[int]] = {}
        for p in session.due(at(now_s, now_ms)):
            topic = parse_topic(p.topic)
            assert topic is not None
            if topic.kind in (TopicKind.ALARM, TopicKind.LIVE, TopicKind.HISTORY):
                batch = decode_batch(p.payload)
                self.order.append((topic.kind, batch.seq))
                self.twice += (batch.spool, batch.seq) in self.batches
                self.batches[batch.spool, batch.seq] = batch
                taken.setdefault(batch.spool, []).append(batch.seq)
        for spool, seqs in taken.items():
            session.take_ack(encode_ack(Ack(spool, 0, tuple(seqs))), at(now_s, now_ms))
        return sum(len(s) for s in taken.values())

    def readings(self) -> ReadingBatch:
        return ReadingBatch.concat([self.batches[k].readings for k in sorted(self.batches)])


def keys(batch: ReadingBatch) -> list[tuple[int, int, float]]:
    return sorted(zip(batch.channel.tolist(), batch.time_ms.tolist(), batch.value.tolist(), strict=True))


LANES = tuple(Lane)
