"""What is on the cloud's disk, seen by a connection of its own: the only witness of an acknowledgement."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from contract.wire import decode_ack
from simulators.promise.world import Broken


class Durable:
    """Remembers what it has once seen on disk; nothing durable ever ceases to be."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], set[int]] = {}

    def verify(self, gateway: str, payload: bytes, folder: Path) -> None:
        """Raises Broken when the acknowledgement names what neither log nor quarantine holds."""
        ack = decode_ack(payload)
        named = {*range(1, ack.prefix + 1), *ack.seqs, *(ack.refused or {})}
        seen = self._seen.setdefault((gateway, ack.spool), set())
        if named <= seen:
            return
        seen |= _on_disk(folder / "log.sqlite", "entry", gateway, ack.spool)
        if named <= seen and not ack.refused:
            return
        aside = _on_disk(folder / "quarantine.sqlite", "refused", gateway, ack.spool)
        unkept = set(ack.refused or {}) - aside - seen
        seen |= aside
        missing = (named - seen) | unkept
        if missing:
            raise Broken(f"acknowledged to {gateway} and not durable: sequences {sorted(missing)[:5]}")


def _on_disk(path: Path, table: str, gateway: str, spool: int) -> set[int]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        found = db.execute(f"select seq from {table} where gateway = ? and spool = ?", (gateway, f"{spool:016x}"))
        return {seq for (seq,) in found}
