"""Every route of the application and every operation of its OpenAPI document, tried by those who may not.

The lists are read off the application: a route that is added later is tried, too, without a word here.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator

import httpx2
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from cloud.access import keys, people
from cloud.access.rate import Rate
from cloud.access.scopes import SAFE_METHODS, SCOPES_OF, Role, Scope
from cloud.api import queries
from tests.fuzz import api

FROM_PAGE = {"x-headwater-page": "1"}
PASSWORD = "correct horse battery"
# Whoever asks gets an answer here, and nowhere else. A line more must be meant.
OPEN = {
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/static"),
    ("GET", "/v1/session"),
    ("POST", "/v1/session"),
    ("DELETE", "/v1/session"),
}
# What needs more than reading. A line less must be meant.
MORE_THAN_READ = {
    ("GET", "/v1/audit"): Scope.ADMINISTER,
    ("POST", "/v1/clock/confirm"): Scope.OPERATE,
    ("POST", "/v1/quarantine/{number}/release"): Scope.OPERATE,
    ("POST", "/v1/incidents/{name}/acknowledge"): Scope.OPERATE,
    ("POST", "/v1/incidents/{name}/take-over"): Scope.OPERATE,
    ("POST", "/v1/incidents/{name}/end"): Scope.DECIDE,
    ("POST", "/v1/mutes"): Scope.DECIDE,
    ("DELETE", "/v1/mutes/channel/{number}"): Scope.DECIDE,
    ("DELETE", "/v1/mutes/station/{name}"): Scope.DECIDE,
    ("PUT", "/v1/rain-signal"): Scope.DECIDE,
}
APP, _ = api.guarded()


def routes() -> Iterator[tuple[str, str]]:
    for route in APP.routes:
        if isinstance(route, Mount):
            yield "GET", route.path
            continue
        assert isinstance(route, APIRoute | Route), f"{route!r}: say here how it is to be tried"
        for method in sorted(route.methods or {"GET"}):
            yield method, route.path


def operations() -> Iterator[tuple[str, str]]:
    for path, found in APP.openapi()["paths"].items():
        for method in found:
            yield method.upper(), path


def declared(method: str, path: str) -> set[str]:
    """Scopes of the document; empty when it says that nothing is needed."""
    return set(itertools.chain(*(s for need in operation(method, path)["security"] for s in need.values())))


def operation(method: str, path: str) -> dict:
    return APP.openapi()["paths"][path][method.lower()]


def as_password(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"excel:{key}".encode()).decode()}


def filled(path: str) -> str:
    return path.replace("{name}", "x").replace("{number}", "1")


@pytest.fixture
def http() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(APP), base_url="http://testserver", headers=FROM_PAGE)


def bearer(*scopes: Scope) -> dict[str, str]:
    access = _access()
    key = keys.create(access.engine, "test", scopes, Rate(1e6, 1e6), access.now_ms(), "shell:test")
    return {"authorization": f"Bearer {key}"}


def _access():
    return next(m.kwargs["access"] for m in APP.user_middleware if "access" in m.kwargs)


def test_the_document_and_the_page_are_among_the_routes():
    assert ("GET", "/v1/latest") in set(routes()) & set(operations())
    assert {("GET", "/page/state"), ("GET", "/static"), ("GET", "/v1/openapi.json")} <= set(routes())


@pytest.mark.parametrize(("method", "path"), sorted({*routes(), *operations()} - OPEN))
async def test_nothing_answers_a_stranger(http, method, path):
    wrong = "hw_00000000_" + "0" * 64
    for headers in ({}, {"authorization": f"Bearer {wrong}"}, as_password(wrong), {"cookie": "headwater_session=x"}):
        answer = await http.request(method, filled(path), headers=headers)
        changes = method not in SAFE_METHODS and headers == as_password(wrong)
        assert answer.status_code == (403 if changes else 401), (headers, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await http.get(filled(path), params={"key": bearer(*Scope)["authorization"][7:]})).status_code == 401


@pytest.mark.parametrize(("method", "path"), sorted(OPEN))
async def test_what_is_open_answers(http, method, path):
    answer = await http.request(method, path + "/page.js" * (path == "/static"))
    assert answer.status_code in (200, 204, 422)


@pytest.mark.parametrize(("method", "path"), sorted(set(operations()) - OPEN))
async def test_every_scope_but_the_declared_one_is_too_low(http, method, path):
    needed = declared(method, path)
    assert needed == {MORE_THAN_READ.get((method, path), Scope.READ)}
    others = [s for s in Scope if s not in needed]
    for scopes in (*((s,) for s in others), tuple(others)):
        answer = await http.request(method, filled(path), headers=bearer(*scopes))
        assert (answer.status_code, answer.json()["detail"]) == (403, f"this needs scope {next(iter(needed))}")
    key = bearer(*map(Scope, needed))
    answer = await http.request(method, filled(path), headers=key)
    assert answer.status_code not in (401, 403)
    # As the password of HTTP Basic it reads, and changes nothing.
    again = await http.request(method, filled(path), headers=as_password(key["authorization"].removeprefix("Bearer ")))
    if method in SAFE_METHODS:
        assert again.status_code == answer.status_code
    else:
        assert (again.status_code, "changes nothing" in again.json()["detail"]) == (403, True)


@pytest.mark.parametrize("role", list(Role))
async def test_a_session_opens_what_its_role_holds_and_no_more(http, role):
    access = _access()
    name = f"p-{role.value}"
    people.add(access.engine, name, role, PASSWORD, access.now_ms(), "shell:test")
    answer = await http.post("/v1/session", json={"name": name, "password": PASSWORD})
    assert answer.json()["scopes"] == sorted(SCOPES_OF[role])
    for method, path in sorted(set(operations()) - OPEN):
        answer = await http.request(method, filled(path))
        may = declared(method, path) <= SCOPES_OF[role]
        assert (answer.status_code not in (401, 403)) == may, (method, path)
    # Whatever is changed by a page elsewhere is refused before anything else is looked at.
    for method, path in sorted(o for o in {*routes(), *operations()} if o[0] not in ("GET", "HEAD")):
        answer = await http.request(method, filled(path), headers={"origin": "https://evil.example"})
        assert (answer.status_code, answer.json()["title"]) == (403, "Cross-origin request refused"), (method, path)


# Other readings of a path: what follows it, what stands before it, and the path written otherwise.
_CONTROLS = ("%00", "%09", "%0a", "%0b", "%0c", "%0d", "%0d%0a", "%1b", "%7f", "%c2%85", "%e2%80%a8", "%e2%80%ae")
_ENDINGS = (*_CONTROLS, "%250a", "%25250a", "%20", "/", "//", "/.", "/./", "/..", "/../", "%2f", "%2F..", "\\", "%5c")
_ENDINGS += (";", ";x=1", "%3b", "%3fx", "%23x", "?", "?a=%0a", "%ff", "%e2%28%a1", ".json", "*", "%2e", "%00.json")
_BEGINNINGS = ("/", "/.", "/x/..", "/%2e", "/%2f", "/healthz/..", "/static/..", "/static/%2e%2e", "/v1/session/..")
_WRITTEN = (
    str.upper,
    str.title,
    lambda path: path.replace("/", "//"),
    lambda path: path.replace("/", "%2f"),
    lambda path: path.replace("/", "/./"),
    lambda path: path[:-1] + f"%{ord(path[-1]):02x}",
    lambda path: path[:-1] + f"%25{ord(path[-1]):02x}",
    lambda path: f"/%0a{path[1:]}",
    lambda path: path.replace("/v1", "/%0av1"),
)


def readings_of(path: str) -> list[str]:
    written = [*(path + e for e in _ENDINGS), *(b + path for b in _BEGINNINGS), *(write(path) for write in _WRITTEN)]
    return [reading for reading in written if reading.startswith("/")]


class Watched:
    """The application, and which route took the last request; None where none did."""

    def __init__(self) -> None:
        self.route: str | None = None

    async def __call__(self, scope, receive, send):
        await APP(scope, receive, send)
        self.route = getattr(scope.get("route"), "path", None) or ("/static" if "endpoint" in scope else None)


@pytest.mark.parametrize(("method", "path"), sorted({*routes(), *operations()}))
async def test_however_a_path_is_written_the_scope_is_that_of_the_route_that_takes_it(method, path):
    watched = Watched()
    allowed = {Scope.READ}
    headers = FROM_PAGE | bearer(*allowed)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(watched), headers=headers) as http:
        tried = [(method, reading) for reading in readings_of(filled(path))]
        tried += [(other, filled(path)) for other in ("HEAD", "OPTIONS", "TRACE", "PATCH", method.lower())]
        for verb, reading in tried:
            answer = await http.request(verb, f"http://testserver{reading}")
            taken = watched.route
            if taken is not None and answer.status_code not in (403, 405) and (verb, taken) not in OPEN:
                assert MORE_THAN_READ.get((verb, taken), Scope.READ) in allowed, (verb, reading, answer.status_code)
            if any(code in reading.partition("?")[0] for code in _CONTROLS):
                assert (answer.status_code, taken) == (400, None), (verb, reading)
                assert answer.headers["content-type"] == "application/problem+json"
            assert answer.status_code < 500
            assert "location" not in answer.headers, "a redirect would name the host that the caller wrote"


@pytest.mark.parametrize(("method", "path"), sorted({(m, p) for m, p in operations() if (m, p) in MORE_THAN_READ}))
async def test_a_path_with_a_slash_too_many_asks_for_no_less(http, method, path):
    for ending in ("/", "//"):
        assert (await http.request(method, filled(path) + ending, headers=bearer(Scope.READ))).status_code == 403
        assert (await http.request(method, filled(path) + ending, headers=bearer(*Scope))).status_code == 404


def test_the_document_says_who_may():
    document = APP.openapi()
    assert set(document["components"]["securitySchemes"]) == {"key", "basic", "session"}
    for method, path in operations():
        security = operation(method, path)["security"]
        schemes = ["key", "basic", "session"] if method in SAFE_METHODS else ["key", "session"]
        if (method, path) in OPEN:
            assert declared(method, path) == set()
            assert security in ([], [{}, *({scheme: []} for scheme in schemes)])
        else:
            assert [list(need) for need in security] == [[scheme] for scheme in schemes]
            assert {"401", "403"} <= set(operation(method, path)["responses"])


def test_every_answer_of_the_document_has_a_shape():
    for method, path in operations():
        for status, answer in operation(method, path)["responses"].items():
            shapes = [c["schema"] for c in answer.get("content", {}).values()]
            assert all(shapes), (method, path, status)
            assert shapes or status in ("204", "304"), (method, path, status)


async def test_a_key_that_may_read_cannot_ask_for_all_there_is(http, monkeypatch):
    monkeypatch.setattr(queries, "MAX_ROWS", 3)
    where = {"channel": 101, "start": 0, "end": 4_000_000_000_000}
    answer = await http.get("/v1/readings", params=where, headers=bearer(Scope.READ))
    assert (answer.status_code, answer.json()["title"]) == (413, "Too much for one answer")
    assert "interval=1h" in answer.json()["detail"]
    hours = await http.get("/v1/readings", params={**where, "interval": "1h"}, headers=bearer(Scope.READ))
    assert (hours.status_code, len(hours.json())) == (200, 1)


@pytest.mark.parametrize(("headers", "told"), [({}, False), (bearer(Scope.OPERATE), False), (bearer(Scope.READ), True)])
async def test_why_the_cloud_is_not_ready_is_for_those_who_may_read(http, monkeypatch, headers, told):
    """It names inner hosts and paths. Whether it is ready is for everybody: a watchdog has no key."""
    health = api.guarded_cloud().services.health
    monkeypatch.setattr(health, "ready", lambda: (False, "cannot reach the broker at 10.0.0.5:8883"))
    answer = await http.get("/readyz", headers=headers)
    assert answer.status_code == 503
    assert ("10.0.0.5" in answer.text) == told


@pytest.mark.parametrize(("headers", "told"), [({}, False), (bearer(Scope.OPERATE), False), (bearer(Scope.READ), True)])
async def test_sinks_in_trouble_leave_the_cloud_ready_and_are_named_to_those_who_may_read(
    http, monkeypatch, headers, told
):
    health = api.guarded_cloud().services.health
    monkeypatch.setattr(health, "troubles", lambda: ["sink office: m-1: HTTP 503"])
    answer = await http.get("/readyz", headers=headers)
    named = {"troubles": ["sink office: m-1: HTTP 503"]} if told else {}
    assert (answer.status_code, answer.json()) == (200, {"ready": True, **named})
