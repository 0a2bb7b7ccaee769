"""The address of a ledger: what may be written there, and which driver stands behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import URL

_KINDS = ("sqlite", "postgresql")


def url_of(text: str) -> URL:
    """`postgresql://…` goes by psycopg, which the extra `postgresql` brings. Raises ArgumentError (of SQLAlchemy)."""
    from sqlalchemy import make_url

    url = make_url(text)
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def sqlite_file(text: str) -> Path | None:
    """The file of a ledger in SQLite; None for another database."""
    url = url_of(text)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def url_trouble(text: str) -> str | None:
    """What is wrong with the `ledger_url` of a configuration, and what to write or to install; None for a good one.

    Nothing is connected to. The answer never repeats a password.
    """
    if not text:
        return None
    from sqlalchemy.exc import ArgumentError

    try:
        url = url_of(text)
        if url.get_backend_name() not in _KINDS:
            return f"a ledger is in sqlite or postgresql, not in {url.get_backend_name()}"
        url.get_dialect().import_dbapi()
    except ModuleNotFoundError as error:
        return f"the driver {error.name} is not installed: pip install 'headwater[postgresql]'"
    except (ArgumentError, ValueError):
        return "not an address: write postgresql://USER@HOST:PORT/DATABASE, and the password into ~/.pgpass"
    if url.get_backend_name() == "postgresql" and not url.database and "service" not in url.query:
        return "no database is named: write postgresql://USER@HOST:PORT/DATABASE"
    return None
