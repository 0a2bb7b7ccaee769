"""What each sink has delivered."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from cloud.ledger.metadata import metadata

# Not forgotten when the warnings are rebuilt: what was delivered is not delivered again.
deliveries = Table(
    "deliveries",
    metadata,
    Column("sink", String(64), primary_key=True),
    Column("message", String(128), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("delivered_ms", BigInteger),
    Column("given_up_ms", BigInteger),
    Column("receipt", Text, nullable=False),
)
