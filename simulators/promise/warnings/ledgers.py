"""Ledgers of runs. They are real; but compiling every statement again at every start of a cloud takes longer than a
seed may. So one engine goes from file to file."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, event

from cloud.ledger.open import open_ledger
from simulators.promise.empty_ledger import empty_ledger


class _MovingLedger:
    """One engine for one file at a time: whoever used it before has disposed of it."""

    def __init__(self) -> None:
        with TemporaryDirectory(prefix="headwater-ledger-") as folder:
            self._path = Path(folder) / "ledger.sqlite"
            self._path.write_bytes(empty_ledger())
            self._engine = open_ledger(f"sqlite:///{self._path}")
            self._engine.dispose()
        event.listen(self._engine, "do_connect", self._connect)

    def at(self, path: Path) -> Engine:
        if not path.exists():
            path.write_bytes(empty_ledger())
        self._path = path
        return self._engine

    def _connect(self, dialect: Any, _record: object, _address: object, named: dict[str, Any]) -> Any:
        return dialect.connect(str(self._path), **named)


_moving: dict[str, _MovingLedger] = {}


def ledger_at(path: Path, of: str) -> Engine:
    """A ledger on this file; an empty one is put there if there is none. of: who uses it; several are open at once."""
    if of not in _moving:
        _moving[of] = _MovingLedger()
    return _moving[of].at(path)
