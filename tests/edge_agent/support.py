"""A spool, a sender and a cloud that says what the test wants it to say."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.readings import ReadingBatch
from contract.wire.ack import Ack, encode_ack
from contract.wire.batch import WireBatch, decode_batch
from contract.wire.envelope import Lane
from contract.wire.topics import TopicKind, parse_topic
from edge_agent.spool.store import Spool
from edge_agent.timesync.timekeeping import Timekeeper
from edge_agent.uplink.outbox import OutboxSettings
from edge_agent.uplink.session import Session

START_MS = 1_783_000_000_000  # July 2026


def spool_at(folder: Path, cap_bytes: int = 2**31) -> Spool:
    return Spool(folder / "spool.sqlite", "gw", START_MS, cap_bytes)


def sender_of(spool: Spool, settings: OutboxSettings | None = None, keeper: Timekeeper | None = None) -> Session:
    return Session("d", "gw", spool, 0.0, START_MS, settings, keeper=keeper)


def readings(first_ms: int, n: int, channels: int = 2, step_ms: int = 10_000) -> ReadingBatch:
    """n rounds over some channels, wandering with a peak in the middle."""
    time_ms = np.repeat(first_ms + np.arange(n) * step_ms, channels)
    channel = np.tile(np.arange(1, channels + 1), n)
    value = np.round(1 + 0.5 * np.sin(np.arange(n * channels) / 7), 3)
    return ReadingBatch.of(time_ms, channel, value, np.ones(n * channels))


def full(spool: Spool, more_pages: int = 0) -> None:
    """The disk is full: SQLite may not grow the file any more."""
    pages = spool._db.execute("pragma page_count").fetchone()[0]
    spool._db.execute(f"pragma max_page_count = {pages + more_pages}")


def roomy(spool: Spool) -> None:
    spool._db.execute("pragma max_page_count = 1000000")


class Cloud:
    """Keeps what it is sent, by (spool, seq), and acknowledges when asked."""

    def __init__(self) -> None:
        self.batches: dict[tuple[int, int], WireBatch] = {}
        self.order: list[tuple[TopicKind, int]] = []
        self.twice = 0

    def drain(self, sender: Session, now_s: float, now_ms: int, for_s: float = 300.0) -> float:
        """Link up, take and acknowledge everything. The time at the end, s."""
        for p in sender.linked(now_s):
            assert p.payload
        end_s = now_s + for_s
        while now_s < end_s and not sender.empty:
            self.take(sender, now_s, now_ms)
            now_s += 0.5
        return now_s

    def take(self, sender: Session, now_s: float, now_ms: int, mono_ms: int = 0) -> int:
        heard: dict[int, list[int]] = {}
        for p in sender.due(now_s, now_ms, mono_ms):
            topic = parse_topic(p.topic)
            assert topic is not None
            if topic.kind in (TopicKind.ALARM, TopicKind.LIVE, TopicKind.HISTORY):
                batch = decode_batch(p.payload)
                self.order.append((topic.kind, batch.seq))
                self.twice += (batch.spool, batch.seq) in self.batches
                self.batches[batch.spool, batch.seq] = batch
                heard.setdefault(batch.spool, []).append(batch.seq)
        for spool, seqs in heard.items():
            sender.heard(encode_ack(Ack(spool, 0, tuple(seqs))), now_ms)
        return sum(len(s) for s in heard.values())

    def readings(self) -> ReadingBatch:
        return ReadingBatch.concat([self.batches[k].readings for k in sorted(self.batches)])


def keys(batch: ReadingBatch) -> list[tuple[int, int, float]]:
    return sorted(zip(batch.channel.tolist(), batch.time_ms.tolist(), batch.value.tolist(), strict=True))


LANES = tuple(Lane)
