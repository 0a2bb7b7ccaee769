"""What a log that was put back from a backup had taken after that backup, as far as gateways tell.

A gateway deletes what was acknowledged to it, and says below which sequence it waits for nothing. What is missing there
the log has lost; or the gateway gave it up, which it counts itself.
"""

from __future__ import annotations

import sqlite3

from cloud.log.base import LostBatches
from cloud.log.sequences import SeenSequences

_SCHEMA = """
-- A spool each, and one without name that says that the log was put back. until: what lies above was given after the
-- gateway was heard again; null: it was not yet.
create table if not exists restored (
    gateway text not null, spool text not null, until integer, primary key (gateway, spool)) without rowid;
create table if not exists lost (
    gateway text not null, spool text not null, first integer not null, last integer not null,
    primary key (gateway, spool, first)) without rowid;
"""
_PUT = "insert or replace into restored values (?, ?, ?)"


class Losses:
    """On the log's own connection, within the transactions of who calls."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)
        self._load()

    def _load(self) -> None:
        rows = self._db.execute("select gateway, spool, until from restored")
        found = {(str(g), int(s or "0", 16)): None if u is None else int(u) for g, s, u in rows}
        self.looked_for = found.pop(("", 0), None) is not None
        self._until = found

    def begin(self) -> None:
        """From now on what is missing is named: the log was put back as it once was."""
        self._db.execute("update restored set until = null")
        self._db.execute(_PUT, ("", "", 0))
        self._load()

    def awaits(self, gateway: str, spool: int) -> bool:
        """Whether the log was put back and nothing was said of this spool since."""
        return self.looked_for and self._until.get((gateway, spool)) is None

    def heard(self, gateway: str, spool: int, before: SeenSequences, floor: int) -> list[LostBatches]:
        """What the gateway no longer waits for, and the log never had. before: what was seen before this floor.

        It is written down, and forgotten again by `taken_back` when the transaction does not hold.
        """
        key = (gateway, spool)
        until = self._until.get(key)
        if until is None:  # the first word since: what has come by now was given before, too
            until = max(floor - 1, before.highest, 0)
            self._db.execute(_PUT, (gateway, f"{spool:016x}", until))
            self._until[key] = until
        gaps = before.missing(min(floor - 1, until))
        rows = [(gateway, f"{spool:016x}", first, last) for first, last in gaps]
        self._db.executemany("insert or ignore into lost values (?, ?, ?, ?)", rows)
        return [LostBatches(gateway, spool, first, last) for first, last in gaps]

    def taken_back(self) -> None:
        """The transaction was rolled back: the tables say what holds."""
        self._load()


def lost(db: sqlite3.Connection) -> list[LostBatches]:
    """All that was found missing, by gateway, spool and sequence."""
    rows = db.execute("select gateway, spool, first, last from lost order by gateway, spool, first")
    return [LostBatches(str(g), int(s, 16), int(first), int(last)) for g, s, first, last in rows]
