"""Old rows of the audit record go into files; ledger and files are one chain still, and a change in either is seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, update
from typer.testing import CliRunner

from cloud.cli.main import app
from cloud.ledger import audit, audit_archive
from cloud.ledger.open import open_ledger
from cloud.log.open import open_log
from tests.cloud.cli.test_common import config


def write(ledger: Engine, *at_ms: int) -> None:
    for at in at_ms:
        audit.record(ledger, now_ms=at, who="w", what="x", target="é", source="s", detail={"at": at})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    (tmp_path / "data").mkdir()
    found = open_ledger(f"sqlite:///{tmp_path}/data/ledger.sqlite")
    write(found, *range(1, 11))
    yield found
    found.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "archive"


def test_old_rows_go_and_both_parts_are_whole(ledger: Engine, folder: Path) -> None:
    head = audit.verify(ledger).head
    assert audit_archive.move(ledger, 1, folder) == 0
    assert not folder.exists()
    assert audit_archive.move(ledger, 5, folder) == 4
    assert audit_archive.move(ledger, 5, folder) == 0
    assert audit_archive.move(ledger, 8, folder) == 3
    assert [p.name for p in sorted(folder.iterdir())] == ["audit-000000001.jsonl", "audit-000000005.jsonl"]
    assert [r.number for r in audit.newest(ledger)] == [10, 9, 8]
    assert audit.verify(ledger) == audit.Chain(3, head, "")
    assert audit_archive.verify(folder, ledger).rows == 7
    assert audit_archive.verify(folder, ledger).broken == ""
    write(ledger, 11)
    assert (audit.verify(ledger).rows, audit.verify(ledger).broken) == (4, "")
    assert audit_archive.move(ledger, 10**6, folder) == 3  # the newest stays
    assert [r.number for r in audit.newest(ledger)] == [11]
    assert audit.verify(ledger).broken == audit_archive.verify(folder, ledger).broken == ""
    (folder / "audit-000000001.jsonl").unlink()  # carried away
    assert (audit_archive.verify(folder, ledger).rows, audit_archive.verify(folder, ledger).broken) == (6, "")


def test_a_row_that_is_younger_than_those_behind_it_holds_them(ledger: Engine, folder: Path) -> None:
    write(ledger, 50, 3)  # the clock was put right
    assert audit_archive.move(ledger, 20, folder) == 10


def test_a_crash_between_file_and_ledger_leaves_no_row_twice(ledger: Engine, folder: Path) -> None:
    audit_archive.move(ledger, 5, folder)
    kept = (folder / "audit-000000001.jsonl").read_text()
    (folder / "audit-000000005.jsonl").write_text(kept)  # whatever stood there
    assert audit_archive.move(ledger, 9, folder) == 4
    assert audit_archive.verify(folder, ledger).broken == ""


def test_what_was_altered_or_taken_away_is_named(ledger: Engine, folder: Path, tmp_path: Path) -> None:
    audit_archive.move(ledger, 5, folder)
    audit_archive.move(ledger, 8, folder)
    path, first = config(tmp_path), folder / "audit-000000001.jsonl"
    whole = first.read_text()

    def said(code: int = 1) -> str:
        done = CliRunner().invoke(app, ["audit", "--config", str(path)])
        assert done.exit_code == code, done.output
        return done.stderr

    assert said(0).endswith("archive whole: 7 rows\n")
    first.write_text(whole.replace('"who": "w"', '"who": "v"', 1))
    assert "row 1 was altered" in said()
    first.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    assert "row 4 is missing" in said()
    first.write_text("torn")
    assert "a line is no row" in said()
    first.write_text(whole)
    (folder / "audit-000000005.jsonl").unlink()
    assert "it ends with row 4, and the ledger begins behind 7" in said()
    with ledger.begin() as db:
        db.execute(delete(audit.audit_rows).where(audit.audit_rows.c.number == 8))
    assert audit.verify(ledger).broken == "row 8 is missing"
    with ledger.begin() as db:
        db.execute(update(audit.audit_head).where(audit.audit_head.c.id == audit.ARCHIVED).values(number=8))
    assert audit.verify(ledger).broken == "row 9 does not follow on row 8"


def test_a_night_moves_them(ledger: Engine, folder: Path, tmp_path: Path) -> None:
    path = config(tmp_path, retention={"audit_days": 1})
    open_log(tmp_path / "data").close()
    done = CliRunner().invoke(app, ["trim", "--config", str(path)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"noted": 9}
    assert [r.what for r in audit.newest(ledger)] == ["trim", "x"]
