"""Keys, people, sessions and limits against a ledger in memory, with a clock that the test moves."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from cloud.access import keys, people, tables
from cloud.access.access import Refused
from cloud.access.rate import Rate
from cloud.access.scopes import CallerKind, Role, Scope
from cloud.ledger import audit
from tests.cloud.access.support import PASSWORD, add_ann, make_access, status_of

BRISK = Rate(100, 100)


def test_a_key_may_what_its_scopes_say():
    access, clock = make_access()
    key = keys.create(access.engine, "scada", [Scope.READ], BRISK, clock.ms, "shell:test")
    caller = access.caller(key, None, "::1")
    assert (caller.kind, caller.scopes) == (CallerKind.KEY, {Scope.READ})
    access.check(caller, Scope.READ)
    assert status_of(lambda: access.check(caller, Scope.OPERATE)) == 403
    assert status_of(lambda: access.check(access.caller(None, None, "::1"), Scope.READ)) == 401
    other = key[:-1] + ("0" if key[-1] != "0" else "1")
    for bad in (other, "", "hw_", "x" * 10_000, key.upper()):
        assert status_of(lambda bad=bad: access.caller(bad, None, "::1")) == 401


def test_a_revoked_key_stops_at_once():
    access, clock = make_access()
    key = keys.create(access.engine, "scada", [Scope.READ], BRISK, clock.ms, "shell:test")
    assert access.caller(key, None, "::1").kind is CallerKind.KEY
    keys.revoke(access.engine, keys.parse(key)[0], clock.ms, "shell:test")
    assert status_of(lambda: access.caller(key, None, "::1")) == 401
    with pytest.raises(keys.NoSuchKey):
        keys.rotate(access.engine, keys.parse(key)[0], 1000, clock.ms, "shell:test")
    assert keys.listed(access.engine)[0].revoked_ms == clock.ms


def test_rotation_overlaps_and_revoking_ends_both():
    access, clock = make_access()
    old = keys.create(access.engine, "scada", [Scope.READ], BRISK, clock.ms, "shell:test")
    number = keys.parse(old)[0]
    new = keys.rotate(access.engine, number, 60_000, clock.ms, "shell:test")
    assert new != old
    assert keys.parse(new)[0] == number
    clock.ms += 59_999
    assert access.caller(old, None, "").name == access.caller(new, None, "").name == number
    clock.ms += 1
    assert status_of(lambda: access.caller(old, None, "")) == 401
    newest = keys.rotate(access.engine, number, 60_000, clock.ms, "shell:test")
    assert status_of(lambda: access.caller(old, None, "")) == 401
    keys.revoke(access.engine, number, clock.ms, "shell:test")
    for text in (new, newest):
        assert status_of(lambda text=text: access.caller(text, None, "")) == 401


def test_each_key_has_its_own_limit():
    access, clock = make_access()
    slow = keys.create(access.engine, "slow", [Scope.READ], Rate(0.5, 2), clock.ms, "shell:test")
    other = keys.create(access.engine, "other", [Scope.READ], Rate(0.5, 2), clock.ms, "shell:test")
    for _ in range(2):
        access.caller(slow, None, "")
    with pytest.raises(Refused) as caught:
        access.caller(slow, None, "")
    assert (caught.value.status, caught.value.retry_after_s) == (429, 2.0)
    access.caller(other, None, "")
    clock.ms += 2000
    access.caller(slow, None, "")


def test_people_are_checked():
    access, clock = make_access()
    for name, password in (("Ann", PASSWORD), ("", PASSWORD), ("a b", PASSWORD), ("ann", "short"), ("ann", "x" * 257)):
        with pytest.raises(people.PeopleError):
            people.add(access.engine, name, Role.VIEWER, password, clock.ms, "shell:test")
    add_ann(access)
    with pytest.raises(people.PeopleError, match="already"):
        add_ann(access)
    assert people.first_administrator(access.engine, clock.ms) is None


def test_the_first_administrator_is_made_once():
    access, clock = make_access()
    name, password = people.first_administrator(access.engine, clock.ms)
    caller, _ = access.login(name, password, "")
    assert Scope.ADMINISTER in caller.scopes
    assert people.first_administrator(access.engine, clock.ms) is None


def test_no_secret_is_kept_or_recorded():
    access, clock = make_access()
    add_ann(access)
    key = keys.create(access.engine, "scada", [Scope.READ], BRISK, clock.ms, "shell:test")
    new = keys.rotate(access.engine, keys.parse(key)[0], 1000, clock.ms, "shell:test")
    _, token = access.login("ann", PASSWORD, "10.0.0.9")
    typed = "my secret in the name field"
    assert status_of(lambda: access.login(typed, "x", "10.0.0.9")) == 401
    hashes = []
    everything = ""
    with access.engine.connect() as db:
        for table in (tables.api_keys, tables.people, tables.sessions, audit.audit_rows):
            everything += repr(db.execute(select(table)).all())
        for table in (tables.api_keys, tables.people, tables.sessions):
            hashes += db.execute(select(table.c.hash)).scalars()
    for secret in (PASSWORD, keys.parse(key)[1], keys.parse(new)[1], token, typed):
        assert secret not in everything
    record = json.dumps([[r.who, r.what, r.target, r.source, dict(r.detail)] for r in audit.newest(access.engine)])
    assert not any(h in record for h in hashes)
    assert [r.what for r in reversed(audit.newest(access.engine))] == [
        "person.add",
        "key.create",
        "key.rotate",
        "login",
        "login.failed",
    ]
    assert audit.newest(access.engine)[1].source == "10.0.0.9"


def test_open_mode_asks_nobody():
    access, _ = make_access(mode="open")
    caller = access.caller(None, None, "127.0.0.1")
    assert (caller.kind, caller.who) == (CallerKind.OPEN, "open")
    for scope in Scope:
        access.check(caller, scope)
