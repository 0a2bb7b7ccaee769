"""A plugin (`pytest -p tests.ledger_in_postgresql`): every ledger that a test opens is in PostgreSQL.

What the test calls `sqlite://` is a database of its own each time, `sqlite:///PATH` one for each path; both are gone
after the test. The server is named by HEADWATER_POSTGRESQL, `postgresql+psycopg://USER@HOST:PORT`.
"""

from __future__ import annotations

import ast
import itertools
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

import cloud.ledger.open
from cloud.ledger.open import open_ledger

# What is about SQLite's own file, or makes one; of PostgreSQL tests/cloud/ledger/test_postgresql.py has its own.
OF_SQLITE = {
    "tests/cloud/ledger/test_open.py": "writes into SQLite's file, or breaks it",
    "tests/cloud/ledger/test_postgresql.py": "starts a server of its own",
    "tests/cloud/ledger/test_schema.py": "compares SQLite's own list of tables",
    "test_a_look_for_news_costs_what_is_new_however_much_was_delivered": "counts the steps of SQLite's own machine",
    "test_a_ledger_that_is_full_lets_those_in_who_were_in": "sets SQLite's largest number of pages",
    # A transaction that is taken back leaves a gap in PostgreSQL's numbers of changes: test_postgresql.py looks at the
    # rest.
    "test_a_ledger_out_of_reach_loses_and_doubles_nothing": "compares numbers that SQLite gives without gaps",
}
# Each of these plays a dozen seeds or more: what PostgreSQL has to do with it, two show.
_SEEDS = ("test_live_restart_and_replay_say_the_same", "test_the_shared_list_is_what_a_fresh_look_would_give")
_OF_EACH = 2
SERVER = os.environ.get("HEADWATER_POSTGRESQL", "")
_TESTS = Path(__file__).parent
_TEMPLATE = "headwater_at_head"
_number = itertools.count(1)


def _run(statement: str) -> None:
    engine = create_engine(f"{SERVER}/postgres", poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as db:
        db.execute(text(statement))


@cache
def _may_open_one(path: Path) -> bool:
    """Whether a file of tests, or one of ours that it imports, opens a ledger; else PostgreSQL has nothing to do with
    it."""
    text = path.read_text()
    names = [n.module for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom) and n.module]
    ours = [_TESTS.parent / f"{name.replace('.', '/')}.py" for name in names if name.split(".")[0] == "tests"]
    return "open_ledger" in text or any(p.is_file() and _may_open_one(p) for p in ours)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [i for i in items if not _may_open_one(i.path)]
    left_out += [i for i in items if any(i.nodeid.startswith(k) or i.name.startswith(k) for k in OF_SQLITE)]
    for name in _SEEDS:
        left_out += [i for i in items if i.name.startswith(f"{name}[")][_OF_EACH:]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [i for i in items if i not in gone]


@pytest.fixture(scope="session")
def template() -> str:
    """A ledger that the migrations made, to be copied."""
    _run(f"create database {_TEMPLATE}")
    open_ledger(f"{SERVER}/{_TEMPLATE}", whole=True).dispose()
    return _TEMPLATE


@pytest.fixture(autouse=True)
def in_postgresql(template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made: dict[str, str] = {}
    engines: list[Engine] = []

    def database(url: str) -> str:
        if url in made and url != "sqlite://":
            return made[url]
        name = f"t{os.getpid()}_{next(_number)}"
        _run(f"create database {name} template {template}")
        made[url if url != "sqlite://" else name] = name
        return name

    def engine_of(url: Any, **_: Any) -> Engine:
        engine = create_engine(f"{SERVER}/{database(str(url))}", pool_pre_ping=True)
        engines.append(engine)
        return engine

    monkeypatch.setattr(cloud.ledger.open, "create_engine", engine_of)
    yield
    monkeypatch.undo()
    for engine in engines:
        engine.dispose()
    for name in made.values():
        _run(f"drop database {name} with (force)")
