"""Files of our own, as a failing disk may leave them: opened, and used as the agent and the cloud use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloud.log.base import NewEntry
from cloud.log.sqlite import SqliteLog
from cloud.quarantine import Quarantine
from cloud.receiver import Refusal
from cloud.series.manifest import Manifest, Segment
from cloud.views.runner import ViewRunner
from contract.readings import ReadingBatch
from contract.wire import Lane, RefusalReason
from edge_agent.sender import Sender
from edge_agent.spool import Spool
from tests.fuzz.shells import NOW_MS, Run, fresh, scratch


def spool(data: bytes) -> object:
    """A damaged spool is set aside, and the agent goes on with a new one: it takes readings and gives them back."""
    path = fresh("spool.sqlite")
    path.write_bytes(data)
    found = Spool(path, "gw-1", NOW_MS)
    try:
        known = found.waiting()
        sender = Sender("small", "gw-1", found, 0.0, NOW_MS)
        spooled = found.commit(ReadingBatch.of([NOW_MS], [11], [0.25]), Lane.LIVE, {11: {"made": 1}}, NOW_MS)
        assert found.payload(spooled[0].seq)
        found.oldest_ms()
        sender.status(NOW_MS)
        found.forget([b.seq for b in known])
        return found.set_aside
    finally:
        found.close()


def store(make: Any, use: Callable[[Any], object]) -> Run:
    def opened(data: bytes) -> object:
        path = fresh("store.sqlite")
        path.write_bytes(data)
        made = make(path)
        try:
            return use(made)
        finally:
            made.close()

    return opened


def use_log(log: SqliteLog) -> object:
    rows = log.read(0, 100)
    log.append([NewEntry("gw-1", 7, 99, Lane.LIVE, NOW_MS, NOW_MS, b"x")], NOW_MS)
    log.tick(NOW_MS)
    return rows, log.acknowledged("gw-1", 7), log.read_times("gw-1", 0, NOW_MS, 0)


def use_quarantine(kept: Quarantine) -> object:
    kept.keep([Refusal("t", "gw-1", 7, 1, RefusalReason.TRUNCATED, "short", b"x")], NOW_MS)
    return kept.waiting(), kept.count()


def use_manifest(manifest: Manifest) -> object:
    manifest.commit([Segment(0, "raw", "hour", 0, 3_600_000, "new.parquet", 1, 1)], cursor=5)
    return (
        manifest.cursor(),
        manifest.segments("raw", "hour", 0, NOW_MS),
        manifest.find("raw", 0, 99, 0, NOW_MS),
    )


class _NoView:
    name = "none"

    def cursor(self) -> int:
        return 0

    def close(self) -> None: ...


def aside(data: bytes) -> object:
    path = scratch() / "view.aside"
    path.write_bytes(data)
    return ViewRunner(_NoView(), None, path)._set_aside
