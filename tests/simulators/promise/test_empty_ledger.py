from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cloud.ledger.open import open_ledger
from cloud.warnings import tables as t
from simulators.promise.empty_ledger import empty_ledger


def test_it_has_the_tables_and_no_row_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside, used = tmp_path / "tmp", tmp_path / "ledger.sqlite"
    aside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(aside))
    empty_ledger.cache_clear()
    used.write_bytes(empty_ledger())
    assert list(aside.iterdir()) == []
    ledger = open_ledger(f"sqlite:///{used}")
    with ledger.connect() as db:
        assert db.execute(select(func.count()).select_from(t.view_state)).scalar() == 0
    ledger.dispose()
