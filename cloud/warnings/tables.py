"""Tables of the warnings: the view's state, and what came of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, String, Table, Text

from cloud.ledger.metadata import metadata

# One row a view: its state and its cursor change together.
view_state = Table(
    "view_state",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("cursor", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)

# What the warnings' state is made of. A row changes in the transaction that moves the cursor; the others hold.
condition_state = Table(
    "condition_state",
    metadata,
    Column("target", String(80), primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("body", Text, nullable=False),
)

open_incidents = Table(
    "open_incidents",
    metadata,
    Column("zone", String(64), primary_key=True),
    Column("body", Text, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("zone", String(64), nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger),
    Column("body", Text, nullable=False),
)
Index("incidents_opened", incidents.c.opened_ms)

messages = Table(
    "messages",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(128), nullable=False, unique=True),
    Column("incident", String(128), nullable=False, index=True),
    Column("sent_ms", BigInteger, nullable=False),
    Column("msg_type", String(16), nullable=False),
    Column("level", String(16), nullable=False),
    Column("refs", Text, nullable=False),
    Column("cap_xml", LargeBinary, nullable=False),
    # Null in rows from before they were kept.
    Column("why", String(32)),
    Column("expires_ms", BigInteger),
    Column("status", String(16)),
    Column("evidence", Text),
)

changes = Table(
    "condition_changes",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("channel", BigInteger),
    Column("time_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("level", String(16)),
    Column("reason", String(32), nullable=False),
    Column("value", Float),
    Column("rule", String(64)),  # null in rows from before conditions had keys
    Column("target", String(80)),
)

late = Table(
    "late_readings",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("channel", BigInteger, nullable=False),
    Column("reading_ms", BigInteger, nullable=False),
    Column("now_ms", BigInteger, nullable=False),
    Column("value", Float, nullable=False),
    Column("would_have_warned", String(16)),
    Column("rule", String(64)),  # null in rows from before conditions had keys
    Column("target", String(80)),
)
