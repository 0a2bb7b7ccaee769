"""The door of a running cloud: what each request gets without a key, with a good one, and with another."""

from __future__ import annotations

import json

import httpx2
import pytest

from cloud.access import keys
from cloud.access.rate import Rate
from cloud.access.scopes import Scope
from cloud.access.sessions import COOKIE
from cloud.ledger import audit
from cloud.ledger.open import open_ledger
from contract.clock import SystemClock
from tests.cloud.cloud_with_logins import MENDED, PASSWORD, STILL_BAD, cloud
from tests.waiting import until

FROM_PAGE = {"x-headwater-page": "1"}
BRISK = Rate(1000, 1000)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with cloud(tmp_path_factory.mktemp("access")) as found:
        yield found


@pytest.fixture
def http(running):
    with httpx2.Client(base_url=running[0], timeout=60) as client:
        yield client


@pytest.fixture
def ledger(running):
    engine = open_ledger(running[1].ledger_url)
    yield engine
    engine.dispose()


def key(ledger, *scopes: Scope, rate: Rate = BRISK) -> str:
    return keys.create(ledger, "test", scopes, rate, SystemClock().now_ms(), "shell:test")


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def log_in(http, name: str, password: str = PASSWORD, headers=None) -> httpx2.Response:
    return http.post("/v1/session", json={"name": name, "password": password}, headers=headers or FROM_PAGE)


def problem(answer, status: int) -> str:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return answer.json()["detail"]


GUARDED = [
    "/metrics",
    "/v1/stations",
    "/v1/channels",
    "/v1/latest",
    "/v1/readings?channel=101&start=1&end=2",
    "/v1/warnings",
    "/v1/feed",
    "/v1/feed/index",
    "/v1/quarantine",
    "/v1/openapi.json",
    "/page/state",
    "/page/station/u1",
]


@pytest.mark.parametrize("path", GUARDED)
def test_reading_needs_scope_read(http, ledger, path):
    answer = http.get(path)
    problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-security-policy"]
    assert http.get(path, headers=bearer(key(ledger, Scope.READ))).status_code == 200
    problem(http.get(path, headers=bearer(key(ledger, Scope.OPERATE))), 403)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/static/page.js", "/v1/session"])
def test_open_to_all(http, path):
    assert http.get(path).status_code == 200


def test_every_route_of_the_api_is_guarded(http, ledger):
    """Whatever is added later, too: nothing under /v1 but the session answers a stranger."""
    document = http.get("/v1/openapi.json", headers=bearer(key(ledger, Scope.READ))).json()
    for path, methods in document["paths"].items():
        if path in ("/healthz", "/readyz", "/v1/session"):
            continue
        for method in methods:
            answer = http.request(method, path.replace("{name}", "x").replace("{number}", "1"), headers=FROM_PAGE)
            assert answer.status_code == 401, (method, path)


def test_a_revoked_key_stops_with_the_next_request(http, ledger):
    text = key(ledger, Scope.READ)
    assert http.get("/v1/stations", headers=bearer(text)).status_code == 200
    keys.revoke(ledger, keys.parse(text)[0], SystemClock().now_ms(), "shell:test")
    problem(http.get("/v1/stations", headers=bearer(text)), 401)


def test_rotation_overlaps(http, ledger):
    """An hour's overlap, of a rotation now and of one just over an hour ago."""
    hour_ms, now_ms = 3_600_000, SystemClock().now_ms()
    for rotated_ms, answers in ((now_ms, [200, 200]), (now_ms - hour_ms - 1, [401, 200])):
        old = key(ledger, Scope.READ)
        new = keys.rotate(ledger, keys.parse(old)[0], hour_ms, rotated_ms, "shell:test")
        assert [http.get("/v1/stations", headers=bearer(k)).status_code for k in (old, new)] == answers


def test_too_many_requests_of_one_key(http, ledger):
    text = key(ledger, Scope.READ, rate=Rate(0.1, 3))
    answers = [http.get("/v1/stations", headers=bearer(text)) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    problem(answers[3], 429)
    assert 1 <= int(answers[3].headers["retry-after"]) <= 10
    assert http.get("/healthz", headers=bearer(text)).status_code == 200


def test_login_and_logout(http):
    answer = log_in(http, "vera")
    assert answer.json() == {"mode": "required", "name": "vera", "role": "viewer", "scopes": ["read"]}
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    assert http.get("/v1/session").json()["name"] == "vera"
    assert http.get("/page/state").status_code == 200
    problem(http.get("/v1/audit"), 403)
    token = http.cookies[COOKIE]
    assert http.delete("/v1/session", headers=FROM_PAGE).status_code == 204
    assert COOKIE not in http.cookies
    problem(http.get("/page/state", headers={"cookie": f"{COOKIE}={token}"}), 401)
    assert http.get("/v1/session").json()["name"] is None


def test_the_cookie_is_secure_behind_tls(http):
    behind = {**FROM_PAGE, "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
    assert "Secure" in log_in(http, "vera", headers=behind).headers["set-cookie"]


def test_a_bad_login_says_neither_name_nor_password(http):
    for name, password in (("vera", "not the password"), ("nobody", PASSWORD)):
        answer = log_in(http, name, password)
        assert problem(answer, 401) == "name or password is wrong"
        assert "set-cookie" not in answer.headers
    for body in (
        {},
        {"name": "vera"},
        {"name": "vera", "password": PASSWORD, "more": 1},
        {"name": "v" * 65, "password": PASSWORD},
    ):
        answer = http.post("/v1/session", json=body, headers=FROM_PAGE)
        problem(answer, 422)
        assert PASSWORD not in answer.text


def test_a_change_by_cookie_must_come_from_our_page(http, running):
    log_in(http, "erik")
    path = f"/v1/quarantine/{STILL_BAD}/release"
    assert "own origin" in problem(http.post(path), 403)
    assert "own origin" in problem(http.post(path, headers={**FROM_PAGE, "origin": "https://evil.example"}), 403)
    for no_page in ("null", "http://[", ""):
        assert "own origin" in problem(http.post(path, headers={"origin": no_page}), 403)
    assert "own origin" in problem(http.delete("/v1/session", headers={"origin": "https://evil.example"}), 403)
    problem(http.post(path, headers={"origin": running[0]}), 409)
    problem(http.post(path, headers=FROM_PAGE), 409)


def test_release_is_for_those_who_operate_and_is_in_the_record(http, ledger):
    path = f"/v1/quarantine/{MENDED}/release"
    problem(http.post(path, headers=bearer(key(ledger, Scope.READ, Scope.APPROVE, Scope.ADMINISTER))), 403)
    for name in ("vera", "otto"):
        log_in(http, name)
        problem(http.post(path, headers=FROM_PAGE), 403)
    log_in(http, "erik")
    assert [b["id"] for b in http.get("/v1/quarantine").json()] == [STILL_BAD, MENDED]
    assert [b["id"] for b in http.get("/v1/quarantine?limit=1&before=2").json()] == [MENDED]
    assert "time_past" in problem(http.post(f"/v1/quarantine/{STILL_BAD}/release", headers=FROM_PAGE), 409)
    assert http.post(path, headers=FROM_PAGE).json() == {"id": MENDED, "released": True}
    problem(http.post(path, headers=FROM_PAGE), 404)
    problem(http.post("/v1/quarantine/99/release", headers=FROM_PAGE), 404)
    problem(http.post(f"/v1/quarantine/{10**30}/release", headers=FROM_PAGE), 404)
    problem(http.post("/v1/quarantine/x/release", headers=FROM_PAGE), 422)
    until(lambda: http.get("/v1/latest").json()[0]["value"] == 0.25)
    assert http.get("/v1/latest").json()[0]["channel"] == 101
    assert [b["id"] for b in http.get("/v1/quarantine").json()] == [STILL_BAD]
    log_in(http, "ada")
    rows = http.get("/v1/audit").json()
    done = [(r["who"], r["what"], r["target"], r["source"]) for r in rows if r["what"].startswith("quarantine.")]
    assert done[:4] == [
        ("person:erik", "quarantine.released", str(MENDED), "127.0.0.1"),
        ("person:erik", "quarantine.release", str(MENDED), "127.0.0.1"),
        ("person:erik", "quarantine.still_refused", str(STILL_BAD), "127.0.0.1"),
        ("person:erik", "quarantine.release", str(STILL_BAD), "127.0.0.1"),
    ]
    assert http.get("/v1/audit?limit=1&before=3").json()[0]["number"] == 2
    assert audit.verify(ledger).broken == ""


def test_no_secret_in_answers_log_or_record(http, running, ledger):
    text = key(ledger, Scope.READ, Scope.ADMINISTER)
    secret = keys.parse(text)[1]
    log_in(http, "ada")
    token = http.cookies[COOKIE]
    seen = [http.get(p, headers=bearer(text)).text for p in (*GUARDED, "/v1/audit?limit=1000", "/v1/session")]
    seen += [http.get("/v1/stations", headers=bearer(text + "0")).text, log_in(http, "ada", PASSWORD + "x").text]
    seen += [running[2].read_text(), json.dumps([dict(r.detail) for r in audit.newest(ledger, 1000)])]
    everything = "\n".join(seen)
    for hidden in (secret, keys.hash_of(secret), token, PASSWORD, "argon2"):
        assert hidden not in everything


def test_refusals_are_counted_on_metrics(http, ledger):
    def refused(status: int) -> float:
        text = http.get("/metrics", headers=bearer(key(ledger, Scope.READ))).text
        start = f'headwater_http_refused_total{{by="access",status="{status}"}} '
        return sum(float(line.removeprefix(start)) for line in text.splitlines() if line.startswith(start))

    before = refused(401), refused(403)
    http.get("/v1/latest")
    http.get("/v1/quarantine/1/release")
    http.get("/v1/audit", headers=bearer(key(ledger, Scope.READ)))
    log_in(http, "nobody", "wrong")
    assert refused(401) >= before[0] + 2
    assert refused(403) == before[1] + 1
