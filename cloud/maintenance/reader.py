"""What the API and whoever delivers may ask of the maintenance notices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Engine, Select, or_, select

from cloud.maintenance.model import MaintenanceNotice
from cloud.maintenance.tables import notices as t


@dataclass(frozen=True, slots=True)
class Numbered:
    """A notice as it stands. number: of its last change: when it opened, or when it closed."""

    number: int
    notice: MaintenanceNotice


class MaintenanceReader(Protocol):
    """Safe from any thread. Raises SQLAlchemyError while the ledger is out of reach."""

    def notices(
        self, *, open_only: bool = False, limit: int = 200, since_ms: int | None = None, until_ms: int | None = None
    ) -> Sequence[Numbered]:
        """Those that opened last in front. since_ms, until_ms: that stood at some time from one to before the other."""
        ...

    def after(self, number: int, limit: int = 200) -> Sequence[Numbered]:
        """What changed since that number, in the order of the changes."""
        ...


class LedgerMaintenance:
    """A `MaintenanceReader` of a ledger that a view writes."""

    def __init__(self, ledger: Engine) -> None:
        self._ledger = ledger

    def notices(
        self, *, open_only: bool = False, limit: int = 200, since_ms: int | None = None, until_ms: int | None = None
    ) -> Sequence[Numbered]:
        query = select(t.c.number, t.c.body).order_by(t.c.opened_ms.desc(), t.c.id).limit(limit)
        if since_ms is not None:
            query = query.where(or_(t.c.closed_ms.is_(None), t.c.closed_ms > since_ms))
        if until_ms is not None:
            query = query.where(t.c.opened_ms < until_ms)
        return self._found(query.where(t.c.closed_ms.is_(None)) if open_only else query)

    def after(self, number: int, limit: int = 200) -> Sequence[Numbered]:
        return self._found(select(t.c.number, t.c.body).where(t.c.number > number).order_by(t.c.number).limit(limit))

    def _found(self, query: Select[Any]) -> Sequence[Numbered]:
        with self._ledger.connect() as db:
            return [
                Numbered(row.number, MaintenanceNotice.from_json(json.loads(row.body))) for row in db.execute(query)
            ]
