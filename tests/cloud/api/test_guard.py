"""The guard alone, around an app that answers everything: what it lets through, and what it does when it cannot ask."""

from __future__ import annotations

import httpx2
import pytest
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.responses import JSONResponse

from cloud.api.guard import Guard
from tests.cloud.access.support import make_access


async def says_who(scope, receive, send):
    request = Request(scope, receive)
    await JSONResponse({"who": request.state.caller.who})(scope, receive, send)


def around(access) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(Guard(says_who, access)), base_url="http://testserver")


def client(**settings) -> httpx2.AsyncClient:
    return around(make_access(**settings)[0])


async def test_a_ledger_that_does_not_answer_lets_nobody_in(monkeypatch):
    access, _ = make_access()

    def broken(*_):
        raise OperationalError("select", {}, Exception("no route to host"))

    monkeypatch.setattr(access, "caller", broken)
    guarded = around(access)
    answer = await guarded.get("/v1/latest")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "no route" not in answer.text
    assert (await guarded.get("/healthz")).json() == {"who": "nobody"}


async def test_websockets_are_shut():
    sent = []

    async def send(message):
        sent.append(message)

    await Guard(says_who, make_access(mode="open")[0])({"type": "websocket", "path": "/ws"}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_open_is_for_this_machine_even_behind_a_proxy():
    opened = client(mode="open")
    assert (await opened.get("/v1/latest")).json() == {"who": "open"}
    for name in ("x-forwarded-for", "forwarded"):
        answer = await opened.get("/v1/latest", headers={name: "for=192.0.2.1"})
        assert answer.status_code == 403
        assert "mode: required" in answer.json()["detail"]


async def test_open_still_takes_no_change_from_a_foreign_page():
    opened = client(mode="open")
    path = "/v1/quarantine/1/release"
    assert (await opened.post(path, headers={"origin": "https://evil.example"})).status_code == 403
    assert (await opened.post(path)).status_code == 403
    assert (await opened.post(path, headers={"origin": "http://testserver"})).json() == {"who": "open"}


@pytest.mark.parametrize(
    "cookie", ["headwater_session=", "headwater_session=x", "headwater_session=\x7f", "a=b; =; ;;", "x" * 5000]
)
async def test_odd_cookies_are_nobody(cookie):
    assert (await client().get("/v1/session", headers={"cookie": cookie})).json() == {"who": "nobody"}


@pytest.mark.parametrize(
    "header",
    [
        *("Bearer", "Bearer ", "Bearer x", "bearer hw_1_2", "Bearer " + "x" * 5000),
        *("Basic", "Basic ", "Basic x", "basic =", "Basic w7w=", "Basic eDp5", "Basic Og==", "Basic " + "eDp5" * 2000),
    ],
)
async def test_odd_keys_are_refused(header):
    assert (await client().get("/v1/latest", headers={"authorization": header})).status_code == 401


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, True),
        ({"user-agent": "QGIS/34000"}, True),
        # Browsers would ask for a password in a window of their own, over the page's.
        ({"sec-fetch-mode": "cors"}, False),
        ({"x-headwater-page": "1"}, False),
        ({"cookie": "headwater_session=x"}, False),
    ],
)
async def test_programs_are_told_of_basic_and_browsers_are_not(headers, told):
    answer = await client().get("/v1/latest", headers=headers)
    assert answer.status_code == 401
    said = answer.headers["www-authenticate"]
    assert said == ('Bearer, Basic realm="Headwater", charset="UTF-8"' if told else "Bearer")


async def test_a_password_that_a_browser_kept_changes_nothing():
    kept = {"authorization": "Basic eDp5", "origin": "http://testserver"}
    answer = await client(mode="open").post("/v1/quarantine/1/release", headers=kept)
    assert (answer.status_code, answer.json()["title"]) == (403, "This password only reads")


async def test_a_page_without_tls_changes_nothing_behind_tls():
    access, _ = make_access(mode="open")
    behind = httpx2.AsyncClient(transport=httpx2.ASGITransport(Guard(says_who, access)), base_url="https://testserver")
    path = "/v1/quarantine/1/release"
    assert (await behind.post(path, headers={"origin": "http://testserver"})).status_code == 403
    assert (await behind.post(path, headers={"origin": "https://testserver"})).json() == {"who": "open"}
    # A proxy that does not say that TLS ended there:
    assert (await client(mode="open").post(path, headers={"origin": "https://testserver"})).status_code == 200
