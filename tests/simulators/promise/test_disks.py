"""Disks of a campaign: what a crash leaves behind."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

from simulators.promise.disks import Disk, installed


def test_a_connection_that_dies_in_the_middle_of_a_statement_keeps_no_lock(tmp_path: Path) -> None:
    disk = Disk(random.Random(1))
    with installed({str(tmp_path): disk}, random.Random(2)):
        first = sqlite3.connect(tmp_path / "a.sqlite")
        first.execute("pragma journal_mode = wal")
        first.execute("create table t (x)")
        rows = first.execute("insert into t values (1), (2) returning x")
        assert next(rows) == (1,)  # and the other never comes: whoever asked is gone
        first.close()
        second = sqlite3.connect(tmp_path / "a.sqlite", timeout=0)
        second.execute("insert into t values (3)")
        second.commit()
        assert second.execute("select x from t").fetchall() == [(3,)]
        second.close()
