"""The clock over HTTP: what is in doubt, and a person's word for it."""

from __future__ import annotations

from types import SimpleNamespace

import httpx2
import pytest
from fastapi import FastAPI

from cloud.access.scopes import Scope, required
from cloud.api import clock, problems
from cloud.api.guard import Guard
from cloud.ledger import audit
from cloud.log.believed_clock import ClockState
from cloud.log.log_clock import Step
from tests.cloud.access.support import make_access

NOW_MS = 1_800_000_000_000


class Health:
    """A cloud whose machine's clock has stepped by 8 h."""

    def __init__(self) -> None:
        self.state = ClockState(NOW_MS, NOW_MS + 28_800_000, Step(28_800_000, NOW_MS - 60_000), True, "it stepped")

    def clock_state(self) -> ClockState:
        return self.state

    def confirm_clock(self, who: str) -> bool:
        self.confirmed_by = who
        self.state = ClockState(NOW_MS + 28_800_000, NOW_MS + 28_800_000, None, True, "")
        return True


@pytest.fixture
def parts():
    access, _ = make_access(mode="open")
    health = Health()
    app = FastAPI()
    problems.install(app)
    clock.mount(app, SimpleNamespace(health=health), access)
    app.add_middleware(Guard, access=access)
    page = {"x-headwater-page": "1"}
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://testserver", headers=page)
    return client, access, health


async def test_a_step_is_told_and_confirmed_once(parts):
    client, access, health = parts
    assert (await client.get("/v1/clock")).json() == {
        "now": "2027-01-15T08:00:00Z",
        "machine": "2027-01-15T16:00:00Z",
        "known": True,
        "step": {"seconds": 28_800.0, "at": "2027-01-15T07:59:00Z"},
        "trouble": "it stepped",
    }
    answer = await client.post("/v1/clock/confirm")
    assert (answer.status_code, answer.json()["step"], answer.json()["now"]) == (200, None, "2027-01-15T16:00:00Z")
    assert health.confirmed_by == "open"
    assert (await client.post("/v1/clock/confirm")).status_code == 409
    rows = [r for r in audit.newest(access.engine) if r.what == "clock.confirm"]
    assert [r.target for r in rows] == ["28800000 ms"]


async def test_a_guess_can_be_confirmed_though_nothing_stepped(parts):
    client, _, health = parts
    health.state = ClockState(5000, 5000, None, False, "set it")
    assert (await client.post("/v1/clock/confirm")).status_code == 200


def test_who_may():
    assert required("GET", "/v1/clock") is Scope.READ
    assert required("POST", "/v1/clock/confirm") is Scope.OPERATE
