"""Old rows of the audit record, moved into files whose chain still verifies.

A file holds rows one behind another, a JSON object a line, and is named by the first. What stays in the ledger follows
on the last row that went: its number and hash are kept beside the head.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select

from cloud.ledger.audit import ARCHIVED, START, Chain, archived, audit_head, audit_rows, broken_at
from cloud.ledger.open import still
from host.files import put

_NAMES = ("number", "at_ms", "who", "what", "target", "source", "detail", "previous", "hash")


def move(ledger: Engine, before_ms: int, folder: Path) -> int:
    """Rows from the first on that are older go into a file in `folder`; how many. The newest stays.

    Durable in the file before they go. Raises what disk and ledger raise; done again, nothing is there twice.
    """
    with still(ledger, to_write=True) as db:
        last = _last_to_go(db, before_ms)
        old = [
            {n: r[n] for n in _NAMES}
            for r in db.execute(
                select(audit_rows).where(audit_rows.c.number <= last).order_by(audit_rows.c.number)
            ).mappings()
        ]
        if not old:
            return 0
        folder.mkdir(mode=0o700, exist_ok=True)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in old)
        put(folder / f"audit-{old[0]['number']:09}.jsonl", lines.encode())
        db.execute(delete(audit_rows).where(audit_rows.c.number <= last))
        db.execute(delete(audit_head).where(audit_head.c.id == ARCHIVED))
        db.execute(insert(audit_head).values(id=ARCHIVED, number=last, hash=old[-1]["hash"]))
    return len(old)


def verify(folder: Path, ledger: Engine) -> Chain:
    """The files of a folder, as one chain, and whether what is left in the ledger follows on it. Files at its beginning
    may be somewhere else. Raises OSError; ValueError or LookupError where a line is no row."""
    previous, number, count = START, 0, 0
    for row in rows(folder):
        if count == 0 and row.get("number") != 1:  # the files before are somewhere else
            number, previous = int(row["number"]) - 1, str(row["previous"])
        if (what := broken_at(row, number + 1, previous)) is not None:
            return Chain(count, previous, what)
        number, previous, count = number + 1, str(row["hash"]), count + 1
    last, digest = archived(ledger)
    meets = (number, previous) == (last, digest)
    return Chain(count, previous, "" if meets else f"it ends with row {number}, and the ledger begins behind {last}")


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Of the files of a folder, oldest first. Raises OSError, ValueError."""
    for path in sorted(folder.glob("audit-*.jsonl")):
        for line in path.read_text().splitlines():
            yield json.loads(line)


def _last_to_go(db: Connection, before_ms: int) -> int:
    """All rows up to there are older, and one is left behind them."""
    numbers = select(func.min(audit_rows.c.number)).where(audit_rows.c.at_ms >= before_ms)
    first_young = db.execute(numbers).scalar()
    newest = db.execute(select(func.max(audit_rows.c.number))).scalar() or 0
    return int(min(newest if first_young is None else first_young, newest)) - 1
