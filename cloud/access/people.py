"""People who log in: a name, a role, a password kept as Argon2id."""

from __future__ import annotations

import re
import secrets
import threading
from base64 import b64encode
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from cloud.access.passwords import weakness
from cloud.access.scopes import Role
from cloud.access.tables import people, sessions
from cloud.ledger import audit

NAME_FORM = r"[a-z][a-z0-9.-]{0,63}"
_hasher = PasswordHasher()  # RFC 9106, low-memory choice: 64 MiB, 3 passes
# Each check takes 64 MiB and a core: two run, four wait, and the rest are sent away, so that a flood of logins takes
# neither the memory nor the threads that answer everybody else.
_run = threading.BoundedSemaphore(2)
_wait = threading.BoundedSemaphore(6)
# Who has logged in from there before does not stand in line with strangers.
_run_expected = threading.BoundedSemaphore(1)
_wait_expected = threading.BoundedSemaphore(4)


class Busy(RuntimeError):
    """Too many passwords are being checked at once."""


class PeopleError(ValueError):
    """Says what is wrong with a name or a password."""


@dataclass(frozen=True, slots=True)
class Person:
    """created_ms: when the person was added; password_ms: when the password was set (UTC, ms)."""

    name: str
    role: Role
    created_ms: int
    password_ms: int


def make_password() -> str:
    """144 random bits, to be shown once."""
    return secrets.token_urlsafe(18)


def add(engine: Engine, name: str, role: Role, password: str, now_ms: int, who: str) -> None:
    """A new person. who: adds them, for the audit record.

    Raises PeopleError for a name or a password of the wrong form, and for a name that is there already.
    """
    if not re.fullmatch(NAME_FORM, name):
        raise PeopleError(f"{name!r} is no name: small letters, digits, dots and dashes, a letter first, 64 at most")
    stored = _hash(password, name)
    try:
        with engine.begin() as db:
            db.execute(
                insert(people).values(name=name, role=role.value, hash=stored, created_ms=now_ms, password_ms=now_ms)
            )
            detail = {"role": role.value}
            audit.write(db, now_ms=now_ms, who=who, what="person.add", target=name, source="shell", detail=detail)
    except IntegrityError as error:
        raise PeopleError(f"{name} is there already: remove first, or give a new password") from error


def listed(engine: Engine) -> list[Person]:
    """All, by name."""
    with engine.connect() as db:
        rows = db.execute(select(people).order_by(people.c.name)).mappings()
        return [Person(r["name"], Role(r["role"]), r["created_ms"], r["password_ms"]) for r in rows]


def set_password(engine: Engine, name: str, password: str, now_ms: int, who: str) -> None:
    """Ends the person's sessions. Raises PeopleError."""
    stored = _hash(password, name)
    with engine.begin() as db:
        changed = db.execute(update(people).where(people.c.name == name).values(hash=stored, password_ms=now_ms))
        if changed.rowcount == 0:
            raise PeopleError(f"there is no {name!r}; see `headwater-cloud person list`")
        db.execute(delete(sessions).where(sessions.c.person == name))
        audit.write(db, now_ms=now_ms, who=who, what="person.password", target=name, source="shell", detail={})


def set_role(engine: Engine, name: str, role: Role, now_ms: int, who: str) -> None:
    """Ends the person's sessions, so that nobody goes on with what was shown to another role. Raises PeopleError."""
    with engine.begin() as db:
        before = db.execute(select(people.c.role).where(people.c.name == name)).scalar_one_or_none()
        if before is None:
            raise PeopleError(f"there is no {name!r}; see `headwater-cloud person list`")
        db.execute(update(people).where(people.c.name == name).values(role=role.value))
        db.execute(delete(sessions).where(sessions.c.person == name))
        detail = {"before": before, "role": role.value}
        audit.write(db, now_ms=now_ms, who=who, what="person.role", target=name, source="shell", detail=detail)


def remove(engine: Engine, name: str, now_ms: int, who: str) -> None:
    """With all sessions. Raises PeopleError."""
    with engine.begin() as db:
        if db.execute(delete(people).where(people.c.name == name)).rowcount == 0:
            raise PeopleError(f"there is no {name!r}; see `headwater-cloud person list`")
        db.execute(delete(sessions).where(sessions.c.person == name))
        audit.write(db, now_ms=now_ms, who=who, what="person.remove", target=name, source="shell", detail={})


def first_administrator(engine: Engine, now_ms: int) -> tuple[str, str] | None:
    """Name and password, when there was nobody yet. The password is nowhere else: show it."""
    with engine.connect() as db:
        if db.execute(select(func.count()).select_from(people)).scalar_one():
            return None
    password = make_password()
    add(engine, "administrator", Role.ADMINISTRATOR, password, now_ms, "first start")
    return "administrator", password


def known(engine: Engine, name: str) -> bool:
    """Whether somebody of that name may log in."""
    with engine.connect() as db:
        return db.execute(select(people.c.name).where(people.c.name == name)).one_or_none() is not None


def check(engine: Engine, name: str, password: str) -> str | None:
    """The hash that the password meets, for `sessions.begin`; None when it meets none.

    Takes as long for a name that is not there: some tenths of a second. Raises Busy.
    """
    return _check(engine, name, password, _run, _wait)


def check_expected(engine: Engine, name: str, password: str) -> str | None:
    """The same of somebody who has logged in from there before, beside the line of strangers."""
    return _check(engine, name, password, _run_expected, _wait_expected)


def _check(engine: Engine, name: str, password: str, run: threading.Semaphore, wait: threading.Semaphore) -> str | None:
    with engine.connect() as db:
        stored: str | None = db.execute(select(people.c.hash).where(people.c.name == name)).scalar_one_or_none()
    if not wait.acquire(blocking=False):
        raise Busy
    try:
        with run:
            _hasher.verify(stored or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return None
    finally:
        wait.release()
    return stored


def _nobodys_hash() -> str:
    """A hash that no password meets, at no less work than a true one."""
    salt, tag = (b64encode(secrets.token_bytes(n)).decode().rstrip("=") for n in (_hasher.salt_len, _hasher.hash_len))
    cost = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${tag}"


_NOBODY = _nobodys_hash()


def _hash(password: str, name: str) -> str:
    if (weak := weakness(password, name)) is not None:
        raise PeopleError(weak)
    return _hasher.hash(password)
