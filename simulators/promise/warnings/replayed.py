"""The log again, in one go, into a ledger of its own: the same messages must come out, byte for byte."""

from __future__ import annotations

from pathlib import Path

from cloud.log.base import START, BatchLog
from cloud.warnings.view import open_view
from simulators.promise.warnings.ledgers import ledger_at
from simulators.promise.warnings.witness import Witness
from simulators.promise.world import Broken

_ALL = 1_000_000


def check_replay(witness: Witness, log: BatchLog, folder: Path) -> None:
    """folder: where that ledger may be. Under the editions that held, from the places in the log at which they began.

    Up to where one began after a crash with a snapshot older than what was told: what is behind that was judged again
    by other rules, and what follows depends on how old the snapshot was.
    """
    entries = log.read(START, _ALL)
    whole = True
    ledger = ledger_at(folder / "replayed.sqlite", "replay")
    try:
        found: list[tuple[str, bytes]] = []
        for n, era in enumerate(witness.eras):
            whole = era.whole
            if not whole:
                break
            view = open_view(ledger, era.edition.catalogue)
            until = witness.eras[n + 1].cursor if n + 1 < len(witness.eras) else entries[-1].offset
            part = [e for e in entries if view.cursor() < e.offset <= until]
            if part:
                view.apply(part)
            view.close()
            found = [(m.id, m.cap_xml) for m in reversed(view.reader.messages(limit=_ALL))]
    finally:
        ledger.dispose()
    told = [(t.id, t.text) for t in witness.told][: None if whole else len(found)]
    if found != told:
        n = next((n for n, (a, b) in enumerate(zip(found, told, strict=False)) if a != b), min(len(found), len(told)))
        now = found[n][0] if n < len(found) else "nothing"
        then = told[n][0] if n < len(told) else "nothing"
        raise Broken(f"replay-says-the-same: message {n}: told was {then}, a replay gives {now}")
