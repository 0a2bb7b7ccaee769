"""A gateway of 200 channels without link for 72 h, and its return: through store and session, time played, no sleeping.

Every 10 s of the outage 40 readings are spooled, as a storm makes them (1.0 M readings); then the link comes up while
live readings go on. The cloud answers at once and acknowledges everything; its round trip counts 0.2 s.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import numpy as np

from contract.readings import ReadingBatch
from contract.wire.ack import Ack, encode_ack
from contract.wire.batch import decode_batch
from contract.wire.envelope import Lane
from contract.wire.topics import UP_KINDS, TopicKind, parse_topic
from edge_agent.spool.database import SpoolDatabase
from edge_agent.spool.store import SpoolStore
from edge_agent.timesync.now import Now
from edge_agent.uplink.outbox import OutboxSettings
from edge_agent.uplink.session import Session

CHANNELS, HOURS, STEP_S, PER_STEP = 200, 72, 10, 40
START_MS = 1_783_000_000_000
_TICK_S = 0.25
_STATUS_STEPS = 60  # an agent looks through its store at least as often


def _at(seconds: float) -> Now:
    return Now(START_MS + round(seconds * 1000), seconds)


def run() -> dict[str, float | str]:
    with tempfile.TemporaryDirectory() as folder:
        spool = SpoolDatabase(Path(folder) / "spool.sqlite", "gw", START_MS)
        spool._db.execute("pragma synchronous = off")  # the disk's speed is measured elsewhere
        try:
            return _run(spool)
        finally:
            spool.close()


def _run(spool: SpoolDatabase) -> dict[str, float | str]:
    store = SpoolStore(spool, _at(0.0))
    session = Session("d", "gw", store, _at(0.0), OutboxSettings())
    rng = np.random.default_rng(1)
    steps = HOURS * 3600 // STEP_S
    rss_mb: list[float] = []
    for i in range(steps):
        _add(store, rng, i)
        if i % _STATUS_STEPS == 0:
            session.status(_at(i * STEP_S))
        if i % (steps // 24) == steps // 48:
            rss_mb.append(_rss_mb())
    spooled, size = len(spool.waiting()), spool.bytes_waiting
    fresh_s, order, sent, took_s = _return(session, store, rng, steps)
    days = [ms // 86_400_000 for ms in order]
    falls = sum(b < a for a, b in itertools.pairwise(days))
    rises = sum(b > a for a, b in itertools.pairwise(days))
    within = sum(b < a for a, b in itertools.pairwise(order)) - falls
    return {
        "readings spooled": float(steps * PER_STEP),
        "readings that reached the cloud": float(sent),
        "batches waiting at the end of the outage": float(spooled),
        "their bytes a reading": size / (steps * PER_STEP),
        "resident memory after 3 h, MB": rss_mb[1],
        "resident memory after 72 h, MB": rss_mb[-1],
        "growth, MB": rss_mb[-1] - rss_mb[1],
        "first fresh live value after link up, s (played)": fresh_s,
        "history complete after, s (played)": took_s,
        "history: changes to an older day / to a newer one": f"{falls} / {rises}",
        "history: steps back within a day": float(within),
    }


def _add(store: SpoolStore, rng: np.random.Generator, i: int) -> None:
    at_ms = START_MS + i * STEP_S * 1000
    channel = rng.choice(CHANNELS, PER_STEP, replace=False) + 1
    batch = ReadingBatch.of(
        np.full(PER_STEP, at_ms), channel, np.round(rng.normal(1, 0.2, PER_STEP), 3), np.ones(PER_STEP)
    )
    store.add(batch, Lane.LIVE, {}, _at(i * STEP_S))


def _return(
    session: Session, store: SpoolStore, rng: np.random.Generator, step: int
) -> tuple[float, list[int], int, float]:
    """Seconds to the first value made after link up; the history's first times in order of sending; readings; seconds
    to the end of the history."""
    up_s = now_s = float(step * STEP_S)
    up_ms = START_MS + step * STEP_S * 1000
    fresh_s: float | None = None
    order: list[int] = []
    sent = 0
    answers: list[tuple[float, bytes]] = []
    session.link_up(_at(now_s))
    while True:
        if now_s >= step * STEP_S and fresh_s is None:
            _add(store, rng, step)
            step += 1
            sent -= PER_STEP
        for p in session.due(_at(now_s)):
            topic = parse_topic(p.topic)
            if topic is None or topic.kind not in UP_KINDS:
                continue
            batch = decode_batch(p.payload)
            sent += len(batch.readings)
            answers.append((now_s + 0.2, encode_ack(Ack(batch.spool, 0, (batch.seq,)))))
            if topic.kind is TopicKind.HISTORY:
                order.append(int(batch.readings.time_ms.min()))
            elif fresh_s is None and int(batch.readings.time_ms.max()) >= up_ms:
                fresh_s = now_s + 0.2 - up_s
        now_s += _TICK_S
        while answers and answers[0][0] <= now_s:
            session.take_ack(answers.pop(0)[1], _at(now_s))
        if session.empty:
            return fresh_s if fresh_s is not None else float("nan"), order, sent, now_s - up_s


def _rss_mb() -> float:
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
