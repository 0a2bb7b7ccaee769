"""What callers hear when the ledger or the log cannot write."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DataError

from cloud.access import people
from cloud.api import access as access_routes
from cloud.api import problems
from cloud.api.guard import Guard
from cloud.ledger import audit
from tests.cloud.access.support import make_access

PATH = "/v1/quarantine/1/release"
FROM_PAGE = {"x-headwater-page": "1"}


class Health:
    """A log whose disk is full."""

    def __init__(self) -> None:
        self.asked = 0

    def is_quarantined(self, number: int) -> bool:
        return True

    def release(self, number: int, who: str) -> str:
        self.asked += 1
        raise sqlite3.OperationalError("database or disk is full")


@pytest.fixture
def parts():
    access, _ = make_access(mode="open")
    health = Health()
    app = FastAPI()
    problems.install(app)
    access_routes.mount(app, SimpleNamespace(health=health), access)
    app.add_middleware(Guard, access=access)
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://testserver", headers=FROM_PAGE)
    return client, access, health


async def test_what_postgresql_cannot_hold_is_a_refusal(monkeypatch):
    access, _ = make_access()

    def cannot(*_):
        raise DataError("select", {}, ValueError("PostgreSQL text fields cannot contain NUL (0x00) bytes"))

    monkeypatch.setattr(people, "check", cannot)
    app = FastAPI()
    problems.install(app)
    access_routes.mount(app, SimpleNamespace(health=Health()), access)
    app.add_middleware(Guard, access=access)
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://testserver", headers=FROM_PAGE)
    answer = await client.post("/v1/session", json={"name": "\0", "password": "x"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "PostgreSQL" not in answer.text


async def test_a_full_log_keeps_the_batch_in_quarantine(parts):
    client, access, _ = parts
    answer = await client.post(PATH)
    assert answer.status_code == 503
    assert "make room" in answer.json()["detail"]
    assert [r.what for r in audit.newest(access.engine)] == ["quarantine.release"]


async def test_what_cannot_be_recorded_is_not_done(parts):
    client, access, health = parts
    with access.engine.connect() as db:
        db.exec_driver_sql("pragma query_only = on")
    answer = await client.post(PATH)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "nothing was done" in answer.json()["detail"]
    assert health.asked == 0
