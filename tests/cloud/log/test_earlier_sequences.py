"""What was seen, as earlier releases wrote it: one row a sequence."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from cloud.log.sqlite import SqliteLog


def test_sequences_that_an_earlier_release_wrote_one_by_one_are_taken_over_once(tmp_path):
    path = tmp_path / "log.sqlite"
    SqliteLog(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("create table above (gateway text, spool text, seq integer, primary key (gateway, spool, seq))")
        db.execute("insert into prefix values ('gw-1', ?, 3)", (f"{7:016x}",))
        rows = [("gw-1", f"{7:016x}", seq) for seq in (5, 6, 9)] + [("gw-2", f"{1:016x}", 4)]
        db.executemany("insert into above values (?, ?, ?)", rows)
    for _ in range(2):
        log = SqliteLog(path)
        assert [n for n in range(1, 12) if log.was_seen(("gw-1", 7, n))] == [1, 2, 3, 5, 6, 9]
        assert (log.acknowledged("gw-1", 7), log.gaps("gw-1", 7)) == ((3, 9), 2)
        assert (log.acknowledged("gw-2", 1), log.gaps("gw-2", 1)) == ((0, 4), 1)
        log.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("select 1 from sqlite_master where name = 'above'").fetchall() == []
