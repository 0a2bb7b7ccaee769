"""A ledger in Debian's PostgreSQL: the whole body of tests, its schema, and a server that is killed under load."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

import cloud.access.tables
import cloud.delivery.tables
from cloud.cli.main import app
from cloud.ledger import audit, schema
from cloud.ledger.metadata import metadata
from cloud.ledger.open import open_ledger
from cloud.ledger.schema import _LOCK, move
from cloud.views.base import RetryLater
from cloud.warnings import tables as t
from cloud.warnings.settings import WarningSettings
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from tests.cloud.ledger.openers import open_at_once
from tests.cloud.warnings.city import city, history
from tests.ledger_in_postgresql import OF_SQLITE
from tests.postgresql import PostgreSQL, postgresql
from tests.servers import free_port
from tests.waiting import until

REPO = Path(__file__).parents[3]
SMALL = REPO / "tests" / "districts" / "small"
SETTINGS = WarningSettings(gather_s=30, quiet_s=300, evidence_s=900)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with postgresql() as running:
        yield running


@pytest.fixture
def url(server: PostgreSQL, request: pytest.FixtureRequest) -> str:
    name = f"d{abs(hash(request.node.name))}"
    server.run(f"create database {name}")
    return server.url(name)


@pytest.mark.servers
@pytest.mark.unhurried
@pytest.mark.timeout(600)
@pytest.mark.parametrize("room", ["ledger", "access", "warnings", "delivery", "retention"])
def test_the_body_of_tests_holds_in_postgresql(room: str) -> None:
    with postgresql(durable=False) as server:
        run = [sys.executable, "-m", "pytest", "-p", "tests.ledger_in_postgresql", "-m", "not servers and not slow"]
        environment = {**os.environ, "HEADWATER_POSTGRESQL": server.url("").rstrip("/")}
        done = subprocess.run(
            [*run, f"tests/cloud/{room}"], cwd=REPO, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def test_every_test_that_is_left_out_is_there() -> None:
    text = "".join(p.read_text() for p in (REPO / "tests" / "cloud").rglob("test_*.py"))
    assert [n for n in OF_SQLITE if not (REPO / n).is_file() and f"def {n}(" not in text] == []


def described(engine: Engine) -> dict[str, object]:
    """Tables with their columns, keys and indexes."""
    seen = inspect(engine)
    return {
        name: (
            sorted((c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(name)),
            seen.get_pk_constraint(name)["constrained_columns"],
            sorted(str(i["column_names"]) for i in seen.get_indexes(name)),
        )
        for name in sorted(seen.get_table_names())
        if name != "alembic_version"
    }


def differences(engine: Engine) -> list[object]:
    with engine.connect() as db:
        return list(compare_metadata(MigrationContext.configure(db, opts={"compare_type": True}), metadata))


@pytest.mark.servers
@pytest.mark.unhurried
def test_migrations_up_down_and_up_again_give_what_the_owners_expect(url: str) -> None:
    assert cloud.access.tables.people.metadata is cloud.delivery.tables.sinks.metadata  # all owners are imported
    ledger = open_ledger(url, whole=True)
    before = described(ledger)
    assert len(before) > 10
    assert differences(ledger) == []
    schema.move(ledger, "base")
    assert described(ledger) == {}
    schema.move(ledger, "head")
    assert described(ledger) == before
    ledger.dispose()


@pytest.mark.servers
@pytest.mark.unhurried
def test_many_processes_open_a_fresh_one_at_once(url: str) -> None:
    assert open_at_once(url) == [0, 0, 0, 0]
    engine = open_ledger(url, whole=True)
    assert audit.verify(engine).rows == 4
    engine.dispose()


def told(view: WarningsView) -> dict[str, list[tuple[object, ...]]]:
    """All that a view has said, but for the numbers that the database gives: those have gaps after a rollback."""
    with view.ledger.connect() as db:
        return {
            x.name: [
                tuple(v for c, v in zip(x.columns, r, strict=True) if c.name != "id" or x not in (t.changes, t.late))
                for r in db.execute(select(x).order_by(*x.primary_key))
            ]
            for x in (t.messages, t.incidents, t.changes, t.late)
        }


class Writer(threading.Thread):
    """Adds to the audit record and remembers what was acknowledged; a ledger out of reach is met again and again."""

    def __init__(self, url: str, name: str, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.engine, self.said, self.ended = open_ledger(url), name, ended
        self.acknowledged: list[str] = []
        self.refused = 0

    def run(self) -> None:
        for n in range(1_000_000):
            if self.ended.is_set():
                break
            target = f"{self.said}-{n}"
            detail: Mapping[str, object] = {}
            try:
                audit.record(self.engine, now_ms=n, who="w", what="x", target=target, source="s", detail=detail)
                self.acknowledged.append(target)
            except OperationalError:
                self.refused += 1
                self.ended.wait(0.02)
        self.engine.dispose()


@pytest.mark.servers
@pytest.mark.unhurried
def test_killed_and_restarted_under_load_it_loses_and_doubles_nothing(
    server: PostgreSQL, url: str, small_district: Catalogue
) -> None:
    catalogue, log, ended = city(small_district), history(3), threading.Event()
    twin = open_view(open_ledger("sqlite://"), catalogue, SETTINGS)
    twin.apply(log)
    view = open_view(open_ledger(url, whole=True), catalogue, SETTINGS)
    writers = [Writer(url, name, ended) for name in "ab"]
    waited = [0]

    def follow() -> None:  # as a runner does
        while view.cursor() < log[-1].offset:
            try:
                view.apply([e for e in log if e.offset > view.cursor()][:1])
            except RetryLater:
                waited[0] += 1
                ended.wait(0.02)

    def moved(counts: list[int]) -> bool:
        return all(len(w.acknowledged) > n for w, n in zip(writers, counts, strict=True))

    def followed(share: int) -> bool:
        return view.cursor() > log[len(log) // share].offset

    follower = threading.Thread(target=follow, daemon=True)
    for thread in (*writers, follower):
        thread.start()
    for share in (5, 3, 2):
        until(lambda share=share: followed(share) and moved([0, 0]))
        met = waited[0]
        server.kill()
        until(lambda met=met: waited[0] > met or view.cursor() == log[-1].offset)
        counts = [len(w.acknowledged) for w in writers]
        server.start()
        until(lambda counts=counts: moved(counts))
    follower.join(120)
    ended.set()
    for writer in writers:
        writer.join(60)
    assert view.cursor() == log[-1].offset
    assert waited[0] > 0
    assert told(view) == told(twin)
    assert audit.verify(view.ledger).broken == ""
    kept = [r.target for r in audit.newest(view.ledger, 1_000_000)]
    assert len(kept) == len(set(kept))
    assert {x for w in writers for x in w.acknowledged} <= set(kept)
    view.ledger.dispose()


@pytest.mark.servers
@pytest.mark.unhurried
def test_what_another_session_has_locked_is_told_and_goes_on_when_it_is_free(
    url: str, small_district: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.ledger.open._LOCK_S", 1)
    catalogue, log = city(small_district), history(3)
    view, other = open_view(open_ledger(url, whole=True), catalogue, SETTINGS), create_engine(url)
    with other.connect() as db:
        db.execute(text("lock table messages, incidents, snapshots in access exclusive mode"))
        with pytest.raises(RetryLater, match="lock timeout"):
            view.apply(log)
    view.apply([e for e in log if e.offset > view.cursor()])
    assert view.cursor() == log[-1].offset
    with other.connect() as db:  # as another that brings the schema up to date, and never ends
        db.execute(text("select pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        engine = open_ledger(url)  # it is up to date
        with pytest.raises(OperationalError, match="lock timeout"):
            move(engine, "head")
    for each in (engine, other, view.ledger):
        each.dispose()


def test_one_out_of_reach_is_said_in_one_line_with_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "cloud.yaml"
    address = f"postgresql://ops:hidden@127.0.0.1:{free_port()}/headwater"
    config.write_text(f"catalogue: {SMALL}\ndata_dir: data\nledger_url: {address}\n")
    (tmp_path / "data").mkdir()
    done = CliRunner().invoke(app, ["key", "list", "--config", str(config)])
    assert done.exit_code == 2
    assert done.stderr.startswith("the ledger is out of reach: connection failed")
    assert done.stderr.endswith("start its server, or mend ledger_url; then give the command again\n")
    assert "hidden" not in done.stderr
