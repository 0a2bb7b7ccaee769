"""A ledger's rows into another ledger, whichever databases hold the two."""

from __future__ import annotations

from sqlalchemy import Connection, Integer, Table, func, insert, select, text

import cloud.access.tables
import cloud.delivery.tables
import cloud.ledger.audit
import cloud.maintenance.tables
import cloud.warnings.tables  # noqa: F401 -- these own all tables
from cloud.ledger.metadata import metadata

_ROWS = 1000


def copy(source: Connection, target: Connection) -> None:
    """All rows. Both have the newest schema; who calls sees to it that `source` stands still, and commits `target`."""
    for table in metadata.sorted_tables:
        found = source.execute(select(table).execution_options(yield_per=_ROWS))
        for rows in found.mappings().partitions():
            target.execute(insert(table), [dict(row) for row in rows])
        if target.dialect.name == "postgresql":
            _count_on(target, table)


def filled(db: Connection) -> str | None:
    """The name of a table that holds anything; None for a ledger without a row."""
    for table in metadata.sorted_tables:
        if db.execute(select(table).limit(1)).first() is not None:
            return table.name
    return None


def _count_on(db: Connection, table: Table) -> None:
    """The next number that PostgreSQL gives follows on those that came with the rows."""
    column = table.autoincrement_column
    if column is None or not isinstance(column.type, Integer):
        return
    last = db.execute(select(func.max(column))).scalar()
    sequence = db.execute(
        text("select pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
    ).scalar()
    if sequence is not None and last is not None:
        db.execute(text("select setval(:sequence, :last)"), {"sequence": sequence, "last": last})
