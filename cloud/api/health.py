"""What keeps the cloud running: health, metrics, quarantine."""

from __future__ import annotations

from fastapi import FastAPI, Request
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
        """Batches are taken and views follow; 503 when not, with the reason for those who may read."""
        good, why = services.health.ready()
        if Scope.READ not in caller_of(request).scopes:  # it names inner hosts and paths
            why = "the reason is told to a key or a person with scope read, and stands in the cloud's log"
        return json_of({"ready": True}) if good else problems.answer(503, "Not ready", why)

    @app.get("/metrics")
    def metrics() -> Response:
        """Prometheus text format."""
        return Response(render_metrics(services), media_type="text/plain; version=0.0.4")

    @app.get("/v1/quarantine")
    def quarantine() -> Response:
        """Refused batches that are kept aside."""
        return json_of(list(services.health.quarantined()))
