"""What keeps the cloud running: health, metrics, quarantine."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import Response

from cloud.api import problems
from cloud.api.answers import json_of
from cloud.api.metrics import render_metrics
from cloud.services import Services


def mount(app: FastAPI, services: Services) -> None:
    @app.get("/healthz")
    async def healthz() -> Response:
        """The process lives. Answered by the loop itself: no thread need be free."""
        return json_of({"alive": True})

    @app.get("/readyz")
    def readyz() -> Response:
        """Batches are taken and views follow; 503 with the reason when not."""
        good, why = services.health.ready()
        return json_of({"ready": True}) if good else problems.answer(503, "Not ready", why)

    @app.get("/metrics")
    def metrics() -> Response:
        """Prometheus text format."""
        return Response(render_metrics(services), media_type="text/plain; version=0.0.4")

    @app.get("/v1/quarantine")
    def quarantine() -> Response:
        """Refused batches that are kept aside."""
        return json_of(list(services.health.quarantined()))
