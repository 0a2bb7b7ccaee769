"""Login, logout, who am I; the audit record; the release of a quarantined batch."""

from __future__ import annotations

import logging
import sqlite3
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response
from pydantic import Field
from sqlalchemy.exc import DataError, OperationalError

from cloud.access import sessions
from cloud.access.access import Access, Refused
from cloud.access.passwords import LONGEST
from cloud.access.scopes import Caller, CallerKind
from cloud.api import problems
from cloud.api.encoding import json_of
from cloud.api.guard import answer, caller_of, token_of
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.ledger import audit
from contract.clock import iso
from contract.settings_model import SettingsModel

log = logging.getLogger(__name__)


# FastAPI hides a warning of pydantic's while it builds a model: so this one is built now, not later.
class Login(SettingsModel, defer_build=False):
    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=LONGEST)


def mount(app: FastAPI, services: Services, access: Access) -> None:
    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return answer(error)

    @app.exception_handler(OperationalError)
    async def no_ledger(_: Request, error: OperationalError) -> Response:
        log.error("the ledger cannot be used: %s", error.orig)
        said = "the ledger cannot be read or written, so nothing was done: see the cloud's log"
        return problems.answer(503, "Ledger unavailable", said, {"Retry-After": "5"})

    @app.exception_handler(DataError)
    async def no_such_value(_: Request, __: DataError) -> Response:
        """PostgreSQL keeps no NUL in a text (SQLite does), so no name of anything there has one."""
        return problems.answer(422, "A parameter cannot be used", "it holds what no text in the ledger can hold")

    _session(app, access)

    @app.get("/v1/audit")
    def audit_record(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100, before: Annotated[int | None, Query(ge=1, le=2**53)] = None
    ) -> Response:
        """Who changed what, when, from where; newest first. before: rows with a smaller number."""
        rows = audit.newest(access.engine, limit, before)
        return json_of(
            [
                {
                    "number": r.number,
                    "time": iso(r.at_ms),
                    "who": r.who,
                    "what": r.what,
                    "target": r.target,
                    "source": r.source,
                    "detail": r.detail,
                    "hash": r.hash,
                }
                for r in rows
            ]
        )

    @app.post("/v1/quarantine/{number}/release")
    def release(request: Request, number: int) -> Response:
        """Puts one refused batch through the receiver's checks again; 409 with the reason when it is refused again."""
        caller = caller_of(request)
        if number.bit_length() > 63 or not services.health.is_quarantined(number):
            raise Problem(404, "No such batch", f"no batch {number} waits in quarantine; see /v1/quarantine")
        # Written down first: what was done and is not in the record would be worse than the reverse.
        access.record(caller, "quarantine.release", str(number))
        try:
            why = services.health.release(number, caller.who)
        except (sqlite3.Error, OSError) as error:
            log.error("batch %d cannot be released: %s", number, error)
            said = "the log cannot store it, and it stays in quarantine: make room on the disk of the log"
            raise Problem(503, "Not released", said) from error
        access.record(caller, "quarantine.still_refused" if why else "quarantine.released", str(number))
        if why:
            raise Problem(409, "Refused again", f"{why}: mend the catalogue, restart the cloud, release again")
        return json_of({"id": number, "released": True})


def _session(app: FastAPI, access: Access) -> None:
    @app.get("/v1/session")
    def who_am_i(request: Request) -> Response:
        """Name and scopes; name is null for nobody."""
        return json_of(_session_json(caller_of(request), access))

    @app.post("/v1/session", responses={409: {"description": "Nobody logs in here"}})
    def login(request: Request, given: Login) -> Response:
        """Sets the session's cookie."""
        if access.settings.mode == "open":
            raise Problem(409, "No login here", "this cloud runs with access mode: open; nobody logs in")
        caller, token = access.login(given.name, given.password, caller_of(request).source)
        response = json_of(_session_json(caller, access))
        response.set_cookie(sessions.COOKIE, token, httponly=True, samesite="strict", secure=_secure(request, access))
        return response

    @app.delete("/v1/session", status_code=204)
    def logout(request: Request) -> Response:
        """Ends the session here and in the ledger."""
        caller, token = caller_of(request), token_of(request.headers)
        if caller.kind is CallerKind.PERSON and token:
            access.logout(caller, token)
        response = Response(status_code=204)
        response.delete_cookie(sessions.COOKIE, httponly=True, samesite="strict", secure=_secure(request, access))
        return response


def _secure(request: Request, access: Access) -> bool:
    return access.settings.secure_cookie or request.url.scheme == "https"


def _session_json(caller: Caller, access: Access) -> dict[str, object]:
    return {
        "mode": access.settings.mode,
        "name": caller.name or None,
        "role": caller.role.value if caller.role else None,
        "scopes": sorted(caller.scopes),
    }
