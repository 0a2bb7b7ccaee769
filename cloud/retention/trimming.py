"""Trimming the log: what every view has taken goes, once all that it made of the views is kept elsewhere.

Each night how the warnings stand is kept (`cloud.warnings.cuts`). The newest such place that is old enough becomes the
beginning of every view; what lies before the beginning of the time before goes. So a view that is being read in from
the old beginning, by a cloud that has just been started, misses nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from cloud.ledger.open import still
from cloud.log.base import START, BatchLog, Cursor
from cloud.maintenance import view as maintenance
from cloud.retention import base
from cloud.retention.base import Base
from cloud.views.base import Poisoned
from cloud.views.decode import without
from cloud.views.latest import LatestView
from cloud.warnings import cuts
from cloud.warnings.store import NAME
from contract.catalogue.catalogue import Catalogue

DAY_MS = 86_400_000
_PLACES = 30  # so many places at most are kept of the time that the log has
_KEEP_S, _LOOK_S = 5.0, 0.05
_ENTRIES = 5000


@dataclass(frozen=True, slots=True)
class Trimmed:
    """entries: that went. begins_ms: the log's time at which views begin now; None: at its own beginning."""

    entries: int
    begins_ms: int | None


def trim(
    batch_log: BatchLog, folder: Path, ledger: Engine, catalogue: Catalogue, log_days: float, sealed: Cursor
) -> Trimmed:
    """folder: of the cloud's data. sealed: up to where the series store holds everything on its disk.

    Beside a cloud that runs. Raises what disk and ledger raise; what is done then holds.
    """
    now_ms = batch_log.now_ms()
    _keep_place(ledger, now_ms, log_days)
    before = base.read(folder)
    with ledger.connect() as db:
        done = maintenance.stored_cursor(db)
        taken = sealed if done is None else min(sealed, done)
        old = [(at, ms) for at, ms in cuts.kept(db, NAME) if ms <= now_ms - log_days * DAY_MS and at <= taken]
    after = before
    if old:
        after = _further(batch_log, before, *old[-1], catalogue)
        base.write(folder, after)
        with ledger.begin() as db:
            cuts.begin(db, NAME, after.cursor)
    gone = batch_log.trim(before.cursor) if before is not None else 0
    return Trimmed(gone, after.at_ms if after is not None else None)


def _keep_place(ledger: Engine, now_ms: int, log_days: float) -> None:
    """Where the last one is old enough; and not while the warnings are busy: the next night will do."""
    with ledger.connect() as db:
        kept = cuts.kept(db, NAME)
    if kept and now_ms - kept[-1][1] < log_days * DAY_MS / _PLACES:
        return
    until_s = time.monotonic() + _KEEP_S
    while True:
        with still(ledger, to_write=True) as db:
            if cuts.keep(db, NAME, now_ms) is not None or time.monotonic() > until_s:
                return
        time.sleep(_LOOK_S)


def _further(batch_log: BatchLog, before: Base | None, to: Cursor, at_ms: int, catalogue: Catalogue) -> Base:
    """The newest readings at a later place: those of the last one, and what the log has between."""
    view = LatestView(catalogue, None if before is None else (before.cursor, before.latest))
    aside: set[int] = set()
    while (after := view.cursor()) < to:
        entries = [e for e in batch_log.read(after, _ENTRIES) if e.offset <= to]
        if not entries:
            break
        try:
            view.apply(without(entries, aside))
        except Poisoned as error:  # as the live view does
            aside.add(error.offset)
    return Base(to, at_ms, view.snapshot())


def begins(folder: Path) -> Cursor:
    """Where every view begins that is built anew."""
    found = base.read(folder)
    return START if found is None else found.cursor
