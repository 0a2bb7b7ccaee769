"""What pumps did and what came to them: figures by pump, inflow by station, and when something was wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response

from cloud.api.district import Where
from cloud.api.openapi import When
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.pump_stations import Pump, pumps_of
from cloud.api.pump_tables import EVENT, What, events_of, figures_of, inflow_of
from cloud.api.series import Shape, answered
from cloud.api.series_tables import Table
from cloud.api.tabled import in_parts, range_of, tables_of, zone_named
from cloud.api.turns import Turns
from cloud.series.intervals import Interval, LocalDays, at_most, edges
from contract.readings import Int64s

_AT_ONCE = 2
_WHY = "every reading is looked at"
_MOST_INTERVALS = 120_000  # of a pump: 400 days by five minutes
Of: TypeAlias = Callable[[Services, Sequence[Pump], Int64s], Table]
_Pumps = Annotated[
    list[Annotated[str, Query(max_length=200)]] | None,
    Query(
        max_length=1000, description="By number in the station, from 1, or by id as /v1/pumps has it; may be repeated"
    ),
]


class PumpsAsked:
    """Which pumps are meant, and the form of the answer. A dependency."""

    def __init__(
        self, where: Annotated[Where, Depends()], shape: Annotated[Shape, Depends()], pump: _Pumps = None
    ) -> None:
        self._where, self.shape, self._pump = where, shape, pump or []

    def stations(self, services: Services) -> list[list[Pump]]:
        """The pumps that are meant, by station. Raises Problem: 404 for one that there is not, 422 where there is none
        at all."""
        catalogue = services.catalogue
        all_of = [pumps_of(catalogue, s) for s in self._where.stations(catalogue)]
        there = {name for pumps in all_of for p in pumps for name in (p.id, str(p.number))}
        for name in self._pump:
            if name not in there:
                what = f"there is no pump {name[:64]!r} at the stations that you name; see /v1/pumps"
                raise Problem(404, "No such pump", what)
        meant = [[p for p in pumps if not self._pump or {p.id, str(p.number)} & {*self._pump}] for pumps in all_of]
        if not any(meant):
            raise Problem(422, "There are no pumps", "the stations that you name have none; see /v1/pumps")
        return [pumps for pumps in meant if pumps]


class By:
    """By which intervals of which clock. A dependency."""

    def __init__(
        self,
        start: When,
        end: When,
        interval: Interval = "whole",
        time_zone: Annotated[str | None, Query(max_length=64, description="Of days and months; the district's")] = None,
        day_begins_h: Annotated[int, Query(ge=0, le=23, description="At which hour of the clock a day begins")] = 0,
    ) -> None:
        self._start, self._end, self._interval = start, end, interval
        self._day_begins_h, self._time_zone = day_begins_h, time_zone

    def range_ms(self) -> tuple[int, int]:
        """Start and end. Raises Problem: 413 for too much, 422. It is not asked while parameters are read: of several
        that are wrong, those that break the document's rules come first."""
        start_ms, end_ms = range_of(self._start, self._end, _WHY)
        if at_most(self._interval, start_ms, end_ms) > _MOST_INTERVALS:
            what = f"more than {_MOST_INTERVALS} intervals: ask for a shorter time or a longer interval"
            raise Problem(413, "Too much for one answer", what)
        return start_ms, end_ms

    def zone(self, services: Services) -> ZoneInfo:
        """Raises Problem(422)."""
        return zone_named(self._time_zone, services.catalogue.district.time_zone)

    def edges_ms(self, range_ms: tuple[int, int], zone: ZoneInfo, now_ms: int) -> Int64s:
        """No later than now; one alone where all of it is still to come."""
        start_ms, end_ms = range_ms
        found = edges(self._interval, start_ms, end_ms, LocalDays(zone, self._day_begins_h))
        return found if end_ms <= now_ms else np.append(found[found < now_ms], max(now_ms, start_ms))


def mount(app: FastAPI, services: Services) -> None:
    turns = Turns(_AT_ONCE, dear=True)

    async def answer(request: Request, asked: PumpsAsked, by: By, of: Of, name: str) -> Response:
        zone, range_ms = by.zone(services), by.range_ms()
        edges_ms = await turns.run(by.edges_ms, range_ms, zone, services.clock.now_ms())
        found = in_parts(of(services, pumps, edges_ms) for pumps in asked.stations(services))
        return await answered(request, services, turns, found, asked.shape, name, range_ms[1], zone)

    @app.get("/v1/pumps/figures")
    async def pump_figures(
        request: Request, asked: Annotated[PumpsAsked, Depends()], by: Annotated[By, Depends()]
    ) -> Response:
        """What each pump did by intervals: hours run, starts, duty, drawdown; by station, pump and time.

        run_h, duty_share, starts, longest_run_min: of known_s, for which its state was known; a gap counts as nothing.
        most_starts_in_1h: in the 60 min before any start in the interval, with it. run_counted_h, starts_counted: by
        its counters; at_least: one was reset. run_differs: states and hour counter say different things; null where
        that cannot be said. drawdown_m: a mean of the runs that ended in it and were seen whole (drawdown_runs).
        """
        return await answer(request, asked, by, figures_of, "pump-figures")

    @app.get("/v1/pumps/inflow")
    async def pump_inflow(
        request: Request, asked: Annotated[PumpsAsked, Depends()], by: Annotated[By, Depends()]
    ) -> Response:
        """What came to each station by intervals, from its well's level and its pumps' run time and nominal capacity.

        Reckoned for pieces of at least five minutes (an interval where that is shorter) of which all is known: known_s.
        uncertain_m3s: by so much the well's deadband may move the inflow of one piece. at_least: the well stood at
        the level at which it drains back. margin_m3s: the least that was left of the capacity of pumps that could run.
        null where it is not known, or the catalogue lacks capacity or area. All pumps of a station count, always.
        """
        return await answer(request, asked, by, inflow_of, "pump-inflow")

    @app.get("/v1/pumps/events")
    async def pump_events(
        request: Request,
        asked: Annotated[PumpsAsked, Depends()],
        start: When,
        end: When,
        what: Annotated[list[What] | None, Query(max_length=4, description="All but run")] = None,
    ) -> Response:
        """When a pump was in fault or ran, mains were lost, or a generator was on, as the station's controller said it.

        began_unseen, ended_unseen: nothing is known of the moment before or after, so that it was longer, perhaps; a
        gap parts it in two. goes_on: it is so at the end. pump: null of what is the station's. drawdown_m: how far the
        well fell in a run that was seen whole. What is wrong by judgement, such as a pump that runs and draws nothing
        down, is a notice: /v1/maintenance.
        """
        start_ms, end_ms = range_of(start, end, _WHY)
        stations = asked.stations(services)
        to_ms = max(start_ms, min(end_ms, services.clock.now_ms()))
        wanted = list(dict.fromkeys(what or ("fault", "mains_lost", "generator_on")))
        rows = (events_of(services, pumps, wanted, start_ms, to_ms) for pumps in stations)
        return await answered(request, services, turns, tables_of(rows, EVENT), asked.shape, "pump-events", end_ms)
