"""The OpenAPI document, made truthful after FastAPI has drawn it up: what each path really answers, how it refuses, and
which scope it asks for: the one that the guard asks for (`cloud.access.scopes.required`).

A path that is not named here is described as FastAPI does it, with its scope and problem documents for its refusals.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Query

from cloud.access.scopes import READY, SAFE_METHODS, SESSION, required
from cloud.access.sessions import COOKIE
from cloud.api.guard import CHALLENGES, PAGE_HEADER
from cloud.api.schemas import COMPONENTS
from cloud.api.shapes import TEXT, Schema, list_of, object_of, reference

PROBLEM = "application/problem+json"
# RFC 3339 with a zone (a blank for the + that a query lost), or epoch milliseconds.
MOMENT_PATTERN = (
    r"^(-?[0-9]{1,13}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[-+ ][0-9]{2}:[0-9]{2}))$"
)
MOMENT = re.compile(MOMENT_PATTERN, re.ASCII)
When = Annotated[
    str,
    Query(description="RFC 3339 with a zone, or epoch milliseconds", json_schema_extra={"pattern": MOMENT_PATTERN}),
]
NAME_PATTERN = "^[ -~]+$"  # of what has a name in a path: the guard lets no control characters by

_ABOUT = (
    "What the cloud knows: stations, readings, warnings, and the state of its gateways. Each operation names the scope "
    "it needs; a refusal is a problem document (RFC 9457). Without a key or a session only health is told."
)
_STATUS = {
    400: "The path holds control characters, or the body is not JSON",
    401: "Who asks is not known",
    403: "Who asks may not",
    404: "There is no such thing",
    409: "Not as things stand; the detail says why",
    413: "Too much for one answer, or too large a request",
    422: "A parameter or the body cannot be used, or there is no such parameter",
    429: "Too many requests; Retry-After says when to come again",
    503: "Not ready or overloaded; Retry-After may say when to come again",
}
_WAIT: Schema = {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}
_HEADERS: dict[int, dict[str, Schema]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string", "enum": list(CHALLENGES)}}},
    429: {"Retry-After": _WAIT},
    503: {"Retry-After": _WAIT},
}
_KEY, _BASIC, _SESSION = "key", "basic", "session"
_SCHEMES: dict[str, Schema] = {
    _KEY: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "hw_<id>_<secret>",
        "description": "For machines: `headwater-cloud key create NAME --scope ...`. In this header alone, no URL.",
    },
    _BASIC: {
        "type": "http",
        "scheme": "basic",
        "description": "A key as the password, with any user name, for programs that know nothing else. It only reads.",
    },
    _SESSION: {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "For people: POST /v1/session sets it. What changes something must also come from our own page: "
        f"by its Origin, or, where there is none, by the header {PAGE_HEADER}.",
    },
}

_JSON = "application/json"
_FILE: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}


def in_forms(*rows: Schema) -> dict[str, Schema]:
    """Of an answer that `cloud.api.encoders` writes: a row is one of these."""
    return {
        _JSON: list_of({"anyOf": list(rows)}),
        "application/x-ndjson": TEXT,
        "text/csv": TEXT,
        "application/vnd.apache.parquet": _FILE,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _FILE,
        "application/vnd.apache.arrow.stream": _FILE,
    }


_ON_MAP: dict[str, Schema] = {"application/geo+json": reference("FeatureCollection")}

# path -> what a good answer is, by media type
ANSWERS: dict[str, dict[str, Schema]] = {
    "/v1/stations": {_JSON: list_of(reference("Station")), **_ON_MAP},
    "/v1/zones": {_JSON: list_of(reference("Zone")), **_ON_MAP},
    "/v1/subdistricts": {_JSON: list_of(reference("Subdistrict"))},
    "/v1/gateways": {_JSON: list_of(reference("Gateway")), **_ON_MAP},
    "/v1/devices": {_JSON: list_of(reference("Device")), **_ON_MAP},
    "/v1/pumps": {_JSON: list_of(reference("Pump")), **_ON_MAP},
    "/v1/channels": {_JSON: list_of(reference("Channel"))},
    "/v1/latest": {_JSON: list_of(reference("Latest"))},
    "/v1/readings": {_JSON: list_of({"anyOf": [reference("Reading"), reference("Hour")]}), "text/csv": TEXT},
    "/v1/series": in_forms(reference("Reading"), reference("SeriesRow"), reference("WideRow")),
    "/v1/rain/sums": in_forms(reference("RainSum")),
    "/v1/rain/hyetograph": in_forms(reference("RainInterval")),
    "/v1/rain/maxima": in_forms(reference("RainMaximum")),
    "/v1/rain/events": in_forms(reference("RainEvent")),
    "/v1/rain/areal": in_forms(reference("ArealRain")),
    "/v1/rain/thiessen": in_forms(reference("ThiessenWeight")),
    "/v1/pumps/figures": in_forms(reference("PumpFigures")),
    "/v1/pumps/inflow": in_forms(reference("PumpInflow")),
    "/v1/pumps/events": in_forms(reference("PumpEvent")),
    "/v1/water/events": in_forms(reference("WaterEvent")),
    "/v1/water/trend": in_forms(reference("WaterTrend")),
    "/v1/water/compare": in_forms(reference("Compared")),
    "/v1/gaps": in_forms(reference("Gap")),
    "/v1/completeness": in_forms(reference("Completeness")),
    "/v1/zones/levels": in_forms(reference("ZoneLevel")),
    "/v1/exports/swmm": {"text/plain": TEXT},
    "/v1/exports/pi-xml": {"application/xml": TEXT},
    "/v1/rules/try": in_forms(reference("TriedIncident")),
    "/v1/warnings": {_JSON: list_of(reference("Incident"))},
    "/v1/warnings/{name}": {
        _JSON: {"anyOf": [reference("Incident"), reference("Message")]},
        "application/cap+xml": TEXT,
    },
    "/v1/incidents/{name}/acknowledge": {_JSON: reference("Decision")},
    "/v1/incidents/{name}/take-over": {_JSON: reference("Decision")},
    "/v1/incidents/{name}/end": {_JSON: reference("Decision")},
    "/v1/mutes": {_JSON: list_of(reference("Mute"))},
    "/v1/mutes/channel/{number}": {_JSON: reference("Decision")},
    "/v1/mutes/station/{name}": {_JSON: reference("Decision")},
    "/v1/rain-signal": {_JSON: reference("RainSignal")},
    "/v1/maintenance": {_JSON: list_of(reference("Maintenance"))},
    "/v1/late": {_JSON: list_of(reference("LateReading"))},
    "/v1/feed": {"application/atom+xml": TEXT},
    "/v1/feed/index": {"application/atom+xml": TEXT},
    "/v1/feed/alerts/{name}": {"application/cap+xml": TEXT},
    "/v1/stream": {"text/event-stream": TEXT},
    "/v1/latest/stream": {"text/event-stream": TEXT},
    "/v1/overview": {_JSON: reference("Overview")},
    "/v1/overview/stream": {"text/event-stream": TEXT},
    "/healthz": {_JSON: object_of(alive={"type": "boolean", "const": True})},
    "/readyz": {_JSON: object_of(ready={"type": "boolean", "const": True})},
    "/metrics": {"text/plain": TEXT},
    "/v1/clock": {_JSON: reference("Clock")},
    "/v1/clock/confirm": {_JSON: reference("Clock")},
    "/v1/quarantine": {_JSON: list_of(reference("Kept"))},
    "/v1/quarantine/{number}/release": {_JSON: reference("Released")},
    "/v1/audit": {_JSON: list_of(reference("AuditRow"))},
    "/v1/session": {_JSON: reference("Session")},
}
# (method, path) -> the same, where a path's methods answer differently
ANSWERS_TO: dict[tuple[str, str], dict[str, Schema]] = {
    ("post", "/v1/mutes"): {_JSON: reference("Decision")},
    ("put", "/v1/rain-signal"): {_JSON: reference("Decision")},
}
# path -> refusals of its own; 422 comes with parameters, known or not, 429 and 503 with overload, anywhere
REFUSALS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        ("/v1/stations", "/v1/channels", "/v1/zones", "/v1/subdistricts", "/v1/gateways", "/v1/devices", "/v1/pumps"),
        (404,),
    ),
    "/v1/latest": (404,),
    "/v1/readings": (404, 413),
    "/v1/series": (404, 413),
    "/v1/rain/sums": (404,),
    "/v1/rain/hyetograph": (404,),
    "/v1/rain/maxima": (404,),
    "/v1/rain/events": (404,),
    "/v1/rain/areal": (404,),
    "/v1/rain/thiessen": (404,),
    **dict.fromkeys(("/v1/pumps/figures", "/v1/pumps/inflow", "/v1/pumps/events"), (404,)),
    "/v1/water/events": (404,),
    "/v1/water/trend": (404,),
    "/v1/water/compare": (404,),
    "/v1/gaps": (404,),
    "/v1/completeness": (404,),
    "/v1/zones/levels": (404,),
    "/v1/rules/try": (404,),
    "/v1/exports/swmm": (404,),
    "/v1/exports/pi-xml": (404,),
    "/v1/warnings": (404,),
    "/v1/warnings/{name}": (404,),
    "/v1/feed/alerts/{name}": (404,),
    "/v1/stream": (406,),
    "/v1/latest/stream": (404, 406, 413),
    "/v1/overview/stream": (406,),
    "/v1/incidents/{name}/acknowledge": (404, 409),
    "/v1/incidents/{name}/take-over": (404, 409),
    "/v1/incidents/{name}/end": (404, 409),
    "/v1/mutes/channel/{number}": (404,),
    "/v1/mutes/station/{name}": (404,),
    "/v1/clock/confirm": (409,),
    "/v1/quarantine/{number}/release": (404, 409),
}

_RAIN = (
    "/v1/rain/sums",
    "/v1/rain/hyetograph",
    "/v1/rain/maxima",
    "/v1/rain/events",
    "/v1/rain/areal",
    "/v1/rain/thiessen",
)
_WATER = tuple(f"/v1/water/{what}" for what in ("events", "trend", "compare"))
_PUMPS = tuple(f"/v1/pumps/{what}" for what in ("figures", "inflow", "events"))
_SPELLS = ("/v1/gaps", "/v1/completeness", "/v1/zones/levels", "/v1/rules/try")
WITH_ETAG = ("/v1/series", "/v1/feed", "/v1/feed/index", *_RAIN, *_PUMPS, *_WATER, *_SPELLS)


def install(app: FastAPI) -> None:
    """Serves the mended document; routes added later are in it as long as nobody has asked for it yet."""
    drawn_up: Callable[[], Schema] = app.openapi

    def truthful() -> Schema:
        if app.openapi_schema is None:
            mend(drawn_up())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = truthful  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def mend(document: Schema) -> None:
    document["info"]["description"] = _ABOUT
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own refusals, which we do not send
        schemas.pop(unused, None)
    schemas.update(COMPONENTS)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["security"] = security(method.upper(), path)
            for parameter in _texts_in_the_path(operation):
                parameter["schema"]["pattern"] = NAME_PATTERN
            answers = operation["responses"]
            if path in ANSWERS and "200" in answers:
                found = ANSWERS_TO.get((method, path), ANSWERS[path])
                answers["200"]["content"] = {kind: {"schema": schema} for kind, schema in found.items()}
            if path in WITH_ETAG:
                answers["304"] = {"description": "As it was when the ETag was given that If-None-Match names"}
            for status in sorted({*map(int, answers), *_refusals(path, operation)}):
                if status >= 400:
                    answers[str(status)] = refusal(status)


def security(method: str, path: str) -> list[dict[str, list[str]]]:
    """Any one of these will do; {} is none at all. The lists hold scopes (OpenAPI 3.1.0, 4.8.30: role names)."""
    needed = required(method, path)
    safe = [_BASIC] if method in SAFE_METHODS else []
    if needed is not None:
        return [{scheme: [needed.value]} for scheme in (_KEY, *safe, _SESSION)]
    return [{}, *({scheme: list[str]()} for scheme in (_KEY, *safe, _SESSION))] if path in (SESSION, READY) else []


def _texts_in_the_path(operation: Schema) -> list[Schema]:
    return [p for p in operation.get("parameters", ()) if p["in"] == "path" and p["schema"].get("type") == "string"]


def refusal(status: int) -> Schema:
    found: Schema = {
        "description": _STATUS.get(status, "Refused"),
        "content": {PROBLEM: {"schema": reference("Problem")}},
    }
    return {**found, "headers": _HEADERS[status]} if status in _HEADERS else found


def _refusals(path: str, operation: Schema) -> set[int]:
    found = {413, 422, 429, 503, *REFUSALS.get(path, ())}  # 422: also of a parameter that there is not
    if operation.get("requestBody") or "{" in path:
        found.add(400)
    if operation["security"] and path != READY:  # there nobody is refused: see the guard
        found |= {401, 403}
    return found
