"""Scopes, token buckets, key forms and session ends: no database, no time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.access import keys
from cloud.access.limiter import Limiter
from cloud.access.rate import Bucket, Rate, take
from cloud.access.scopes import SCOPES_OF, Role, Scope, required
from cloud.access.sessions import Ends, alive
from cloud.access.settings import is_loopback


@pytest.mark.parametrize(
    ("method", "route", "scope"),
    [
        ("GET", "/healthz", None),
        ("GET", "/readyz", None),
        ("GET", "/", None),
        ("GET", "/static", None),
        ("POST", "/v1/session", None),
        ("DELETE", "/v1/session", None),
        ("GET", "/metrics", Scope.READ),
        ("GET", "/v1/latest", Scope.READ),
        ("GET", "/v1/openapi.json", Scope.READ),
        ("GET", "/page/state", Scope.READ),
        ("GET", None, Scope.READ),
        ("HEAD", "/v1/audit", Scope.ADMINISTER),
        ("POST", "/v1/quarantine/{number}/release", Scope.OPERATE),
        ("POST", "/healthz", Scope.ADMINISTER),
        ("POST", "/static", Scope.ADMINISTER),
        ("PUT", "/v1/added/later", Scope.ADMINISTER),
        ("POST", None, Scope.ADMINISTER),
        ("DELETE", "/v1/quarantine/{number}/release", Scope.ADMINISTER),
        ("OPTIONS", "/v1/latest", Scope.ADMINISTER),
    ],
)
def test_what_a_request_needs(method, route, scope):
    assert required(method, route) is scope


def test_roles():
    assert set(SCOPES_OF) == set(Role)
    assert all(Scope.READ in scopes for scopes in SCOPES_OF.values())
    assert {r for r, s in SCOPES_OF.items() if Scope.APPROVE in s} == {Role.APPROVER}
    assert {r for r, s in SCOPES_OF.items() if Scope.ADMINISTER in s} == {Role.ADMINISTRATOR}


@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=200),
    st.floats(0.1, 20),
    st.integers(1, 20),
)
def test_never_more_than_burst_and_rate_allow(gaps_ms, per_s, burst):
    bucket, now_ms, let_in = None, 0, 0
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        bucket, wait_s = take(bucket, Rate(per_s, burst), now_ms)
        let_in += wait_s == 0
    assert let_in <= burst + (now_ms - gaps_ms[0]) / 1000 * per_s + 1e-6


def test_the_wait_it_names_is_enough():
    rate = Rate(0.5, 1)
    bucket, wait_s = take(None, rate, 0)
    assert wait_s == 0
    bucket, wait_s = take(bucket, rate, 500)
    assert wait_s == pytest.approx(1.5)
    _, wait_s = take(bucket, rate, 2000)
    assert wait_s == 0


def test_a_clock_that_steps_back_gives_nothing():
    assert take(Bucket(0.0, 10_000), Rate(1, 5), 0) == (Bucket(0.0, 0), 1.0)


def test_a_limiter_forgets_the_longest_unused():
    limiter = Limiter(most=2)
    for name in ("a", "b", "c"):
        assert limiter.take(name, Rate(0.001, 1), 0) == 0
    assert limiter.take("c", Rate(0.001, 1), 0) > 0
    assert limiter.take("a", Rate(0.001, 1), 0) == 0


def test_keys_have_a_form():
    number, secret = keys.make_key()
    assert keys.parse(keys.text_of(number, secret)) == (number, secret)
    assert len(bytes.fromhex(secret)) == 32
    assert keys.make_key()[1] != secret


@given(st.text(max_size=100))
def test_other_text_is_no_key(text):
    assert keys.parse(text) is None
    assert keys.parse(f"hw_{text}") is None


def test_a_rotated_secret_is_good_until_its_time():
    old, new = keys.hash_of("old"), keys.hash_of("new")
    assert keys.matches("new", new, old, 100, 99)
    assert keys.matches("old", new, old, 100, 99)
    assert not keys.matches("old", new, old, 100, 100)
    assert keys.matches("new", new, old, 100, 100)
    assert not keys.matches("old", new, old, None, 0)
    assert not keys.matches("old", new, None, 100, 0)


@pytest.mark.parametrize(
    ("created_ms", "seen_ms", "now_ms", "good"),
    [(0, 0, 99, True), (0, 0, 100, False), (0, 950, 999, True), (0, 950, 1000, False)],
)
def test_sessions_end(created_ms, seen_ms, now_ms, good):
    assert alive(created_ms, seen_ms, Ends(100, 1000), now_ms) is good


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("gate.local", False)],
)
def test_loopback(host, loopback):
    assert is_loopback(host) is loopback
