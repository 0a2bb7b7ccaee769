"""The schema of the first release.

Ledgers made before there were migrations carry no version: they hold all of these tables, or in an old one some of
them. So what is there stays as it is, and what is missing is made.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INDEXES = (
    ("incidents_opened", "incidents", "opened_ms"),
    ("ix_messages_incident", "messages", "incident"),
    ("ix_sessions_person", "sessions", "person"),
)


def upgrade() -> None:
    for name, columns in _tables().items():
        op.create_table(name, *columns, if_not_exists=True)
    for name, table, column in _INDEXES:
        op.create_index(name, table, [column], if_not_exists=True)


def downgrade() -> None:
    """Leaves an empty database: there is nothing before this schema."""
    for name, table, _ in _INDEXES:
        op.drop_index(name, table)
    for name in _tables():
        op.drop_table(name)


def _tables() -> dict[str, tuple[sa.Column[object], ...]]:
    return {
        "view_state": (
            sa.Column("name", sa.String(64), primary_key=True),
            sa.Column("cursor", sa.BigInteger, nullable=False),
            sa.Column("state", sa.Text, nullable=False),
        ),
        "condition_state": (
            sa.Column("channel", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("body", sa.Text, nullable=False),
        ),
        "open_incidents": (
            sa.Column("zone", sa.String(64), primary_key=True),
            sa.Column("body", sa.Text, nullable=False),
        ),
        "incidents": (
            sa.Column("id", sa.String(128), primary_key=True),
            sa.Column("zone", sa.String(64), nullable=False),
            sa.Column("opened_ms", sa.BigInteger, nullable=False),
            sa.Column("closed_ms", sa.BigInteger),
            sa.Column("body", sa.Text, nullable=False),
        ),
        "messages": (
            sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("id", sa.String(128), nullable=False, unique=True),
            sa.Column("incident", sa.String(128), nullable=False),
            sa.Column("sent_ms", sa.BigInteger, nullable=False),
            sa.Column("msg_type", sa.String(16), nullable=False),
            sa.Column("level", sa.String(16), nullable=False),
            sa.Column("refs", sa.Text, nullable=False),
            sa.Column("cap_xml", sa.LargeBinary, nullable=False),
        ),
        "condition_changes": (
            sa.Column("id", _NUMBER, primary_key=True),
            sa.Column("channel", sa.BigInteger, nullable=False),
            sa.Column("time_ms", sa.BigInteger, nullable=False),
            sa.Column("state", sa.String(16), nullable=False),
            sa.Column("level", sa.String(16)),
            sa.Column("reason", sa.String(32), nullable=False),
            sa.Column("value", sa.Float),
        ),
        "late_readings": (
            sa.Column("id", _NUMBER, primary_key=True),
            sa.Column("channel", sa.BigInteger, nullable=False),
            sa.Column("reading_ms", sa.BigInteger, nullable=False),
            sa.Column("now_ms", sa.BigInteger, nullable=False),
            sa.Column("value", sa.Float, nullable=False),
            sa.Column("would_have_warned", sa.String(16)),
        ),
        "deliveries": (
            sa.Column("sink", sa.String(64), primary_key=True),
            sa.Column("message", sa.String(128), primary_key=True),
            sa.Column("attempts", sa.Integer, nullable=False),
            sa.Column("first_ms", sa.BigInteger, nullable=False),
            sa.Column("delivered_ms", sa.BigInteger),
            sa.Column("given_up_ms", sa.BigInteger),
            sa.Column("receipt", sa.Text, nullable=False),
        ),
        "api_keys": (
            sa.Column("id", sa.String(16), primary_key=True),
            sa.Column("name", sa.String(64), nullable=False),
            sa.Column("scopes", sa.String(128), nullable=False),
            sa.Column("hash", sa.String(64), nullable=False),
            sa.Column("previous_hash", sa.String(64)),
            sa.Column("previous_until_ms", sa.BigInteger),
            sa.Column("per_s", sa.Float, nullable=False),
            sa.Column("burst", sa.Float, nullable=False),
            sa.Column("created_ms", sa.BigInteger, nullable=False),
            sa.Column("rotated_ms", sa.BigInteger),
            sa.Column("revoked_ms", sa.BigInteger),
        ),
        "people": (
            sa.Column("name", sa.String(64), primary_key=True),
            sa.Column("role", sa.String(32), nullable=False),
            sa.Column("hash", sa.Text, nullable=False),
            sa.Column("created_ms", sa.BigInteger, nullable=False),
            sa.Column("password_ms", sa.BigInteger, nullable=False),
        ),
        "sessions": (
            sa.Column("hash", sa.String(64), primary_key=True),
            sa.Column("person", sa.String(64), nullable=False),
            sa.Column("created_ms", sa.BigInteger, nullable=False),
            sa.Column("seen_ms", sa.BigInteger, nullable=False),
        ),
        "audit": (
            sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("at_ms", sa.BigInteger, nullable=False),
            sa.Column("who", sa.String(128), nullable=False),
            sa.Column("what", sa.String(64), nullable=False),
            sa.Column("target", sa.String(256), nullable=False),
            sa.Column("source", sa.String(128), nullable=False),
            sa.Column("detail", sa.Text, nullable=False),
            sa.Column("previous", sa.String(64), nullable=False),
            sa.Column("hash", sa.String(64), nullable=False),
        ),
        "audit_head": (
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("number", sa.BigInteger, nullable=False),
            sa.Column("hash", sa.String(64), nullable=False),
        ),
    }
