"""Tables of keys, people, sessions and the audit record. No secret is in them, only hashes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, String, Table, Text

from cloud.ledger.tables import metadata

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

# Rows are only ever added. Each holds the hash of the one before.
audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", String(128), nullable=False),
    Column("what", String(64), nullable=False),
    Column("target", String(256), nullable=False),
    Column("source", String(128), nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

# One row: the newest of the record. It orders writers, and shows that rows were cut off the end.
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
