"""Tables of keys, people and sessions. No secret is in them, only hashes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, String, Table, Text

from cloud.ledger.metadata import metadata

# previous_hash: what was the key before it was rotated; good until previous_until_ms.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("scopes", String(128), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("previous_hash", String(64)),
    Column("previous_until_ms", BigInteger),
    Column("per_s", Float, nullable=False),
    Column("burst", Float, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("rotated_ms", BigInteger),
    Column("revoked_ms", BigInteger),
)

people = Table(
    "people",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(32), nullable=False),
    Column("hash", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("password_ms", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("person", String(64), nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
)
