"""A ledger goes from one database to another whole, and the other goes on counting where it ended."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, inspect, select
from typer.testing import CliRunner

from cloud.backup import tables
from cloud.cli.main import app
from cloud.ledger import audit
from cloud.ledger.metadata import metadata
from cloud.ledger.open import open_ledger
from cloud.warnings import tables as t
from cloud.warnings.view import open_view
from contract.catalogue.catalogue import Catalogue
from tests.cloud.backup.running import Gateway, caught_up, config, running, told
from tests.cloud.warnings.city import city, history
from tests.cloud.warnings.test_view import SETTINGS
from tests.postgresql import PostgreSQL, postgresql
from tests.waiting import until


def rows(ledger: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with ledger.connect() as db:
        return {
            x.name: [tuple(r) for r in db.execute(select(x).order_by(*x.primary_key))] for x in metadata.sorted_tables
        }


def filled(small_district: Catalogue, url: str) -> Engine:
    """With every kind of row that a flood makes."""
    view = open_view(open_ledger(url), city(small_district), SETTINGS)
    view.apply(history(6))
    audit.record(view.ledger, now_ms=1, who="w", what="x", target="t", source="s", detail={"n": 1, "s": "é"})
    return view.ledger


def copied(source: Engine, url: str) -> Engine:
    target = open_ledger(url)
    with source.connect() as old, target.begin() as new:
        assert tables.filled(new) is None
        tables.copy(old, new)
        assert tables.filled(new) is not None
    return target


def test_every_row_is_there(small_district: Catalogue, tmp_path: Path) -> None:
    source = filled(small_district, "sqlite://")
    target = copied(source, f"sqlite:///{tmp_path}/other.sqlite")
    assert rows(target) == rows(source)
    assert {name for name, found in rows(source).items() if found} >= {"messages", "condition_changes", "audit"}
    target.dispose()
    source.dispose()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with postgresql(durable=False) as running:
        yield running


@pytest.mark.servers
@pytest.mark.unhurried
def test_into_postgresql_and_back(server: PostgreSQL, small_district: Catalogue, tmp_path: Path) -> None:
    source = filled(small_district, f"sqlite:///{tmp_path}/a.sqlite")
    server.run("create database there")
    there = copied(source, server.url("there"))
    assert rows(there) == rows(source)
    last = max(r[0] for r in rows(source)["condition_changes"])
    with there.begin() as db:
        db.execute(insert(t.changes).values(time_ms=1, state="calm", reason="x"))
    assert max(r[0] for r in rows(there)["condition_changes"]) == last + 1
    back = copied(there, f"sqlite:///{tmp_path}/b.sqlite")
    assert rows(back) == rows(there)
    for engine in (source, there, back):
        engine.dispose()


@pytest.mark.servers
@pytest.mark.unhurried
def test_a_cloud_with_its_ledger_in_postgresql_is_backed_up_while_it_runs(server: PostgreSQL, tmp_path: Path) -> None:
    for name in ("before", "after", "used"):
        server.run(f"create database {name}")
    path, gateway = config(tmp_path, ledger_url=server.url("before")), Gateway()
    with running(path) as cloud:
        gateway.depth_m = 0.8
        until(lambda: gateway.send(cloud) or told(tmp_path))
        done = CliRunner().invoke(app, ["backup", "--config", str(path), "--to", str(tmp_path / "copy")])
        assert done.exit_code == 0, done.output
        kept = rows(cloud.ledger)
    shutil.rmtree(tmp_path / "data")
    open_ledger(server.url("used"), whole=True).dispose()
    audit.record(used := open_ledger(server.url("used")), now_ms=1, who="", what="", target="", source="", detail={})
    used.dispose()
    path = config(tmp_path, ledger_url=server.url("used"))
    done = CliRunner().invoke(app, ["restore", str(tmp_path / "copy"), "--config", str(path)])
    assert done.exit_code == 2
    assert "is not empty (audit has rows)" in done.stderr
    assert not (tmp_path / "data").exists()
    path = config(tmp_path, ledger_url=server.url("after"))
    done = CliRunner().invoke(app, ["restore", str(tmp_path / "copy"), "--config", str(path)])
    assert done.exit_code == 0, done.output
    before = told(tmp_path)
    with running(path) as cloud:
        caught_up(cloud)
        found = rows(cloud.ledger)
    assert (found["messages"], told(tmp_path)) == (kept["messages"], before)
    assert not (tmp_path / "data" / "ledger.sqlite").exists()


def test_a_command_that_imports_nothing_else_knows_every_table(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    there = set(inspect(ledger).get_table_names()) - {"alembic_version"}
    ledger.dispose()
    said = "import cloud.backup.tables as b; print(*b.metadata.tables)"
    known = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout.split()
    assert set(known) == there
