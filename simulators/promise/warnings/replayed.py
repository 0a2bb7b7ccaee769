"""The log again, in one go, into a ledger of its own: the same messages must come out, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from cloud.log.base import START, BatchLog, Cursor, Entry
from cloud.warnings.settings import WarningSettings
from cloud.warnings.store import forget
from cloud.warnings.view import open_view
from simulators.promise.warnings.district import Edition
from simulators.promise.warnings.ledgers import ledger_at
from simulators.promise.warnings.witness import Witness
from simulators.promise.world import Broken

_ALL = 1_000_000
_AT_THE_END_S = 1e9  # a snapshot when the view is closed, and no other


def check_replay(witness: Witness, log: BatchLog, folder: Path, settings: WarningSettings) -> None:
    """Under the editions that held, from the places in the log at which they began; where the view was made again from
    what other editions had judged, it is so here, too. folder: where that ledger may be.

    Where an edition began with a snapshot older than what was told, the replay crashes there with as old a one: what
    lies between is judged again by other rules, and what follows depends on it.
    """
    entries = log.read(START, _ALL)
    ledger = ledger_at(folder / "replayed.sqlite", "replay")
    try:
        for n, leg in enumerate(witness.legs):
            if leg.snapshot == START < leg.cursor:
                with ledger.begin() as db:
                    forget(db)
            after = witness.legs[n + 1] if n + 1 < len(witness.legs) else None
            end = entries[-1].offset if after is None else after.cursor
            until = end if after is None or after.snapshot == START else after.snapshot
            _follow(ledger, settings, leg.edition, entries, until)
            _follow(ledger, settings, leg.edition, entries, end, crashes=True)
        found = [
            (m.id, m.cap_xml) for m in reversed(open_view(ledger, leg.edition.catalogue).reader.messages(limit=_ALL))
        ]
    finally:
        ledger.dispose()
    told = [(t.id, t.text) for t in witness.said]
    if found != told:
        n = next((n for n, (a, b) in enumerate(zip(found, told, strict=False)) if a != b), min(len(found), len(told)))
        now = found[n][0] if n < len(found) else "nothing"
        then = told[n][0] if n < len(told) else "nothing"
        raise Broken(f"replay-says-the-same: message {n}: told was {then}, a replay gives {now}")


def _follow(
    ledger: Engine,
    settings: WarningSettings,
    edition: Edition,
    entries: Sequence[Entry],
    end: Cursor,
    crashes: bool = False,
) -> None:
    """Up to an entry; then it is closed with a snapshot, or crashes with the one before."""
    view = open_view(ledger, edition.catalogue, settings, snapshot_s=_AT_THE_END_S)
    part = [e for e in entries if view.cursor() < e.offset <= end]
    if part:
        view.apply(part)
        if not crashes:
            view.close()
