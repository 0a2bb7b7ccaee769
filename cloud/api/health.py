"""What keeps the cloud running: health, metrics, quarantine."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from cloud.access.scopes import Scope
from cloud.api import problems
from cloud.api.encoding import json_of
from cloud.api.guard import caller_of
from cloud.api.metrics import render_metrics
from cloud.api.ports import Services


def mount(app: FastAPI, services: Services) -> None:
    @app.get("/healthz")
    async def healthz() -> Response:
        """The process lives. Answered by the loop itself: no thread need be free."""
        return json_of({"alive": True})

    @app.get("/readyz")
    def readyz(request: Request) -> Response:
        """Batches are taken and views follow; 503 when not, with the reason for those who may read.

        `troubles`, for the same: sinks whose consumers get no messages. The cloud is ready all the same: it takes
        batches, warns, and serves the other consumers, and nobody should restart it or turn away from it for that.
        """
        good, why = services.health.ready()
        may_read = Scope.READ in caller_of(request).scopes  # reasons name inner hosts and paths
        if not good:
            hidden = "the reason is told to a key or a person with scope read, and stands in the cloud's log"
            return problems.answer(503, "Not ready", why if may_read else hidden)
        return json_of({"ready": True, "troubles": list(services.health.troubles())} if may_read else {"ready": True})

    @app.get("/metrics")
    def metrics() -> Response:
        """Prometheus text format."""
        return Response(render_metrics(services), media_type="text/plain; version=0.0.4")

    @app.get("/v1/quarantine")
    def quarantine(
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000, before: Annotated[int | None, Query(ge=1, le=2**53)] = None
    ) -> Response:
        """Refused batches that are kept aside, newest first. before: those with a smaller id."""
        return json_of(list(services.health.quarantined(limit, before)))
