"""Logins, their throttles, and sessions, against a ledger in memory, with a clock that the test moves."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import argon2
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from cloud.access import people, tables
from cloud.access.access import Access, Refused
from cloud.access.known import Known
from cloud.access.rate import Rate
from cloud.access.scopes import Caller, CallerKind, Role, Scope
from cloud.ledger import audit
from tests.cloud.access.support import PASSWORD, add_ann, make_access, status_of

BRISK = Rate(100, 100)


def test_login_and_both_ends_of_a_session():
    access, clock = make_access(session_idle_min=10, session_h=1)
    add_ann(access)
    caller, token = access.login("ann", PASSWORD, "10.0.0.9")
    assert (caller.who, caller.role) == ("person:ann", Role.DUTY_OFFICER)
    for _ in range(11):
        clock.ms += 5 * 60_000
        assert access.caller(None, token, "").name == "ann"
    clock.ms += 5 * 60_000  # an hour after login, though never idle
    assert access.caller(None, token, "").kind is CallerKind.NOBODY
    _, token = access.login("ann", PASSWORD, "10.0.0.9")
    clock.ms += 10 * 60_000
    assert access.caller(None, token, "").kind is CallerKind.NOBODY


def test_a_ledger_that_is_full_lets_those_in_who_were_in():
    access, clock = make_access()
    add_ann(access)
    _, token = access.login("ann", PASSWORD, "10.0.0.9")
    clock.ms += 5 * 60_000
    with access.engine.connect() as db:  # one connection, shared by all: nobody can write now
        db.exec_driver_sql("pragma query_only = on")
    assert access.caller(None, token, "").name == "ann"
    with pytest.raises(OperationalError):
        access.login("ann", PASSWORD, "10.0.0.9")


def test_logout_removal_and_a_new_password_end_sessions():
    access, clock = make_access()
    add_ann(access)
    caller, token = access.login("ann", PASSWORD, "")
    access.logout(caller, token)
    assert access.caller(None, token, "").kind is CallerKind.NOBODY
    _, token = access.login("ann", PASSWORD, "")
    people.set_password(access.engine, "ann", PASSWORD + "2", clock.ms, "shell:test")
    assert access.caller(None, token, "").kind is CallerKind.NOBODY
    _, token = access.login("ann", PASSWORD + "2", "")
    people.remove(access.engine, "ann", clock.ms, "shell:test")
    assert access.caller(None, token, "").kind is CallerKind.NOBODY
    assert status_of(lambda: access.login("ann", PASSWORD + "2", "")) == 401


@pytest.mark.parametrize("change", ["password", "remove", "role"])
def test_a_login_that_a_change_overtakes_leaves_no_session(monkeypatch, change):
    """Who has a leaked password logs in without a pause; while it is replaced, one of those checks is under way."""
    access, clock = make_access()
    add_ann(access)
    check = people.check

    def overtaken(engine, name, password):
        met = check(engine, name, password)
        if change == "password":
            people.set_password(engine, "ann", PASSWORD + "2", clock.ms, "shell:test")
        elif change == "remove":
            people.remove(engine, "ann", clock.ms, "shell:test")
        else:
            people.set_role(engine, "ann", Role.VIEWER, clock.ms, "shell:test")
        return met

    monkeypatch.setattr(people, "check", overtaken)
    if change == "role":  # the password is still good, and what it opens is the new role
        assert access.login("ann", PASSWORD, "10.0.0.9")[0].scopes == {Scope.READ}
        return
    assert status_of(lambda: access.login("ann", PASSWORD, "10.0.0.9")) == 401
    with access.engine.connect() as db:
        assert db.execute(select(tables.sessions)).all() == []
    assert audit.newest(access.engine, 1)[0].what == "login.failed"


def test_another_role_ends_sessions_and_is_in_the_record():
    access, clock = make_access()
    add_ann(access)
    _, token = access.login("ann", PASSWORD, "")
    people.set_role(access.engine, "ann", Role.VIEWER, clock.ms, "shell:test")
    assert access.caller(None, token, "").kind is CallerKind.NOBODY
    row = audit.newest(access.engine, 1)[0]
    assert (row.who, row.what, row.target, row.source) == ("shell:test", "person.role", "ann", "shell")
    assert row.detail == {"before": "duty-officer", "role": "viewer"}
    with pytest.raises(people.PeopleError, match="person list"):
        people.set_role(access.engine, "eve", Role.VIEWER, clock.ms, "shell:test")


def test_an_account_is_throttled_wherever_it_is_tried_from(monkeypatch):
    monkeypatch.setattr(people, "check", lambda *_: None)
    access, clock = make_access()
    for i in range(10):
        assert status_of(lambda i=i: access.login("ann", "guess", f"10.0.0.{i}")) == 401
    with pytest.raises(Refused) as caught:
        access.login("ann", "guess", "10.0.1.1")
    assert (caught.value.status, round(caught.value.retry_after_s)) == (429, 30)
    clock.ms += 30_000
    assert status_of(lambda: access.login("ann", "guess", "10.0.1.1")) == 401


def test_an_address_is_throttled_whatever_it_tries(monkeypatch):
    monkeypatch.setattr(people, "check", lambda *_: None)
    access, _ = make_access()
    for i in range(30):
        assert status_of(lambda i=i: access.login(f"p{i}", "guess", "10.0.0.1")) == 401
    assert status_of(lambda: access.login("ann", "guess", "10.0.0.1")) == 429
    assert status_of(lambda: access.login("ann", "guess", "10.0.0.2")) == 401


@pytest.mark.parametrize("restarted", [False, True])
def test_who_has_logged_in_from_there_before_is_not_shut_out_by_others_behind_the_same_proxy(monkeypatch, restarted):
    access, clock = make_access()
    add_ann(access)
    access.login("ann", PASSWORD, "10.0.0.1")
    if restarted:
        access = Access(access.engine, access.settings, clock)
    with monkeypatch.context() as patch:
        patch.setattr(people, "check", lambda *_: None)
        for i in range(60):
            assert status_of(lambda i=i: access.login(f"p{i}", "guess", "10.0.0.1")) == 401
        for i in range(12):
            status_of(lambda i=i: access.login("ann", "guess", f"10.0.2.{i}"))  # the account is shut elsewhere
        assert status_of(lambda: access.login("ann", PASSWORD, "10.0.2.99")) == 429
        with ExitStack() as line:
            for _ in range(6):
                line.enter_context(people._wait)  # where strangers stand
            assert access.login("ann", PASSWORD, "10.0.0.1")[0].name == "ann"


def test_who_has_logged_in_before_may_not_guess_without_end_either(monkeypatch):
    access, _ = make_access()
    add_ann(access)
    access.login("ann", PASSWORD, "10.0.0.1")
    monkeypatch.setattr(people, "check_expected", lambda *_: None)
    for _ in range(10):
        assert status_of(lambda: access.login("ann", "guess", "10.0.0.1")) == 401
    assert status_of(lambda: access.login("ann", "guess", "10.0.0.1")) == 429


def test_the_places_that_are_known_are_bounded():
    known = Known()
    for i in range(20_000):
        known.add("ann", f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")
    assert not known.place("10.0.0.1")
    assert known.person("ann", "10.0.78.31")
    assert not known.person("eve", "10.0.78.31")
    assert len(known._of) == len(known._places) == 10_000


def test_an_ipv6_attacker_has_one_address_not_2_to_the_64(monkeypatch):
    monkeypatch.setattr(people, "check", lambda *_: None)
    access, _ = make_access()
    for i in range(30):
        assert status_of(lambda i=i: access.login(f"p{i}", "guess", f"2001:db8:0:1::{i:x}")) == 401
    assert status_of(lambda: access.login("ann", "guess", "2001:db8:0:1:ffff::1")) == 429
    assert status_of(lambda: access.login("ann", "guess", "2001:db8:0:2::1")) == 401


def test_a_flood_of_logins_is_sent_away_uncounted(monkeypatch):
    access, _ = make_access()
    add_ann(access)
    monkeypatch.setattr(people, "_wait", threading.BoundedSemaphore(1))
    with people._wait:
        for _ in range(40):
            assert status_of(lambda: access.login("ann", PASSWORD, "10.0.0.1")) == 503
    assert access.login("ann", PASSWORD, "10.0.0.1")[0].name == "ann"


def test_a_flood_of_logins_frees_no_account_that_is_throttled(monkeypatch):
    """Names without end would push the throttled one out of memory; those that were not checked do not count."""
    monkeypatch.setattr(people, "check", lambda *_: None)
    access, _ = make_access()
    for i in range(10):
        assert status_of(lambda i=i: access.login("ann", "guess", f"10.0.0.{i}")) == 401

    def busy(*_):
        raise people.Busy

    monkeypatch.setattr(people, "check", busy)
    for i in range(11_000):
        assert status_of(lambda i=i: access.login(f"p{i}", "guess", "10.0.1.1")) == 503
    assert status_of(lambda: access.login("ann", "guess", "10.0.2.1")) == 429


def test_a_name_that_is_not_there_costs_what_one_that_is_does(monkeypatch):
    access, _ = make_access()
    add_ann(access)
    met: list[str] = []
    plain = argon2.PasswordHasher.verify

    def noting(self, stored, password):
        met.append(stored)
        return plain(self, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", noting)
    assert people.check(access.engine, "ann", PASSWORD) == met[0]
    assert people.check(access.engine, "nobody", PASSWORD) is None
    hashed, nobody = met
    assert argon2.extract_parameters(hashed) == argon2.extract_parameters(nobody)
    assert len(hashed) == len(nobody)


def test_good_logins_are_not_throttled(monkeypatch):
    access, _ = make_access()
    add_ann(access)
    met = people.check(access.engine, "ann", PASSWORD)
    monkeypatch.setattr(people, "check", lambda *_: met)
    for _ in range(40):
        access.login("ann", PASSWORD, "10.0.0.1")


def test_one_person_cannot_fill_the_record_with_logins(monkeypatch):
    access, clock = make_access()
    add_ann(access)
    met = people.check(access.engine, "ann", PASSWORD)
    monkeypatch.setattr(people, "check", lambda *_: met)
    monkeypatch.setattr(people, "check_expected", lambda *_: met)
    for _ in range(60):
        access.login("ann", PASSWORD, "10.0.0.1")
    for _ in range(100):
        assert status_of(lambda: access.login("ann", PASSWORD, "10.0.0.1")) == 429
    clock.ms += 20_000
    access.login("ann", PASSWORD, "10.0.0.1")
    assert sum(row.what == "login" for row in audit.newest(access.engine, 1000)) == 61


def test_names_that_nobody_has_do_not_fill_the_record(monkeypatch):
    """Behind an address where somebody has logged in names may be tried without end."""
    access, clock = make_access()
    add_ann(access)
    access.login("ann", PASSWORD, "10.0.0.1")
    monkeypatch.setattr(people, "check", lambda *_: None)
    for i in range(1000):
        assert status_of(lambda i=i: access.login(f"p{i}", "guess", "10.0.0.1")) == 401
    failed = [row for row in audit.newest(access.engine, 2000) if row.what == "login.failed"]
    assert len(failed) == 100
    clock.ms += 60_000
    assert status_of(lambda: access.login("p", "guess", "10.0.0.1")) == 401
    row = audit.newest(access.engine, 1)[0]
    assert (row.target, row.detail) == ("(unknown name)", {"not_written_before": 900})


def test_who_has_logged_in_is_found_behind_any_number_of_failures(monkeypatch):
    access, _ = make_access()
    add_ann(access)
    access.login("ann", PASSWORD, "10.0.0.1")
    monkeypatch.setattr("cloud.access.known._LOOKED_BACK", 3)
    for _ in range(10):
        access.record(Caller.nobody("10.0.0.9"), "login.failed", "ann")
    known = Known()
    known.recall(access.engine)
    assert known.person("ann", "10.0.0.1")
    assert not known.place("10.0.0.9")
