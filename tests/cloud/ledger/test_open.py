"""A damaged ledger is said by name at the start, with what to do; one that cannot be reached is not called damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, OperationalError
from typer.testing import CliRunner

import cloud.access.tables  # noqa: F401 -- the owner of `people`
from cloud.cli.main import app
from cloud.ledger.open import open_ledger
from cloud.warnings.view import open_view
from contract.catalogue.catalogue import Catalogue
from host.sqlite import StoreDamaged

SMALL = Path(__file__).parents[2] / "districts" / "small"
FLOOD = Path(__file__).parents[2] / "fuzz" / "corpus" / "file.ledger" / "flood"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(FLOOD.read_bytes())
    return path


def alter(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def test_a_sound_one_opens(ledger: Path, small_district: Catalogue) -> None:
    view = open_view(open_ledger(f"sqlite:///{ledger}", whole=True), small_district)
    assert (view.cursor(), len(view.reader.incidents())) == (12, 1)
    view.ledger.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "update condition_state set body = '{'",
        "update condition_state set body = '{}'",
        "update view_state set state = '[]'",
        "update open_incidents set body = 'null'",
    ],
)
def test_a_state_that_cannot_be_read_is_named_and_made_again(
    ledger: Path, small_district: Catalogue, statement: str
) -> None:
    alter(ledger, statement)
    with pytest.raises(StoreDamaged, match=r"ledger\.sqlite is damaged .* view rebuild warnings"):
        open_view(open_ledger(f"sqlite:///{ledger}", whole=True), small_district)
    config = {"catalogue": str(SMALL), "data_dir": ".", "broker": {"embedded": True, "port": 0}}
    (ledger.parent / "cloud.yaml").write_text(yaml.safe_dump(config))
    done = CliRunner().invoke(app, ["view", "rebuild", "warnings", "--config", str(ledger.parent / "cloud.yaml")])
    assert done.exit_code == 0, done.stderr
    view = open_view(open_ledger(f"sqlite:///{ledger}", whole=True), small_district)
    assert view.cursor() == 0
    view.ledger.dispose()


def test_a_table_without_a_column_is_named(ledger: Path) -> None:
    alter(ledger, "alter table people rename column role to rule")
    with pytest.raises(StoreDamaged, match=r"ledger\.sqlite is damaged .*role.* put a copy of it there"):
        open_ledger(f"sqlite:///{ledger}", whole=True)


def test_a_page_that_nothing_reads_at_the_start_is_found(ledger: Path, small_district: Catalogue) -> None:
    with closing(sqlite3.connect(ledger)) as db:
        (page,) = db.execute("select rootpage from sqlite_master where name = 'condition_changes'").fetchone()
    body = bytearray(ledger.read_bytes())
    body[(page - 1) * 512 : page * 512] = b"\xff" * 512
    ledger.write_bytes(body)
    with pytest.raises(StoreDamaged):
        open_view(open_ledger(f"sqlite:///{ledger}", whole=True), small_district)


def test_one_out_of_reach_is_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="unable to open"):
        open_ledger(f"sqlite:///{tmp_path / 'no such folder' / 'ledger.sqlite'}")


@pytest.mark.parametrize("url", ["sqlite://", "file"])
def test_no_error_tells_what_it_was_given(url, tmp_path):
    """A trace of it goes to the log, and what is given are hashes of passwords."""
    ledger = open_ledger(url if url != "file" else f"sqlite:///{tmp_path}/ledger.sqlite")
    with pytest.raises(DatabaseError) as caught, ledger.begin() as db:
        db.execute(
            text("insert into people (name, hash) values (:name, :hash)"), {"name": "ann", "hash": "$argon2id$x"}
        )
    assert "argon2id" not in str(caught.value)
    ledger.dispose()
