"""The query API: `create_app(services)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.responses import Response

from cloud.api import operations, problems, queries, warnings
from cloud.services import Services

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
}


def create_app(services: Services) -> FastAPI:
    app = FastAPI(title="Headwater", version="1", docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")
    problems.install(app)
    for part in (queries, warnings, operations):
        part.mount(app, services)

    @app.middleware("http")
    async def headers(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await go_on(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app
