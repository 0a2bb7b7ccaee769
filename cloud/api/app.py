"""The query API: `create_app(services)`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from cloud.api import openapi, problems
from cloud.api.metrics import render_metrics
from cloud.api.problems import Problem
from cloud.delivery.feed import render as render_feed
from cloud.services import Services
from cloud.warnings.incidents import incident_json
from cloud.warnings.types import Message
from contract.clock import iso, to_ms
from contract.readings import ReadingBatch

MAX_ROWS = 500_000
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
}
Channels = Annotated[list[int], Query(description="Channel numbers; may be repeated")]
When = Annotated[
    str,
    Query(
        description="RFC 3339 with a zone, or epoch milliseconds",
        json_schema_extra={"pattern": openapi.MOMENT_PATTERN},
    ),
]


def create_app(services: Services) -> FastAPI:
    app = FastAPI(title="Headwater", version="1", docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")
    problems.install(app)
    openapi.install(app)
    _queries(app, services)
    _warnings(app, services)
    _operations(app, services)

    @app.middleware("http")
    async def headers(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await go_on(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app


def _queries(app: FastAPI, services: Services) -> None:
    catalogue = services.catalogue

    @app.get("/v1/stations")
    def stations() -> Response:
        """Every station, with its zone, place and channels."""
        rows = [
            {
                "id": s.id,
                "name": s.name,
                "zone": s.zone,
                "kind": s.kind.value,
                "lat": s.lat,
                "lon": s.lon,
                "channels": [c.id for c in s.channels],
            }
            for s in catalogue.stations.values()
        ]
        return json_of(rows)

    @app.get("/v1/channels")
    def channels() -> Response:
        """Every channel, with its quantity, unit, source and thresholds."""
        return json_of([channel_json(services, number) for number in sorted(catalogue.channels)])

    @app.get("/v1/latest")
    async def latest() -> Response:
        """The newest reading of every channel; one never heard is there, too, as unknown."""
        return json_of(await run_in_threadpool(latest_json, services))

    @app.get("/v1/readings")
    async def readings(
        request: Request,
        channel: Channels,
        start: When,
        end: When,
        interval: Annotated[str, Query(pattern="^(raw|1h)$")] = "raw",
        format: Annotated[str | None, Query(pattern="^(json|csv)$")] = None,
    ) -> Response:
        """Readings, or hourly figures, with start <= time < end, by channel and time."""
        start_ms, end_ms = moment(start, "start"), moment(end, "end")
        if start_ms >= end_ms:
            raise Problem(422, "The range is empty", "start must come before end")
        for number in channel:
            if number not in catalogue.channels:
                raise Problem(404, "No such channel", f"there is no channel {number}; see /v1/channels")
        as_csv = format == "csv" or (format is None and "text/csv" in request.headers.get("accept", ""))
        rows = await run_in_threadpool(_rows, services, channel, start_ms, end_ms, interval)
        if len(rows) > MAX_ROWS:
            what = f"{len(rows)} rows, at most {MAX_ROWS}: ask for a shorter time, fewer channels, or interval=1h"
            raise Problem(413, "Too much for one answer", what)
        return csv_of(rows) if as_csv else json_of(rows)


def _rows(services: Services, channels: list[int], start_ms: int, end_ms: int, interval: str) -> list[dict[str, Any]]:
    if interval == "raw":
        return batch_rows(services.series.raw(channels, start_ms, end_ms))
    h = services.series.hourly(channels, start_ms, end_ms)
    names = ("count", "minimum", "maximum", "mean", "first", "last")
    columns = [getattr(h, name).tolist() for name in names]
    return [
        {"time": iso(t), "channel": c, **{n: number(v) for n, v in zip(names, figures, strict=True)}}
        for t, c, *figures in zip(h.hour_ms.tolist(), h.channel.tolist(), *columns, strict=True)
    ]


def _warnings(app: FastAPI, services: Services) -> None:
    @app.get("/v1/warnings")
    def warnings(open: bool = False, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> Response:
        """Incidents, newest first, each with its messages."""
        found = services.warnings.incidents(open_only=open, limit=limit)
        return json_of([{**incident_json(i), "messages": _messages(services, i.id)} for i in found])

    @app.get("/v1/warnings/{name}")
    def warning(
        request: Request, name: str, format: Annotated[str | None, Query(pattern="^(json|cap)$")] = None
    ) -> Response:
        """An incident, or a message by its identifier; as JSON or as CAP 1.2 (an incident's newest message)."""
        incident, message = services.warnings.incident(name), services.warnings.message(name)
        if incident is None and message is None:
            raise Problem(404, "No such warning", f"there is no incident or message {name!r}; see /v1/warnings")
        as_cap = format == "cap" or (format is None and "application/cap+xml" in request.headers.get("accept", ""))
        if as_cap:
            chosen = message or services.warnings.messages(name, 1)[0]
            return Response(chosen.cap_xml, media_type="application/cap+xml")
        if incident is not None:
            return json_of({**incident_json(incident), "messages": _messages(services, incident.id)})
        assert message is not None
        return json_of(_message_json(message))

    @app.get("/v1/feed")
    def feed(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Response:
        """Atom, a CAP message in every entry."""
        name = f"{services.catalogue.district.name}: waterlogging warnings"
        body = render_feed(
            services.warnings.messages(limit=limit),
            title=name,
            feed_id=f"urn:headwater:{services.catalogue.district.id}:warnings",
            base_url=str(request.base_url).rstrip("/"),
            now_ms=services.clock.now_ms(),
        )
        return Response(body, media_type="application/atom+xml")


def _operations(app: FastAPI, services: Services) -> None:
    @app.get("/healthz")
    def healthz() -> Response:
        """The process lives."""
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


# --- shapes ---


def channel_json(services: Services, number: int) -> dict[str, Any]:
    c = services.catalogue.channels[number]
    rule = services.catalogue.rule_by_channel.get(number)
    return {
        "id": c.id,
        "name": c.name,
        "station": c.station.id,
        "quantity": c.quantity.value,
        "unit": c.unit,
        "period_s": c.period_s,
        "gateway": c.gateway,
        "device": c.device.id,
        "thresholds": {level.value: v for level, v in rule.levels.items()} if rule else {},
    }


def latest_json(services: Services, channels: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Of all channels, or of these, in order of number.

    state: good, suspect, or unknown (missing, failed, never heard, or silent for two heartbeats).
    """
    now_ms = services.clock.now_ms()
    snapshot = services.latest.snapshot()
    columns = (snapshot.channel, snapshot.time_ms, snapshot.value, snapshot.flag)
    found = {c: (t, v, f) for c, t, v, f in zip(*(x.tolist() for x in columns), strict=True)}
    out = []
    for channel in sorted(services.catalogue.channels if channels is None else channels):
        info = services.catalogue.channels[channel]
        t, v, f = found.get(channel, (None, math.nan, 9))
        silent = t is None or now_ms - t > 2000 * info.reporting.heartbeat_s
        state = "unknown" if silent or f in (4, 9) else "suspect" if f == 3 else "good"
        out.append(
            {
                "channel": channel,
                "time": None if t is None else iso(t),
                "value": number(v),
                "flag": f,
                "age_s": None if t is None else round((now_ms - t) / 1000, 1),
                "state": state,
            }
        )
    return out


def batch_rows(batch: ReadingBatch) -> list[dict[str, Any]]:
    columns = (batch.time_ms, batch.channel, batch.value, batch.flag)
    return [
        {"time": iso(t), "channel": c, "value": number(v), "flag": f}
        for t, c, v, f in zip(*(x.tolist() for x in columns), strict=True)
    ]


def number(value: float) -> float | None:
    """NaN and infinity are null: JSON has no other word for them."""
    return value if math.isfinite(value) else None


def moment(text: str, name: str) -> int:
    """UTC ms. Raises Problem(422)."""
    try:
        if not openapi.MOMENT.fullmatch(text):
            raise ValueError("not a time with a zone")
        found = int(text) if text.lstrip("-").isdigit() else to_ms(datetime.fromisoformat(text.replace(" ", "+")))
    except ValueError as error:
        what = f"{name}={text[:64]!r}: {error}; write 2021-07-20T16:00:00+08:00 or epoch milliseconds"
        raise Problem(422, "A time cannot be read", what) from error
    if abs(found) > 4_102_444_800_000:
        raise Problem(422, "A time is out of range", f"{name}: before 1840 or after 2100")
    return found


def json_of(data: Any) -> Response:
    return Response(orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


def csv_of(rows: list[dict[str, Any]]) -> Response:
    out = io.StringIO()
    names = list(rows[0]) if rows else ["time", "channel", "value", "flag"]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return Response(out.getvalue(), media_type="text/csv")


def _messages(services: Services, incident: str) -> list[dict[str, Any]]:
    return [_message_json(m) for m in services.warnings.messages(incident)]


def _message_json(m: Message) -> dict[str, Any]:
    return {
        "id": m.id,
        "incident": m.incident,
        "sent": iso(m.sent_ms),
        "msgType": m.msg_type.value,
        "level": m.level.value,
        "references": list(m.references),
    }
