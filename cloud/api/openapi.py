"""The OpenAPI document, made truthful after FastAPI has drawn it up: what each path really answers, and how it refuses.

A path that is not named here is described as FastAPI does it, with problem documents for its refusals.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

PROBLEM = "application/problem+json"
# RFC 3339 with a zone (a blank for the + that a query lost), or epoch milliseconds.
MOMENT_PATTERN = (
    r"^(-?[0-9]{1,13}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[-+ ][0-9]{2}:[0-9]{2}))$"
)
MOMENT = re.compile(MOMENT_PATTERN, re.ASCII)

_STATUS = {
    400: "The body is not JSON",
    401: "Who asks is not known",
    403: "Who asks may not",
    404: "There is no such thing",
    413: "Too much for one answer, or too large a request",
    422: "A parameter or the body cannot be used",
    429: "Too many requests; Retry-After says when to come again",
    503: "Not ready or overloaded; Retry-After may say when to come again",
}
_TEXT: dict[str, Any] = {"type": "string"}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
_NUMBER: dict[str, Any] = {"type": ["number", "null"]}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_FLAG: dict[str, Any] = {"type": "integer", "enum": [1, 2, 3, 4, 9], "description": "QARTOD"}
_LEVEL: dict[str, Any] = {"type": "string", "enum": ["blue", "yellow", "orange", "red"]}
_MESSAGE = _object(id=_TEXT, incident=_TEXT, sent=_TIME, msgType=_TEXT, level=_LEVEL, references=_list(_TEXT))
_READING = _object(time=_TIME, channel=_COUNT, value=_NUMBER, flag=_FLAG)
_HOUR = _object(
    time=_TIME,
    channel=_COUNT,
    count=_COUNT,
    minimum=_NUMBER,
    maximum=_NUMBER,
    mean=_NUMBER,
    first=_NUMBER,
    last=_NUMBER,
)
_STATION = _object(
    id=_TEXT, name=_TEXT, zone=_TEXT, kind=_TEXT, lat={"type": "number"}, lon={"type": "number"}, channels=_list(_COUNT)
)
_CHANNEL = _object(
    id=_COUNT,
    name=_TEXT,
    station=_TEXT,
    quantity=_TEXT,
    unit=_TEXT,
    period_s={"type": "number"},
    gateway=_TEXT,
    device=_TEXT,
    thresholds={"type": "object", "additionalProperties": {"type": "number"}},
)
_LATEST = _object(
    channel=_COUNT,
    time={"type": ["string", "null"], "format": "date-time"},
    value=_NUMBER,
    flag=_FLAG,
    age_s=_NUMBER,
    state={"type": "string", "enum": ["good", "suspect", "unknown"]},
)
_KEPT = _object(
    id=_COUNT, gateway=_TEXT, spool=_TEXT, seq=_COUNT, reason=_TEXT, detail=_TEXT, received_ms=_COUNT, bytes=_COUNT
)
_ANY: dict[str, Any] = {"type": "object"}
_JSON = "application/json"

# path -> what a good answer is, by media type
ANSWERS: dict[str, dict[str, dict[str, Any]]] = {
    "/v1/stations": {_JSON: _list(_STATION)},
    "/v1/channels": {_JSON: _list(_CHANNEL)},
    "/v1/latest": {_JSON: _list(_LATEST)},
    "/v1/readings": {_JSON: _list({"anyOf": [_READING, _HOUR]}), "text/csv": _TEXT},
    "/v1/warnings": {_JSON: _list(_object(messages=_list(_MESSAGE)))},
    "/v1/warnings/{name}": {_JSON: _ANY, "application/cap+xml": _TEXT},
    "/v1/feed": {"application/atom+xml": _TEXT},
    "/healthz": {_JSON: _object(alive={"type": "boolean"})},
    "/readyz": {_JSON: _object(ready={"type": "boolean"})},
    "/metrics": {"text/plain": _TEXT},
    "/v1/quarantine": {_JSON: _list(_KEPT)},
}
# path -> refusals of its own; 422 comes with parameters, 429 and 503 with overload, anywhere
REFUSALS: dict[str, tuple[int, ...]] = {"/v1/readings": (404, 413), "/v1/warnings/{name}": (404,)}


def install(app: FastAPI) -> None:
    """Serves the mended document; routes added later are in it as long as nobody has asked for it yet."""
    drawn_up: Callable[[], dict[str, Any]] = app.openapi

    def truthful() -> dict[str, Any]:
        if app.openapi_schema is None:
            mend(drawn_up())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = truthful  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def mend(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own refusals, which we do not send
        schemas.pop(unused, None)
    schemas["Problem"] = {
        **_object(type=_TEXT, status=_COUNT, title=_TEXT, detail=_TEXT),
        "description": "RFC 9457",
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            answers = operation["responses"]
            if path in ANSWERS and "200" in answers:
                answers["200"]["content"] = {kind: {"schema": schema} for kind, schema in ANSWERS[path].items()}
            takes = "422" in answers or operation.get("parameters") or operation.get("requestBody")
            body = (400,) if operation.get("requestBody") else ()
            for status in sorted({*body, *REFUSALS.get(path, ()), *((422,) if takes else ()), 401, 403, 413, 429, 503}):
                answers[str(status)] = refusal(status)


def refusal(status: int) -> dict[str, Any]:
    return {
        "description": _STATUS.get(status, "Refused"),
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
