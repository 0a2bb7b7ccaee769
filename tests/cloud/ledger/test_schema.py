"""The ledger's schema comes of migrations: from nothing, from a ledger of before, up and down, by many at once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, insert, select
from typer.testing import CliRunner

import cloud.access.tables
import cloud.delivery.tables
import cloud.maintenance.tables
import cloud.warnings.tables
from cloud.cli.main import app
from cloud.ledger import audit, schema
from cloud.ledger.errors import LedgerTooNew
from cloud.ledger.metadata import metadata
from cloud.ledger.open import open_ledger
from host.sqlite import StoreDamaged
from tests.cloud.ledger.openers import open_at_once

FLOOD = Path(__file__).parents[2] / "fuzz" / "corpus" / "file.ledger" / "flood"  # made before there were migrations
SMALL = Path(__file__).parents[2] / "districts" / "small"


@pytest.fixture
def ledger(tmp_path: Path) -> Engine:
    return open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")


def differences(engine: Engine) -> list[object]:
    with engine.connect() as db:
        return list(compare_metadata(MigrationContext.configure(db, opts={"compare_type": True}), metadata))


def described(engine: Engine) -> list[tuple[str, ...]]:
    """What is in SQLite's own list, without names that it gives itself."""
    with engine.connect() as db:
        found = db.exec_driver_sql("select name, sql from sqlite_master where name != 'alembic_version' order by name")
        own = [(name, sql or "") for name, sql in found if not name.startswith("sqlite_autoindex_alembic")]
    # A table made anew has its name in quotes, an added column no line of its own.
    return [(name, " ".join(sql.replace('"', "").split())) for name, sql in own]


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        names = [n for (n,) in db.execute("select name from sqlite_master where type = 'table'")]
        return {n: db.execute(f"select * from {n}").fetchall() for n in names}


def with_keys(rows: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    """The same, with the names that migration 0002 gives conditions: the channel as target, and no rule.

    And what 0003 adds to messages: nothing is known of those that were there. And 0004 to deliveries: nothing was noted
    and nothing is unsure; and no row of any sink. And 0005: no snapshot, and of no row the entry that it is of.
    And 0006: of no late reading the hour. And 0007: no maintenance notice. And 0008: nobody
    was told of any.
    """
    nowhere = (None, None)
    return {
        **rows,
        "sinks": [],
        "snapshots": [],
        "maintenance_notices": [],
        "maintenance_state": [],
        "maintenance_deliveries": [],
        "deliveries": [(*row, None, 0) for row in rows["deliveries"]],
        "condition_state": [(f"channel/{channel}", "", body) for channel, body in rows["condition_state"]],
        **{
            table: [(*row, None, f"channel/{row[1]}", *nowhere, *more) for row in rows[table]]
            for table, more in (("condition_changes", ()), ("late_readings", (None,)))
        },
        "messages": [(*row, None, None, None, None, *nowhere) for row in rows["messages"]],
    }


def test_a_step_down_keeps_a_condition_a_channel(tmp_path: Path) -> None:
    """Of two rules on one the first by name; those of stations and zones go, and so do changes that name no channel."""
    path = tmp_path / "ledger.sqlite"
    ledger = open_ledger(f"sqlite:///{path}")
    t = cloud.warnings.tables
    states = [("channel/7", "b", "7b"), ("channel/7", "a", "7a"), ("channel/12", "b", "12b"), ("zone/7", "a", "z")]
    told = {"time_ms": 5, "state": "normal", "reason": "silent"}
    with ledger.begin() as db:
        db.execute(insert(t.condition_state), [dict(zip(("target", "rule", "body"), s, strict=True)) for s in states])
        db.execute(insert(t.changes).values(rule="a", target="zone/7", channel=None, **told))
        db.execute(insert(t.changes).values(rule="b", target="channel/7", channel=7, **told))
        late = {"channel": 7, "reading_ms": 4, "now_ms": 5, "value": 0.5}
        db.execute(insert(t.late).values(rule="b", target="channel/7", **late))
    schema.move(ledger, "0001")
    found = contents(path)
    assert found["condition_state"] == [(7, "7a"), (12, "12b")]
    assert found["condition_changes"] == [(2, 7, 5, "normal", None, "silent", None)]
    assert found["late_readings"] == [(1, 7, 4, 5, 0.5, None)]
    schema.move(ledger, "head")
    assert contents(path) == {**with_keys(found), "alembic_version": [(schema.HEAD,)]}
    assert differences(ledger) == []
    ledger.dispose()


def test_a_step_down_delivers_nothing_again_that_was_noted(tmp_path: Path) -> None:
    """The release before would send it, old as it is."""
    path = tmp_path / "ledger.sqlite"
    ledger = open_ledger(f"sqlite:///{path}")
    d = cloud.delivery.tables
    row = {"sink": "c", "attempts": 1, "first_ms": 1, "receipt": "x"}
    with ledger.begin() as db:
        db.execute(insert(d.deliveries).values(**row, message="m1", noted="expired", given_up_ms=7))
        db.execute(insert(d.deliveries).values(**row, message="m2", perhaps=True))
        db.execute(insert(d.deliveries).values(**row, message="m3", delivered_ms=5))
        db.execute(insert(d.sinks).values(name="c", off_by="ann", off_ms=3))
    schema.move(ledger, "0003")
    found = contents(path)
    assert "sinks" not in found
    assert found["deliveries"] == [
        ("c", "m1", 1, 1, 7, 7, "x"),
        ("c", "m2", 1, 1, None, None, "x"),
        ("c", "m3", 1, 1, 5, None, "x"),
    ]
    schema.move(ledger, "head")
    assert differences(ledger) == []
    ledger.dispose()


def test_the_code_names_the_newest_migration() -> None:
    folder = Path(schema.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_heads() == [schema.HEAD]


def test_migrations_make_what_the_owners_of_the_tables_expect(ledger: Engine) -> None:
    """A difference stands in the message as the operation that the next migration needs."""
    assert differences(ledger) == []
    by_owners = create_engine("sqlite://")
    metadata.create_all(by_owners)
    assert described(ledger) == described(by_owners)


def test_up_down_and_up_again_is_the_same(ledger: Engine) -> None:
    before = described(ledger)
    schema.move(ledger, "base")
    assert described(ledger) == []
    schema.move(ledger, "head")
    assert described(ledger) == before
    assert differences(ledger) == []


def test_a_ledger_from_before_migrations_keeps_every_row(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(FLOOD.read_bytes())
    before = contents(path)
    assert "alembic_version" not in before
    assert before["messages"]
    open_ledger(f"sqlite:///{path}", whole=True).dispose()
    assert contents(path) == {**with_keys(before), "alembic_version": [(schema.HEAD,)]}
    assert before["condition_state"]
    assert before["condition_changes"]


def test_an_older_one_that_lacks_tables_gets_them(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(FLOOD.read_bytes())
    with closing(sqlite3.connect(path)) as db:
        db.executescript("drop table open_incidents; drop table condition_state")
    before = contents(path)
    engine = open_ledger(f"sqlite:///{path}", whole=True)
    empty = {"open_incidents": [], "condition_state": [], "alembic_version": [(schema.HEAD,)]}
    assert contents(path) == {**with_keys({"condition_state": [], **before}), **empty}
    assert differences(engine) == []


def test_one_of_a_newer_headwater_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "ledger.sqlite"
    path.parent.mkdir()
    engine = open_ledger(f"sqlite:///{path}")
    with engine.begin() as db:
        db.exec_driver_sql("update alembic_version set version_num = '9999'")
    before = contents(path)
    said = rf"schema version 9999.* versions up to {schema.HEAD}: start the newer Headwater again, or put back the copy"
    with pytest.raises(LedgerTooNew, match=said):
        open_ledger(f"sqlite:///{path}")
    assert contents(path) == before
    config = tmp_path / "cloud.yaml"
    config.write_text(f"catalogue: {SMALL}\ndata_dir: data\nbroker: {{embedded: true, port: 0}}\n")
    done = CliRunner().invoke(app, ["key", "list", "--config", str(config)])
    assert done.exit_code == 2
    assert "start the newer Headwater again" in done.stderr


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(FLOOD.read_bytes())
    with closing(sqlite3.connect(path)) as db:  # the missing tables can be made, an index by that name cannot
        db.executescript("drop table sessions; drop table people; create table ix_sessions_person (x)")
    before = contents(path)
    with pytest.raises(StoreDamaged, match="there is already a table named ix_sessions_person"):
        open_ledger(f"sqlite:///{path}")
    assert contents(path) == before


def test_many_processes_open_a_fresh_one_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    url = f"sqlite:///{path}"
    assert open_at_once(url) == [0, 0, 0, 0]
    engine = open_ledger(url, whole=True)
    assert audit.verify(engine).rows == 4
    assert differences(engine) == []


def test_going_up_keeps_rows_and_a_lookup_costs_no_migration(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    people = cloud.access.tables.people
    with ledger.begin() as db:
        db.execute(insert(people).values(name="ada", role="viewer", hash="h", created_ms=1, password_ms=1))
    schema.move(ledger, "0001")
    with ledger.begin() as db:
        db.exec_driver_sql("delete from alembic_version")  # as one that was made before
    schema.bring_to_head(ledger)
    with ledger.connect() as db:
        assert db.execute(select(people.c.name)).scalars().all() == ["ada"]
        assert schema.version_of(db) == schema.HEAD
    monkeypatch.setattr(schema, "move", lambda *_: pytest.fail("it is up to date"))
    schema.bring_to_head(ledger)
