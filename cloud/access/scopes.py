"""What may be done, by whom, and which request needs what. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a caller may do."""

    READ = "read"  # see readings, warnings, states
    OPERATE = "operate"  # run the installation: release a batch, acknowledge, take over
    DECIDE = "decide"  # what alters warnings: end an incident, mute a sensor, enter the rain signal
    APPROVE = "approve"  # let a warning go out that waits for it; none does yet, so it opens nothing
    ADMINISTER = "administer"  # keys, people, the audit record


class Role(StrEnum):
    """An office that a person holds, with the scopes in `SCOPES_OF`."""

    VIEWER = "viewer"
    ENGINEER = "engineer"
    DUTY_OFFICER = "duty-officer"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"


# Whoever administers people is not to approve warnings: to do so takes another role, and giving it is in the audit
# record. What alters warnings is the duty officer's alone.
SCOPES_OF: Mapping[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.ENGINEER: frozenset({Scope.READ, Scope.OPERATE}),
    Role.DUTY_OFFICER: frozenset({Scope.READ, Scope.OPERATE, Scope.DECIDE}),
    Role.APPROVER: frozenset({Scope.READ, Scope.APPROVE}),
    Role.ADMINISTRATOR: frozenset({Scope.READ, Scope.OPERATE, Scope.ADMINISTER}),
}


class CallerKind(StrEnum):
    """How it is known who asks."""

    NOBODY = "nobody"
    KEY = "key"
    PERSON = "person"
    OPEN = "open"  # mode: open, where nobody is asked


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. name: a key's id or a person's name; source: the address, for the audit record."""

    kind: CallerKind
    name: str
    scopes: frozenset[Scope]
    source: str
    role: Role | None = None

    @classmethod
    def nobody(cls, source: str) -> Caller:
        """A caller without key or session, at this address."""
        return cls(CallerKind.NOBODY, "", frozenset(), source)

    @property
    def who(self) -> str:
        """As the audit record names it: `key:0123abcd`, `person:ada`, `nobody`."""
        return f"{self.kind.value}:{self.name}" if self.name else self.kind.value


SAFE_METHODS = frozenset({"GET", "HEAD"})
# Open to all, but who shows a key or a session is looked at.
SESSION, READY = "/v1/session", "/readyz"
# The page's own files hold no data; whoever asks for a session is about to say who they are.
_PUBLIC = frozenset({"/", "/healthz", READY, "/static"})
# Anything that is not named here needs `read` to look at and `administer` to change: a new route is shut until a line
# opens it.
_NEEDS: Mapping[tuple[str, str], Scope] = {
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


def required(method: str, route: str | None) -> Scope | None:
    """The scope that a request needs; None when it is open to all.

    route: the route that takes the request, as it was declared (`/v1/quarantine/{number}/release`), never the path that
    was asked for: of one path two readings are possible. None: no route takes it.
    """
    if route == SESSION or (method in SAFE_METHODS and route in _PUBLIC):
        return None
    looked_up = "GET" if method == "HEAD" else method
    named = _NEEDS.get((looked_up, route or ""))
    if named is not None:
        return named
    return Scope.READ if method in SAFE_METHODS else Scope.ADMINISTER
