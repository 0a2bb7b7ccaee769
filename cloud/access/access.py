"""Who asks, and whether they may: keys, sessions, limits and the login together. Blocking; no HTTP."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from sqlalchemy import Engine

from cloud.access import keys, people, sessions
from cloud.access.known import Known, neighbourhood
from cloud.access.limiter import Limiter
from cloud.access.rate import Rate
from cloud.access.scopes import SCOPES_OF, Caller, CallerKind, Scope
from cloud.access.settings import AccessSettings
from cloud.ledger import audit
from contract.clock import Clock, SystemClock

# Of login attempts that fail. An account: ten, then one every half minute. An address may hold many people.
_PER_ACCOUNT = Rate(1 / 30, 10)
_PER_ADDRESS = Rate(1 / 6, 30)
# Of one person: a script may log in each time it looks. More would fill the audit record.
_SUCCEEDED = Rate(1 / 20, 60)
_UNKNOWN, _UNKNOWN_WRITTEN = "(unknown name)", Rate(1 / 60, 100)


class Refused(Exception):
    """A request that is refused. status: of HTTP; title, detail: of the problem document (RFC 9457).

    retry_after_s: after which it may be tried again; 0 when waiting does not help.
    """

    def __init__(self, status: int, title: str, detail: str, retry_after_s: float = 0.0) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.retry_after_s = status, title, detail, retry_after_s


class Access:
    """What the HTTP server asks about every request. Safe from any thread. engine: of the ledger.

    Time is the system's even where the scenario's is scaled: sessions and limits concern the real world.
    """

    def __init__(self, engine: Engine, settings: AccessSettings, clock: Clock | None = None) -> None:
        self.engine, self.settings = engine, settings
        self._clock: Clock = clock or SystemClock()
        idle_ms, absolute_ms = int(settings.session_idle_min * 60_000), int(settings.session_h * 3_600_000)
        self._ends = sessions.Ends(idle_ms, absolute_ms)
        self._person_rate = Rate(settings.person_per_s, settings.person_per_s * 3)
        self._limiter, self._logins, self._known = Limiter(), Limiter(), Known()
        self._counting, self._unwritten = threading.Lock(), 0

    def now_ms(self) -> int:
        """The time that sessions, keys and limits count by (UTC, ms)."""
        return self._clock.now_ms()

    def caller(self, key: str | None, token: str | None, source: str) -> Caller:
        """key: of a Bearer header; token: of the cookie. A dead token is nobody; a bad key is an error.

        Raises Refused: 401 for a bad key, 429 for one who asks too often.
        """
        now_ms = self.now_ms()
        if self.settings.mode == "open":
            return Caller(CallerKind.OPEN, "", frozenset(Scope), source)
        if key is not None:
            found = keys.find(self.engine, key, now_ms)
            if found is None:
                raise Refused(401, "Invalid key", "unknown, revoked or replaced: ask who runs this cloud")
            self._slow_down(f"key:{found.id}", found.rate, now_ms)
            return Caller(CallerKind.KEY, found.id, found.scopes, source)
        session = sessions.find(self.engine, token, self._ends, now_ms) if token else None
        if session is None:
            return Caller.nobody(source)
        name, role = session
        self._slow_down(f"person:{name}", self._person_rate, now_ms)
        return Caller(CallerKind.PERSON, name, SCOPES_OF[role], source, role)

    def check(self, caller: Caller, scope: Scope | None) -> None:
        """Raises Refused: 401 for nobody, 403 for somebody who may not."""
        if scope is None or scope in caller.scopes:
            return
        if caller.kind is CallerKind.NOBODY:
            raise Refused(401, "Authentication required", "log in, or send a key: Authorization: Bearer hw_...")
        raise Refused(403, "Not allowed", f"this needs scope {scope.value}")

    def login(self, name: str, password: str, source: str) -> tuple[Caller, str]:
        """Who it is, and the token for the cookie. source: the caller's address.

        Raises Refused: 401 for a wrong name or password, 429 after too many attempts, 503 while many log in at once.
        """
        now_ms = self.now_ms()
        buckets = self._buckets(name, source)
        for bucket, rate in buckets.items():
            wait_s = self._logins.take(bucket, rate, now_ms)
            if wait_s:
                raise Refused(429, "Too many attempts", "wait before the next attempt to log in", wait_s)
        try:
            check = people.check_expected if self._known.person(name, source) else people.check
            met = check(self.engine, name, password)
        except people.Busy as error:
            self._uncount(buckets)
            raise Refused(503, "Too many logins at once", "try again in a moment", 2.0) from error
        if met is not None and (wait_s := self._limiter.take(f"login:{name}", _SUCCEEDED, now_ms)):
            self._uncount(buckets)
            raise Refused(429, "Too many logins", "a session lasts: log in once and keep its cookie", wait_s)
        token = sessions.begin(self.engine, name, met, self._ends, now_ms) if met is not None else None
        if token is None:
            self._record_failed(name, source)
            raise Refused(401, "Not logged in", "name or password is wrong")
        self._uncount(buckets)
        self._known.add(name, source)
        caller = self.caller(None, token, source)
        self.record(caller, "login", name)
        return caller, token

    def logout(self, caller: Caller, token: str) -> None:
        """Ends the session of this token, and writes it into the audit record."""
        sessions.end(self.engine, token)
        self.record(caller, "logout", caller.name)

    def record(self, caller: Caller, what: str, target: str, **detail: str | int | None) -> None:
        """Into the audit record, durable on return. detail: plain data without secrets; a person's role is added."""
        audit.record(
            self.engine,
            now_ms=self.now_ms(),
            who=caller.who,
            what=what,
            target=target,
            source=caller.source,
            detail=detail if caller.role is None else {**detail, "role": caller.role.value},
        )

    def _record_failed(self, name: str, source: str) -> None:
        """People type passwords into the wrong field: only a name that exists is written down. Of others there are as
        many as anybody tries: the first hundred, then one a minute, with the number of those between."""
        if people.known(self.engine, name):
            self.record(Caller.nobody(source), "login.failed", name)
            return
        with self._counting:
            if self._logins.take(_UNKNOWN, _UNKNOWN_WRITTEN, self.now_ms()):
                self._unwritten += 1
                return
            before, self._unwritten = self._unwritten, 0
        detail = {"not_written_before": before} if before else {}
        self.record(Caller.nobody(source), "login.failed", _UNKNOWN, **detail)

    def _buckets(self, name: str, source: str) -> dict[str, Rate]:
        """What an attempt counts for. Who has logged in from there before is shut out neither by those who fail there,
        for one proxy's address is everybody's behind it, nor by those who try the name elsewhere."""
        self._known.recall(self.engine)
        place = neighbourhood(source)
        account = f"account:{name}@{place}" if self._known.person(name, source) else f"account:{name}"
        if self._known.place(source):
            return {account: _PER_ACCOUNT}
        return {account: _PER_ACCOUNT, f"address:{place}": _PER_ADDRESS}

    def _uncount(self, buckets: Mapping[str, Rate]) -> None:
        for bucket, rate in buckets.items():
            self._logins.give_back(bucket, rate)

    def _slow_down(self, name: str, rate: Rate, now_ms: int) -> None:
        wait_s = self._limiter.take(name, rate, now_ms)
        if wait_s:
            raise Refused(429, "Too many requests", f"at most {rate.per_s:g} a second", wait_s)
