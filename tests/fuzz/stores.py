"""Files of our own, as a failing disk may leave them: opened, and used as the agent and the cloud use them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from cloud.access import keys, people
from cloud.ingest.admission import Refusal
from cloud.ingest.quarantine import Quarantine
from cloud.ledger import audit
from cloud.ledger.open import open_ledger
from cloud.log.base import NewEntry
from cloud.log.sqlite import SqliteLog
from cloud.series.manifest import Manifest, Segment
from cloud.views.runner import ViewRunner
from cloud.warnings.view import WarningsView, open_view
from contract.readings import ReadingBatch
from contract.wire.envelope import Lane, RefusalReason
from edge_agent.spool.database import SpoolDatabase
from edge_agent.spool.store import SpoolStore
from edge_agent.timesync.now import Now
from edge_agent.uplink.session import Session
from tests.fuzz.shells import NOW_MS, Run, fresh, scratch, small

KEY = "hw_0123abcd_" + "5a" * 32


def spool(data: bytes) -> object:
    """A damaged spool is set aside, and the agent goes on with a new one: it takes readings and gives them back."""
    path = fresh("spool.sqlite")
    path.write_bytes(data)
    found = SpoolDatabase(path, "gw-1", NOW_MS)
    now = Now(NOW_MS, 0.0)
    try:
        known = found.waiting()
        store = SpoolStore(found, now)
        session = Session("small", "gw-1", store, now)
        store.add(ReadingBatch.of([NOW_MS], [11], [0.25]), Lane.LIVE, {11: {"made": 1}}, now)
        (*_, newest) = found.waiting()
        assert found.readings_of([newest]).value.tolist() == [0.25]
        session.status(now)
        store.acknowledged([b.seq for b in known], now)
        return found.set_aside
    finally:
        found.close()


def store(make: Callable[[Path], Any], use: Callable[[Any], object]) -> Run:
    """Damage must be said by name at the start, in no library's words; later, one view or one request fails."""

    def opened(data: bytes) -> object:
        path = fresh("store.sqlite")
        path.write_bytes(data)
        try:
            made = make(path)
        except (sqlite3.Error, SQLAlchemyError) as error:
            raise AssertionError(f"a start that ends in a bare {error!r}") from error
        try:
            return use(made)
        finally:
            made.close()

    return opened


def use_log(log: SqliteLog) -> object:
    rows = log.read(0, 100)
    log.append([NewEntry("gw-1", 7, 99, Lane.LIVE, NOW_MS, NOW_MS, b"x")], NOW_MS)
    log.tick(NOW_MS)
    return rows, log.seen.acknowledged("gw-1", 7)


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


def open_warnings(path: Path) -> WarningsView:
    """As the cloud starts: the ledger is looked through, and the state of the warnings is read from it."""
    ledger = open_ledger(f"sqlite:///{path}", whole=True)
    try:
        return open_view(ledger, small())
    except BaseException:
        ledger.dispose()
        raise


def use_ledger(view: WarningsView) -> object:
    """What is written at the first start and read by a command."""
    try:
        audit.record(view.ledger, now_ms=NOW_MS, who="w", what="t", target="", source="", detail={})
        return audit.verify(view.ledger), people.known(view.ledger, "ann"), keys.find(view.ledger, KEY, NOW_MS)
    finally:
        view.ledger.dispose()


class _NoView:
    name = "none"

    def cursor(self) -> int:
        return 0

    def close(self) -> None: ...


def aside(data: bytes) -> object:
    path = scratch() / "view.aside"
    path.write_bytes(data)
    return ViewRunner(_NoView(), None, path)._set_aside
