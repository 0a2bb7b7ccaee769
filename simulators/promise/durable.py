"""What is on the cloud's disk, seen by a connection of its own: the only witness of an acknowledgement."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from contract.wire.ack import decode_ack
from simulators.promise.world import Broken

_LOGGED = "select offset, gateway, spool, seq from entry where offset > ? and kind = 0"
_KEPT = "select seq from refused where gateway = ? and spool = ?"


class Durable:
    """Remembers what it has once seen on disk; nothing durable ever ceases to be."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], set[int]] = {}
        self._floor: dict[tuple[str, int], int] = {}
        self._open: dict[Path, sqlite3.Connection] = {}
        self._offset = 0

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
        self._read_log(folder / "log.sqlite")
        if named <= seen and not ack.refused:
            return
        aside = self._kept(folder / "quarantine.sqlite", gateway, ack.spool)
        unkept = set(ack.refused or {}) - aside - seen
        seen |= aside
        missing = (named - seen) | unkept
        if missing:
            raise Broken(f"acknowledged to {gateway} and not durable: sequences {sorted(missing)[:5]}")

    def close(self) -> None:
        for db in self._open.values():
            db.close()
        self._open.clear()

    def _read_log(self, path: Path) -> None:
        """What the log has got since it was last read."""
        for offset, gateway, spool, seq in self._on(path).execute(_LOGGED, (self._offset,)):
            self._seen.setdefault((gateway, int(spool, 16)), set()).add(seq)
            self._offset = max(self._offset, offset)

    def _kept(self, path: Path, gateway: str, spool: int) -> set[int]:
        return {seq for (seq,) in self._on(path).execute(_KEPT, (gateway, f"{spool:016x}"))}

    def _on(self, path: Path) -> sqlite3.Connection:
        """By another name than the cloud's own, so that no fault of its disk strikes the witness."""
        if path not in self._open:
            self._open[path] = sqlite3.connect(f"file:{path}", isolation_level=None, uri=True)
        return self._open[path]
