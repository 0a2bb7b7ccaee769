"""When zones were told to be at which level, and for how long."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any

import pyarrow as pa
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response

from cloud.api.district import Where
from cloud.api.openapi import When
from cloud.api.ports import Services
from cloud.api.series import Shape, answered
from cloud.api.series_tables import TIME
from cloud.api.tabled import range_of, tables_of
from cloud.api.turns import Turns
from cloud.warnings.reader import Which
from cloud.warnings.zone_levels import ZoneLevel, zone_levels
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level

_AT_ONCE = 2
_PAGE = 200  # incidents of which the messages are read at once
UNKNOWN = "unknown"
_SPELL = {"zone": pa.string(), "name": pa.string(), "level": pa.string(), "start": TIME, "end": TIME}
_SPELL |= {"minutes": pa.float64(), "goes_on": pa.bool_(), "incident": pa.string()}


def mount(app: FastAPI, services: Services) -> None:
    turns = Turns(_AT_ONCE, dear=True)

    @app.get("/v1/zones/levels")
    async def levels_of_zones(
        request: Request,
        where: Annotated[Where, Depends()],
        form: Annotated[Shape, Depends()],
        start: When,
        end: When,
        level: Annotated[Level | None, Query(description="Spells at this level or above, whole")] = None,
    ) -> Response:
        """From when to when each zone stood at which level, as it was told, by incident, newest first, and time.

        A spell is cut at both ends of the question; goes_on: it lasts at its end. unknown: all sensors of the zone were
        silent, and no level was told: missing data is no all-clear. Of an incident over several zones each is at the
        worst level of its own evidence.
        """
        start_ms, end_ms = range_of(start, end, "every message of the time is read")
        end_ms = min(end_ms, max(start_ms, services.clock.now_ms()))
        catalogue = services.catalogue
        zones = {s.zone for s in where.stations(catalogue)} if where.names_any else None
        found = _rows(services, start_ms, end_ms, level, zones)
        return await answered(request, services, turns, tables_of(found, _SPELL), form, "zone-levels", end_ms)


def _rows(
    services: Services, start_ms: int, end_ms: int, level: Level | None, zones: Collection[str] | None
) -> Iterator[list[dict[str, Any]]]:
    """By some incidents at a time. zones: None for all, those that the catalogue no longer has as well."""
    catalogue, reader = services.catalogue, services.warnings
    zone_of = {s.id: s.zone for s in catalogue.stations.values()}
    which, behind = Which(start_ms=start_ms, end_ms=end_ms), None
    while listed := reader.listed(which, limit=_PAGE, behind=behind):
        behind = listed[-1].id
        told = reader.levels_told([i.id for i in listed])
        found = (zone_levels(*told[i.id], zone_of, level) for i in listed if i.id in told)
        yield [
            _row(catalogue, s, start_ms, end_ms)
            for spells in found
            for s in spells
            if (zones is None or s.zone in zones) and s.begin_ms < end_ms and (s.end_ms is None or s.end_ms > start_ms)
        ]


def _row(catalogue: Catalogue, s: ZoneLevel, start_ms: int, end_ms: int) -> dict[str, Any]:
    begin_ms = max(s.begin_ms, start_ms)
    until_ms = end_ms if s.end_ms is None else min(s.end_ms, end_ms)
    zone = catalogue.zones.get(s.zone)
    return {
        "zone": s.zone,
        "name": s.zone if zone is None else str(zone.name),
        "level": UNKNOWN if s.level is None else s.level.value,
        "start": begin_ms,
        "end": until_ms,
        "minutes": (until_ms - begin_ms) / 60_000,
        "goes_on": s.end_ms is None or s.end_ms > end_ms,
        "incident": s.incident,
    }
