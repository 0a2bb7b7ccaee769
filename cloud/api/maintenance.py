"""Maintenance notices: what is wrong with sensors, pumps, gateways. For engineers and operators, not the public."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query
from fastapi.responses import Response

from cloud.api.encoding import json_of
from cloud.api.ports import Services
from cloud.maintenance.reader import Numbered


def mount(app: FastAPI, services: Services) -> None:
    @app.get("/v1/maintenance")
    def maintenance(
        state: Annotated[str, Query(pattern="^(open|all)$", description="open: what stands now")] = "open",
        after: Annotated[
            int | None, Query(ge=0, le=2**53, description="changes with a greater number, in their order")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> Response:
        """Maintenance notices, those that opened last in front; with `after`, what changed since, open or not."""
        reader = services.maintenance
        if after is not None:
            return json_of([_said(n) for n in reader.after(after, limit)])
        return json_of([_said(n) for n in reader.notices(open_only=state == "open", limit=limit)])


def _said(numbered: Numbered) -> dict[str, Any]:
    return {"number": numbered.number, "id": numbered.notice.id, **numbered.notice.told()}
