"""Sessions of people: a random token in a cookie, its hash in the ledger, an idle and an absolute end."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import OperationalError

from cloud.access.scopes import Role
from cloud.access.tables import people, sessions

COOKIE = "headwater_session"
_NOTED_EVERY_MS = 60_000  # a write for each request would be too many


@dataclass(frozen=True, slots=True)
class Ends:
    """idle_ms: after the last request; absolute_ms: after login, come what may."""

    idle_ms: int
    absolute_ms: int


def alive(created_ms: int, seen_ms: int, ends: Ends, now_ms: int) -> bool:
    """Whether a session is still good. seen_ms may lag the last request by a minute."""
    return now_ms - created_ms < ends.absolute_ms and now_ms - seen_ms < ends.idle_ms


def begin(engine: Engine, person: str, met: str, ends: Ends, now_ms: int) -> str | None:
    """The token, for the cookie. Sweeps out what has ended.

    met: the hash that the password met. None: it is the person's no more; a check takes a tenth of a second,
    and a password changed in that time must not leave a session behind.
    """
    token = secrets.token_urlsafe(32)
    with engine.begin() as db:
        # A write first, then the lock on the person: so SQLite holds off other writers, and others those of the person.
        db.execute(insert(sessions).values(hash=_hash(token), person=person, created_ms=now_ms, seen_ms=now_ms))
        is_now = select(people.c.hash).where(people.c.name == person).with_for_update(read=True)
        if db.execute(is_now).scalar_one_or_none() != met:
            db.execute(delete(sessions).where(sessions.c.hash == _hash(token)))
            return None
        ended = (sessions.c.seen_ms <= now_ms - ends.idle_ms) | (sessions.c.created_ms <= now_ms - ends.absolute_ms)
        db.execute(delete(sessions).where(ended))
    return token


def find(engine: Engine, token: str, ends: Ends, now_ms: int) -> tuple[str, Role] | None:
    """Name and present role. The role is looked up each time: taken away, it is gone with the next request."""
    with engine.connect() as db:
        row = db.execute(
            select(sessions.c.created_ms, sessions.c.seen_ms, people.c.name, people.c.role)
            .join(people, people.c.name == sessions.c.person)
            .where(sessions.c.hash == _hash(token))
        ).one_or_none()
    if row is None or not alive(row.created_ms, row.seen_ms, ends, now_ms):
        return None
    if now_ms - row.seen_ms >= _NOTED_EVERY_MS:
        # A full disk must not shut out those who come to mend it: the session then ends a little early.
        with suppress(OperationalError), engine.begin() as db:
            db.execute(update(sessions).where(sessions.c.hash == _hash(token)).values(seen_ms=now_ms))
    return row.name, Role(row.role)


def end(engine: Engine, token: str) -> None:
    """The session of this token is over; nothing happens when there is none."""
    with engine.begin() as db:
        db.execute(delete(sessions).where(sessions.c.hash == _hash(token)))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
