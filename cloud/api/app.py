"""The query API: `create_app(services, access)`."""

from __future__ import annotations

from fastapi import Depends, FastAPI

from cloud.access.access import Access
from cloud.api import access as access_routes
from cloud.api import (
    areal,
    clock,
    decisions,
    district,
    exports,
    feed,
    health,
    late,
    live,
    maintenance,
    openapi,
    parameters,
    problems,
    pumps,
    queries,
    rain,
    series,
    spells,
    stream,
    trial,
    warnings,
    water,
    zone_levels,
)
from cloud.api.guard import Guard
from cloud.api.ports import Services

# What needs nothing but the services.
_PARTS = (
    district,
    queries,
    series,
    rain,
    areal,
    pumps,
    spells,
    water,
    zone_levels,
    trial,
    exports,
    warnings,
    feed,
    stream,
    live,
    late,
    maintenance,
    health,
)


def create_app(services: Services, access: Access) -> FastAPI:
    app = FastAPI(
        title="Headwater",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        dependencies=[Depends(parameters.known)],  # of every route, those of the page too
        redirect_slashes=False,  # the redirect would name whatever host the caller wrote
    )
    problems.install(app)
    openapi.install(app)
    for part in _PARTS:
        part.mount(app, services)
    access_routes.mount(app, services, access)
    clock.mount(app, services, access)
    decisions.mount(app, services, access)
    opened = frozenset(feed.ROUTES) if services.feed.public else frozenset[str]()
    app.add_middleware(
        Guard, access=access, opened=opened
    )  # limits and headers stand outside it: see `cloud.api.limits`
    return app
