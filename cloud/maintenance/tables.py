"""Tables of the maintenance notices: what was told, and how the view that finds them stands."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text

from cloud.ledger.metadata import metadata

# One row a notice. number: of its last change, rising over all of them: who has read up to one asks for those above it.
notices = Table(
    "maintenance_notices",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("audience", String(16), nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger),
    Column("body", Text, nullable=False),
)
Index("maintenance_notices_opened", notices.c.opened_ms)

# One row. cursor: the last entry of the log that is in `body`, see `cloud.maintenance.engine`.
state = Table(
    "maintenance_state",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("cursor", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
