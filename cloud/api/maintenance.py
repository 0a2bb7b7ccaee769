"""Maintenance notices: what is wrong with sensors, pumps, gateways. For engineers and operators, not the public."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query
from fastapi.responses import Response

from cloud.api.encoding import json_of, moment
from cloud.api.openapi import MOMENT_PATTERN
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.maintenance.reader import Numbered

_PATTERN = {"pattern": MOMENT_PATTERN}
_Start = Annotated[str | None, Query(description="Those that were not over before it", json_schema_extra=_PATTERN)]
_End = Annotated[str | None, Query(description="Those that were opened before it", json_schema_extra=_PATTERN)]


def mount(app: FastAPI, services: Services) -> None:
    @app.get("/v1/maintenance")
    def maintenance(
        state: Annotated[str, Query(pattern="^(open|all)$", description="open: what stands now")] = "open",
        after: Annotated[
            int | None, Query(ge=0, le=2**53, description="changes with a greater number, in their order")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
        start: _Start = None,
        end: _End = None,
    ) -> Response:
        """Maintenance notices, those that opened last in front; with `after`, what changed since, open or not.

        start, end: those that stood at some time between, from when they were told until they were over; with
        state=all those that are over by now, too.
        """
        reader = services.maintenance
        since_ms = None if start is None else moment(start, "start")
        until_ms = None if end is None else moment(end, "end")
        if after is not None and (since_ms is not None or until_ms is not None):
            what = "`after` gives all changes in their order: leave `start` and `end` away, or `after`"
            raise Problem(422, "after goes alone", what)
        if since_ms is not None and until_ms is not None and since_ms >= until_ms:
            raise Problem(422, "The range is empty", "start must come before end")
        if after is not None:
            return json_of([_said(n) for n in reader.after(after, limit)])
        return json_of(
            [
                _said(n)
                for n in reader.notices(open_only=state == "open", limit=limit, since_ms=since_ms, until_ms=until_ms)
            ]
        )


def _said(numbered: Numbered) -> dict[str, Any]:
    return {"number": numbered.number, "id": numbered.notice.id, **numbered.notice.told()}
