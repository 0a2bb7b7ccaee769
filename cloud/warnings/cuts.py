"""Places of the log at which all that the warnings depend on is kept, so that what lies before may be trimmed.

A copy of the rows that `cloud.warnings.store` and `cloud.warnings.snapshots` keep, as they stood at one entry: in the
table of snapshots, a name each. One of them is the beginning, where a rebuild and a replay begin.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, delete, select, update

from cloud.log.base import Cursor
from cloud.warnings import tables as t
from cloud.warnings.snapshots import cursor_of

_BEGINNING = "beginning"
_HEAD, _OPENED, _AT = "head", "opened", "at"


def keep(db: Connection, name: str, at_ms: int) -> Cursor | None:
    """Keep how everything stands. db: stands still. at_ms: the log's time. None: the last snapshot is not of the last
    entry that was told of: ask again a little later."""
    row = db.execute(select(t.view_state).where(t.view_state.c.name == name)).first()
    parts = _parts(db, name)
    if row is None or cursor_of(parts) != row.cursor:
        return None
    opened = [[zone, body] for zone, body in db.execute(select(t.open_incidents.c.zone, t.open_incidents.c.body))]
    parts |= {_HEAD: row.state.encode(), _OPENED: json.dumps(opened).encode(), _AT: str(at_ms).encode()}
    _write(db, _name(name, row.cursor), parts)
    return Cursor(row.cursor)


def kept(db: Connection, name: str) -> list[tuple[Cursor, int]]:
    """Places that are kept, and the log's time at each, rising; without the beginning."""
    prefix = f"{name}@"
    rows = db.execute(select(t.snapshots.c.name, t.snapshots.c.body).where(t.snapshots.c.part == _AT))
    found = [(n.removeprefix(prefix), bytes(body)) for n, body in rows if n.startswith(prefix)]
    return sorted((Cursor(int(at)), int(body)) for at, body in found if at != _BEGINNING)


def begin(db: Connection, name: str, cursor: Cursor) -> None:
    """A place that is kept becomes the beginning; those before it go."""
    new = f"{name}@{_BEGINNING}"
    gone = [new, *(_name(name, at) for at, _ in kept(db, name) if at < cursor)]
    db.execute(delete(t.snapshots).where(t.snapshots.c.name.in_(gone)))
    db.execute(update(t.snapshots).where(t.snapshots.c.name == _name(name, cursor)).values(name=new))


def beginning(db: Connection, name: str) -> Cursor | None:
    """Where a rebuild begins; None: at the beginning of the log."""
    parts = _parts(db, f"{name}@{_BEGINNING}")
    return cursor_of(parts) if parts else None


def copy_beginning(source: Connection, target: Connection, name: str) -> Cursor | None:
    """Into a ledger without warnings, as if everything had been told up to there. None: there is none to copy."""
    parts = _parts(source, f"{name}@{_BEGINNING}")
    cursor = cursor_of(parts) if parts else None
    if cursor is None:
        return None
    _write(target, name, {k: v for k, v in parts.items() if k not in (_HEAD, _OPENED, _AT)})
    target.execute(t.view_state.insert().values(name=name, cursor=cursor, state=parts[_HEAD].decode()))
    for zone, body in json.loads(parts[_OPENED]):
        target.execute(t.open_incidents.insert().values(zone=zone, body=body))
    return cursor


def snapshot_name(name: str) -> str:
    """Of the snapshot at the beginning, for `cloud.warnings.snapshots.read`."""
    return f"{name}@{_BEGINNING}"


def _name(name: str, cursor: int) -> str:
    return f"{name}@{cursor}"


def _parts(db: Connection, name: str) -> dict[str, bytes]:
    rows = db.execute(select(t.snapshots.c.part, t.snapshots.c.body).where(t.snapshots.c.name == name))
    return {part: bytes(body) for part, body in rows}


def _write(db: Connection, name: str, parts: dict[str, bytes]) -> None:
    db.execute(delete(t.snapshots).where(t.snapshots.c.name == name))
    db.execute(t.snapshots.insert(), [{"name": name, "part": part, "body": body} for part, body in parts.items()])
