"""OGC SensorThings 1.1, sensing profile, for reading: `/sensorthings/v1.1` (OGC 18-088)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from fastapi.responses import PlainTextResponse, Response

from cloud.api.encoding import json_of
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.turns import Turns
from cloud.sensorthings.answer import Answer
from cloud.sensorthings.functions import Wrong
from cloud.sensorthings.grammar import Unreadable
from cloud.sensorthings.model import KINDS, Model
from cloud.sensorthings.options import options_of
from cloud.sensorthings.resource import NotThere, Resource, resource_of

ROOT = "/sensorthings/v1.1"
_AT_ONCE = 2  # two cores, and a question that walks through a history takes its time
_REQUIREMENTS = "http://www.opengis.net/spec/iot_sensing/1.1/req/"
# What is kept of the standard, by its requirements; see docs/decisions/sensorthings.md for what is not.
CONFORMANCE = tuple(
    _REQUIREMENTS + name
    for name in (
        "datamodel",
        "resource-path/resource-path-to-entities",
        "request-data",
        "data-array/data-array",
    )
)
_Text = Annotated[str | None, Query()]


def mount(app: FastAPI, services: Services) -> None:
    model, turns = Model(services.catalogue), Turns(_AT_ONCE, dear=True)

    @app.get(ROOT, include_in_schema=False)  # a path grammar of its own, which OpenAPI cannot say
    async def root(request: Request) -> Response:
        """The sets of entities, and what of the standard is kept."""
        return json_of(_root(_base(request)))

    @app.get(ROOT + "/{path:path}", include_in_schema=False)
    async def entities(
        request: Request,
        path: str,
        filter: Annotated[_Text, Query(alias="$filter")] = None,
        expand: Annotated[_Text, Query(alias="$expand")] = None,
        orderby: Annotated[_Text, Query(alias="$orderby")] = None,
        select: Annotated[_Text, Query(alias="$select")] = None,
        top: Annotated[_Text, Query(alias="$top")] = None,
        skip: Annotated[_Text, Query(alias="$skip")] = None,
        count: Annotated[_Text, Query(alias="$count")] = None,
        skiptoken: Annotated[_Text, Query(alias="$skiptoken")] = None,
        result_format: Annotated[Literal["dataArray"] | None, Query(alias="resultFormat")] = None,
    ) -> Response:
        """Entities, by path and options."""
        del filter, expand, orderby, select, top, skip, count, skiptoken  # named, so that all others are refused
        if not path.strip("/"):
            return json_of(_root(_base(request)))
        params = _once(request)
        try:
            resource = resource_of(path)
            found = await turns.run(_document, services, model, _base(request), resource, params, result_format)
        except NotThere as error:
            raise Problem(404, "There is nothing here", str(error)) from error
        except (Unreadable, Wrong) as error:
            raise Problem(400, "An option cannot be used", str(error)) from error
        if found is None:
            return Response(status_code=204)
        return PlainTextResponse(_text(found)) if resource.value else json_of(found)


def _document(
    services: Services, model: Model, base: str, resource: Resource, params: dict[str, str], result_format: str | None
) -> Any:
    if result_format is not None and not (resource.kind == "Observations" and resource.many):
        raise Wrong("resultFormat=dataArray is of a collection of Observations alone")
    _fits(resource, params)
    return Answer(services, model, base).document(resource, options_of(params), result_format is not None)


def _fits(resource: Resource, params: dict[str, str]) -> None:
    """Raises Wrong for an option that says nothing of what the path names."""
    allowed = set(params)
    if resource.property is not None or (resource.references and not resource.many):
        allowed = set()
    elif not resource.many:
        allowed = {"$expand", "$select"}
    elif resource.references:
        allowed = set(params) - {"$expand", "$select"}
    for name in params:
        if name not in allowed:
            raise Wrong(f"{name} says nothing of what this path names: leave it away")


def _once(request: Request) -> dict[str, str]:
    """The options; `resultFormat` apart. Raises Wrong's Problem(400) for one that is given twice."""
    params: dict[str, str] = {}
    for name, text in request.query_params.multi_items():
        if name in params:
            raise Problem(400, "An option cannot be used", f"{name[:40]} stands twice: leave one")
        params[name] = text
    params.pop("resultFormat", None)
    return params


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/") + ROOT


def _root(base: str) -> dict[str, Any]:
    return {
        "value": [{"name": name, "url": f"{base}/{name}"} for name in KINDS],
        "serverSettings": {"conformance": list(CONFORMANCE)},
    }


def _text(value: Any) -> str:
    """What `$value` answers."""
    return value if isinstance(value, str) else bytes(json_of(value).body).decode()
