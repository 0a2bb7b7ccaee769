"""Readings that came too late to warn, though they reached a level: the record of what would have been told."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import Response

from cloud.api.encoding import json_of, moment
from cloud.api.openapi import MOMENT_PATTERN
from cloud.api.ports import Services
from contract.clock import iso

_When = Annotated[
    str | None,
    Query(description="RFC 3339 with a zone, or epoch milliseconds", json_schema_extra={"pattern": MOMENT_PATTERN}),
]


def mount(app: FastAPI, services: Services) -> None:
    @app.get("/v1/late")
    def late(
        channel: Annotated[list[Annotated[int, Query(ge=1, lt=2**32)]] | None, Query(max_length=1000)] = None,
        start: Annotated[_When, Query(alias="from")] = None,
        end: Annotated[_When, Query(alias="to")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    ) -> Response:
        """Late readings that would have warned, those that came last in front. from, to: of the readings' times, from
        included, to not. before: rows with a smaller number."""
        start_ms = None if start is None else moment(start, "from")
        end_ms = None if end is None else moment(end, "to")
        rows = services.warnings.late(channel, start_ms, end_ms, limit, before)
        return json_of(
            [
                {
                    "number": r.number,
                    "channel": r.channel,
                    "rule": r.rule,
                    "time": iso(r.reading_ms),
                    "came": iso(r.came_ms),
                    "value": r.value,
                    "level": r.level.value,
                }
                for r in rows
            ]
        )
