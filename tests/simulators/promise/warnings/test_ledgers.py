"""Ledgers of runs: each file has its own rows, and nothing is left behind in the temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import func, insert, select

from cloud.warnings import tables as t
from simulators.promise.warnings.ledgers import ledger_at


def test_one_engine_goes_from_file_to_file(tmp_path: Path) -> None:
    for n, name in enumerate(("a", "b", "a")):
        ledger = ledger_at(tmp_path / name, "test")
        with ledger.begin() as db:
            db.execute(insert(t.view_state).values(name=str(n), cursor=0, state="{}"))
            rows = db.execute(select(func.count()).select_from(t.view_state)).scalar()
        assert rows == (2 if n == 2 else 1)
        ledger.dispose()


def test_processes_that_are_ended_leave_no_folder(tmp_path: Path) -> None:
    code = "from simulators.promise.warnings.campaign import campaign; print(campaign(2, workers=2).seeds)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout == "2\n", done.stderr
    assert list(tmp_path.iterdir()) == []
