"""Tables of the warnings: the view's state, and what came of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, String, Table, Text

from cloud.ledger.metadata import metadata

# One row a view. cursor: what is of entries up to there is told. state: what else that depends on.
view_state = Table(
    "view_state",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("cursor", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)

# How conditions stood before there were snapshots; the first snapshot takes their place.
condition_state = Table(
    "condition_state",
    metadata,
    Column("target", String(80), primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("body", Text, nullable=False),
)

# How they stand, and up to where of the log: see `cloud.warnings.snapshots`. One row a part.
snapshots = Table(
    "snapshots",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("part", String(16), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

# What the next message of each open incident depends on. A row changes with what was told of it.
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
    # The entry of the log that it is of, and which of its table's rows of that entry; null in rows from before.
    Column("entry", BigInteger),
    Column("ordinal", Integer),
)
Index("messages_of_entry", messages.c.entry, messages.c.ordinal, unique=True)

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
    Column("entry", BigInteger),
    Column("ordinal", Integer),
)
Index("condition_changes_of_entry", changes.c.entry, changes.c.ordinal, unique=True)

# Of each condition and hour the worst, however often it comes.
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
    Column("entry", BigInteger),
    Column("ordinal", Integer),
    Column("hour", BigInteger),  # of reading_ms, since 1970; null in rows from before there was one an hour
)
Index("late_readings_of_entry", late.c.entry, late.c.ordinal, unique=True)
Index("late_readings_of_hour", late.c.target, late.c.rule, late.c.hour, unique=True)
