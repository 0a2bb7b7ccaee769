"""Incidents and their messages: JSON, CAP, Atom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from cloud.api.encoding import json_of, moment
from cloud.api.openapi import MOMENT_PATTERN, NAME_PATTERN
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.turns import Turns
from cloud.warnings.codec import incident_json, message_json
from cloud.warnings.model import Incident, MessageHead
from cloud.warnings.reader import Listed, Which
from contract.catalogue.rules import Level

WhenGiven = Annotated[
    str | None, Query(description="A time, UTC or with its zone", json_schema_extra={"pattern": MOMENT_PATTERN})
]
_KINDS_MAX = 8  # of questions that are remembered
_SAID_MAX = 2000  # of incidents
_AT_ONCE = 2  # threads that make a list; who comes after finds it made


class SharedIncidents:
    """The list of incidents, made anew when one has changed, and of those that did not from what was said of them: in a
    flood many ask for the same two hundred, and one of them changes every second."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._made: dict[tuple[Which, int, str | None], tuple[int, bytes]] = {}
        self._said: dict[str, tuple[Listed, bytes]] = {}

    def body(self, which: Which, limit: int, behind: str | None = None) -> bytes:
        """Two who ask at once may both have it made: better than to wait for one whose ledger is slow."""
        reader = self._services.warnings
        version = reader.version()  # before the look: what changes meanwhile is looked at again
        asked = (which, limit, behind)
        made_at, body = self._made.get(asked, (-1, b""))
        if made_at != version:
            listed = reader.listed(which, limit=limit, behind=behind)
            body = b"[%b]" % b",".join(self._incidents(listed))
            if which.usual:
                if len(self._made) >= _KINDS_MAX:
                    self._made.clear()
                self._made[asked] = (version, body)
        return body

    def _incidents(self, listed: Sequence[Listed]) -> Iterator[bytes]:
        said = self._said
        new = {i.id: i for i in listed if i.id not in said or said[i.id][0] != i}
        if new:
            told = self._services.warnings.told(list(new))
            fresh = {name: (new[name], _incident(*both)) for name, both in told.items()}
            rest = said if len(said) < _SAID_MAX else {i.id: said[i.id] for i in listed if i.id in said}
            self._said = said = {**rest, **fresh}  # others may be reading the one before
        return (said[i.id][1] for i in listed if i.id in said and said[i.id][0] == i)  # one may be gone by now


def _incident(incident: Incident, messages: Sequence[MessageHead]) -> bytes:
    return bytes(json_of({**incident_json(incident), "messages": [message_json(m) for m in messages]}).body)


def mount(app: FastAPI, services: Services) -> None:
    shared, turns = SharedIncidents(services), Turns(_AT_ONCE)

    @app.get("/v1/warnings")
    async def warnings(
        open: bool = False,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
        before: Annotated[str | None, Query(max_length=128, pattern=NAME_PATTERN)] = None,
        start: WhenGiven = None,
        end: WhenGiven = None,
        level: Level | None = None,
    ) -> Response:
        """Incidents, newest first, each with its messages. start, end: those that were open at some time from start up
        to end. level: those that were told at this level or above. before: those that follow this one in the list: the
        last of an answer, for the next page of it."""
        start_ms, end_ms = (None if s is None else moment(s, name) for s, name in ((start, "start"), (end, "end")))
        if start_ms is not None and end_ms is not None and end_ms <= start_ms:
            raise Problem(422, "The range is empty", "start must come before end")
        which = Which(open, start_ms, end_ms, level)
        if before is not None and await turns.run(services.warnings.incident, before) is None:
            raise Problem(404, "No such incident", f"before={before!r}: take the id of the last incident of an answer")
        return Response(await turns.run(shared.body, which, limit, before), media_type="application/json")

    @app.get("/v1/warnings/{name}")
    def warning(
        request: Request, name: str, format: Annotated[str | None, Query(pattern="^(json|cap)$")] = None
    ) -> Response:
        """An incident, or a message by its identifier; as JSON or as CAP 1.2 (an incident's newest message)."""
        incident, message = services.warnings.told([name]).get(name), services.warnings.message(name)
        if incident is None and message is None:
            raise Problem(404, "No such warning", f"there is no incident or message {name!r}; see /v1/warnings")
        as_cap = format == "cap" or (format is None and "application/cap+xml" in request.headers.get("accept", ""))
        if as_cap:
            chosen = message or services.warnings.messages(name, 1)[0]
            return Response(chosen.cap_xml, media_type="application/cap+xml")
        if incident is not None:
            return Response(_incident(*incident), media_type="application/json")
        assert message is not None
        return json_of(message_json(message))
