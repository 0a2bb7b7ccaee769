"""API keys: `hw_<id>_<secret>`. Only a hash is kept, so a key can be shown once, when it is made.

The secret is 256 random bits: nobody can guess through SHA-256, so a slow hash would only slow every request down.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, insert, select, update

from cloud.access.rate import Rate
from cloud.access.scopes import Scope
from cloud.access.tables import api_keys
from cloud.ledger import audit

_FORM = re.compile(r"hw_([0-9a-f]{8})_([0-9a-f]{64})")


class NoSuchKey(LookupError):
    """No key has that id, or it was revoked."""


@dataclass(frozen=True, slots=True)
class Key:
    """rate: requests a second, and how many at once. previous_until_ms: how long the key before rotation is good."""

    id: str
    name: str
    scopes: frozenset[Scope]
    rate: Rate
    created_ms: int
    rotated_ms: int | None
    previous_until_ms: int | None
    revoked_ms: int | None


def make_key() -> tuple[str, str]:
    """A fresh id and secret, in hex."""
    return secrets.token_hex(4), secrets.token_hex(32)


def text_of(number: str, secret: str) -> str:
    """The key as its holder sends it; number: its id."""
    return f"hw_{number}_{secret}"


def parse(text: str) -> tuple[str, str] | None:
    """Id and secret; None when it is no key of ours."""
    found = _FORM.fullmatch(text)
    return (found[1], found[2]) if found else None


def hash_of(secret: str) -> str:
    """SHA-256 in hex, as the ledger keeps it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, current: str, previous: str | None, previous_until_ms: int | None, now_ms: int) -> bool:
    """In constant time. The key before rotation is good until its time is up."""
    given = hash_of(secret)
    is_current = hmac.compare_digest(given, current)
    is_previous = hmac.compare_digest(given, previous or "")
    return is_current or (is_previous and previous_until_ms is not None and now_ms < previous_until_ms)


def create(engine: Engine, name: str, scopes: Iterable[Scope], rate: Rate, now_ms: int, who: str) -> str:
    """The key, to be shown once. name: what it is for; who: makes it, for the audit record."""
    number, secret = make_key()
    held = sorted(set(scopes))
    with engine.begin() as db:
        db.execute(
            insert(api_keys).values(
                id=number,
                name=name,
                scopes=" ".join(held),
                hash=hash_of(secret),
                per_s=rate.per_s,
                burst=rate.burst,
                created_ms=now_ms,
            )
        )
        detail = {"name": name, "scopes": held}
        audit.write(db, now_ms=now_ms, who=who, what="key.create", target=number, source="shell", detail=detail)
    return text_of(number, secret)


def listed(engine: Engine) -> list[Key]:
    """All, the revoked too, oldest first."""
    with engine.connect() as db:
        return [_key(r) for r in db.execute(select(api_keys).order_by(api_keys.c.created_ms)).mappings()]


def rotate(engine: Engine, number: str, overlap_ms: int, now_ms: int, who: str) -> str:
    """A new secret for the same key, shown once; the old one is good for `overlap_ms` more. Raises NoSuchKey."""
    secret = secrets.token_hex(32)
    until_ms = now_ms + overlap_ms
    with engine.begin() as db:
        changed = db.execute(
            update(api_keys)
            .where(api_keys.c.id == number, api_keys.c.revoked_ms.is_(None))
            .values(previous_hash=api_keys.c.hash, previous_until_ms=until_ms, hash=hash_of(secret), rotated_ms=now_ms)
        )
        if changed.rowcount == 0:
            raise NoSuchKey(number)
        detail = {"previous_until_ms": until_ms}
        audit.write(db, now_ms=now_ms, who=who, what="key.rotate", target=number, source="shell", detail=detail)
    return text_of(number, secret)


def revoke(engine: Engine, number: str, now_ms: int, who: str) -> None:
    """It stops working with the next request. Raises NoSuchKey."""
    with engine.begin() as db:
        changed = db.execute(
            update(api_keys)
            .where(api_keys.c.id == number, api_keys.c.revoked_ms.is_(None))
            .values(revoked_ms=now_ms, previous_hash=None, previous_until_ms=None)
        )
        if changed.rowcount == 0:
            raise NoSuchKey(number)
        audit.write(db, now_ms=now_ms, who=who, what="key.revoke", target=number, source="shell", detail={})


def find(engine: Engine, text: str, now_ms: int) -> Key | None:
    """The key that this text is, when it is good now. Asked of the database each time, so that revoking is at once."""
    parts = parse(text)
    if parts is None:
        return None
    with engine.connect() as db:
        row = db.execute(select(api_keys).where(api_keys.c.id == parts[0])).mappings().one_or_none()
    if row is None or row["revoked_ms"] is not None:
        return None
    if not matches(parts[1], row["hash"], row["previous_hash"], row["previous_until_ms"], now_ms):
        return None
    return _key(row)


def _key(row: Any) -> Key:
    return Key(
        row["id"],
        row["name"],
        frozenset(Scope(s) for s in row["scopes"].split()),
        Rate(row["per_s"], row["burst"]),
        row["created_ms"],
        row["rotated_ms"],
        row["previous_until_ms"],
        row["revoked_ms"],
    )
