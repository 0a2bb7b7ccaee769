"""What is on the cloud's disk, seen by a connection of its own: the only witness of an acknowledgement."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from contract.ack import decode_ack
from simulators.promise.world import Broken

_LOGGED = "select seq from entry where gateway = ? and spool = ?"
_KEPT = "select seq from refused where gateway = ? and spool = ?"


class Durable:
    """Remembers what it has once seen on disk; nothing durable ever ceases to be."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], set[int]] = {}
        self._floor: dict[tuple[str, int], int] = {}

    def settled(self, gateway: str, spool: int, floor: int) -> None:
        """The gateway itself holds nothing below its floor: durable here, or given up there and counted."""
        key = (gateway, spool)
        self._floor[key] = max(floor, self._floor.get(key, 0))

    def verify(self, gateway: str, payload: bytes, folder: Path) -> None:
        """Raises Broken when it names what neither log nor quarantine holds, nor its gateway waived."""
        ack = decode_ack(payload)
        floor = max(self._floor.get((gateway, ack.spool), 1), 1)
        named = {*range(floor, ack.prefix + 1), *ack.seqs, *(ack.refused or {})}
        seen = self._seen.setdefault((gateway, ack.spool), set())
        if named <= seen:
            return
        seen |= _on_disk(folder / "log.sqlite", _LOGGED, gateway, ack.spool)
        if named <= seen and not ack.refused:
            return
        aside = _on_disk(folder / "quarantine.sqlite", _KEPT, gateway, ack.spool)
        unkept = set(ack.refused or {}) - aside - seen
        seen |= aside
        missing = (named - seen) | unkept
        if missing:
            raise Broken(f"acknowledged to {gateway} and not durable: sequences {sorted(missing)[:5]}")


def _on_disk(path: Path, query: str, gateway: str, spool: int) -> set[int]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return {seq for (seq,) in db.execute(query, (gateway, f"{spool:016x}"))}
