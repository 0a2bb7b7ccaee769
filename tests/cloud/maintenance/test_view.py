"""Maintenance notices in the ledger: written once, whatever is killed; asked over the API; no part of the warnings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select, update

from cloud.api import maintenance, problems
from cloud.api.ports import Services
from cloud.ledger.open import open_ledger
from cloud.log.base import Cursor, Entry
from cloud.maintenance import tables as t
from cloud.maintenance.kinds import Audience, Kind
from cloud.maintenance.model import MaintenanceNotice
from cloud.maintenance.view import MaintenanceView, forget_closed
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane
from tests.cloud.maintenance.player import entries
from tests.cloud.maintenance.test_engine import DISTRICT, altered
from tests.cloud.warnings.city import entry, tick


def log() -> list[Entry]:
    """A pump that trips, and a sensor that is lost for a while."""
    values = altered(c114=lambda at: float(at >= 20), c411=lambda at: None if 10 <= at < 30 else 0.0)
    played = entries(DISTRICT, values, 0, 50)
    out: list[Entry] = []
    for n, (now_ms, gateway) in enumerate(zip(played.now_ms, played.gateways, strict=True)):
        if not gateway:
            out.append(tick(n + 1, now_ms))
            continue
        batch = played.batch.take(played.entry == n)
        payload = encode_batch(WireBatch(gateway, 1, n + 1, Lane.LIVE, batch))
        out.append(entry(n + 1, now_ms, batch)._replace(gateway=gateway, payload=payload))
    return out


LOG = log()


@pytest.fixture
def ledger(tmp_path: Path) -> Engine:
    return open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")


def rows(ledger: Engine) -> list[tuple[Any, ...]]:
    with ledger.connect() as db:
        return [tuple(row) for row in db.execute(select(t.notices.c.id, t.notices.c.body).order_by(t.notices.c.id))]


def test_told_once_and_kept(ledger: Engine) -> None:
    told: list[MaintenanceNotice] = []
    view = MaintenanceView(ledger, DISTRICT, told.extend)
    view.apply(LOG)
    assert [(n.kind, n.place, n.closed_ms is not None) for n in told] == [
        (Kind.NO_VALUE, "channel/411", False),
        (Kind.TRIP, "pump/u1/1", False),
        (Kind.NO_VALUE, "channel/411", True),
    ]
    stands = view.reader.notices(open_only=True)
    assert [n.notice for n in stands] == [told[1]]
    assert [n.notice for n in view.reader.notices()] == [told[1], told[2]]
    newest = [n.number for n in view.reader.after(0)]
    assert newest == sorted(newest)
    assert [n.notice for n in view.reader.after(newest[0])] == [n.notice for n in view.reader.after(0)][1:]


def test_what_closed_long_ago_goes_and_no_number_is_given_twice(ledger: Engine) -> None:
    view = MaintenanceView(ledger, DISTRICT)
    view.apply(LOG)
    closed = t.notices.c.closed_ms.is_not(None)
    with ledger.begin() as db:
        db.execute(update(t.notices).where(closed).values(closed_ms=1000, number=8))
        assert forget_closed(db, 2000) == 0  # it has the newest number
        db.execute(update(t.notices).where(~closed).values(number=9))
        assert forget_closed(db, 1000) == 0  # not long enough ago
        assert forget_closed(db, 2000) == 1
    assert [n.number for n in view.reader.after(0)] == [9]


@pytest.mark.parametrize("killed", [1, 47, 81, 150, len(LOG) - 1])
def test_after_a_crash_it_goes_on_and_tells_nothing_twice(ledger: Engine, killed: int, tmp_path: Path) -> None:
    whole = open_ledger(f"sqlite:///{tmp_path}/whole.sqlite")
    MaintenanceView(whole, DISTRICT).apply(LOG)
    told: list[str] = []

    def note(found: Sequence[MaintenanceNotice]) -> None:
        told.extend(f"{n.id} {n.closed_ms}" for n in found)

    MaintenanceView(ledger, DISTRICT, note).apply(LOG[:killed])  # and never closed
    again = MaintenanceView(ledger, DISTRICT, note)
    assert again.cursor() <= killed
    again.apply([e for e in LOG if e.offset > again.cursor()])
    assert rows(ledger) == rows(whole)
    assert len(told) == len(set(told)) == 3


def test_a_rebuild_finds_the_same(ledger: Engine) -> None:
    view = MaintenanceView(ledger, DISTRICT)
    view.apply(LOG)
    before = rows(ledger)
    view.reset()
    assert view.cursor() == 0
    view.apply(LOG)
    assert rows(ledger) == before


def test_a_state_that_cannot_be_read_is_found_again(ledger: Engine) -> None:
    view = MaintenanceView(ledger, DISTRICT)
    view.apply(LOG)
    before = rows(ledger)
    with ledger.begin() as db:
        db.execute(update(t.state).values(body=b"{}"))
    again = MaintenanceView(ledger, DISTRICT)
    assert again.cursor() == Cursor(0)
    again.apply(LOG)
    assert rows(ledger) == before


def test_nothing_is_written_while_nothing_happens(ledger: Engine) -> None:
    view = MaintenanceView(ledger, DISTRICT)
    view.apply(LOG[:4])
    with ledger.connect() as db:
        first = db.execute(select(t.state.c.cursor)).scalar()
    view.apply(LOG[4:12])
    with ledger.connect() as db:
        assert db.execute(select(t.state.c.cursor)).scalar() == first
    view.close()
    with ledger.connect() as db:
        assert db.execute(select(t.state.c.cursor)).scalar() == LOG[11].offset
        assert db.execute(select(func.count()).select_from(t.notices)).scalar() == 0


def test_asked_over_the_api(ledger: Engine) -> None:
    view = MaintenanceView(ledger, DISTRICT)
    view.apply(LOG)
    app = FastAPI()
    maintenance.mount(app, cast(Services, type("S", (), {"maintenance": view.reader})()))
    http = TestClient(app)
    (found,) = http.get("/v1/maintenance").json()
    assert (found["kind"], found["place"], found["station"]) == ("pump_trip", "pump/u1/1", "u1")
    assert found["audience"] == Audience.OPERATORS.value
    assert found["what"]["zh"] == "水泵故障跳闸"
    assert found["closed"] is None
    both = http.get("/v1/maintenance", params={"state": "all"}).json()
    assert len(both) == 2
    assert http.get("/v1/maintenance", params={"after": both[0]["number"]}).json() in ([], [both[1]])
    assert http.get("/v1/maintenance", params={"state": "shut"}).status_code == 422


def test_asked_over_the_api_of_a_time(ledger: Engine) -> None:
    view = MaintenanceView(ledger, DISTRICT)
    view.apply(LOG)
    app = FastAPI()
    problems.install(app)
    maintenance.mount(app, cast(Services, type("S", (), {"maintenance": view.reader})()))
    http = TestClient(app)

    def ids(**params: int | str) -> list[str]:
        return [n["id"] for n in http.get("/v1/maintenance", params={"state": "all", **params}).json()]

    found = [numbered.notice for numbered in view.reader.notices()]
    over = next(n for n in found if n.closed_ms is not None)
    stands = next(n for n in found if n.closed_ms is None)
    assert over.closed_ms is not None
    for start_ms, end_ms in [
        (over.opened_ms - 1, over.opened_ms),
        (over.opened_ms - 1, over.opened_ms + 1),
        (over.closed_ms - 1, over.closed_ms),
        (over.closed_ms, over.closed_ms + 1),
        (stands.opened_ms, stands.opened_ms + 1),
        (stands.opened_ms + 10**9, stands.opened_ms + 2 * 10**9),
    ]:
        stood = {n.id for n in found if n.opened_ms < end_ms and (n.closed_ms is None or n.closed_ms > start_ms)}
        assert set(ids(start=start_ms, end=end_ms)) == stood
    assert ids(start=over.closed_ms) == ids(start=over.closed_ms, state="open") == [stands.id]
    assert over.id not in ids(end=over.opened_ms)
    assert over.id in ids(end=over.opened_ms + 1)
    for wrong in ({"start": 5, "end": 5}, {"start": 1, "after": 3}, {"start": "yesterday"}):
        assert http.get("/v1/maintenance", params=wrong).status_code == 422
