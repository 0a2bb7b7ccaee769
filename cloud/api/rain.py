"""Rain by gauge: sums of any time, hyetographs, the greatest sums of each duration, and events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response

from cloud.api.encoding import moment
from cloud.api.openapi import MOMENT_PATTERN, When
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.selection import Selection
from cloud.api.series import Shape, answered
from cloud.api.series_tables import HOLDS_HEARTBEATS as SILENT_HEARTBEATS
from cloud.api.series_tables import TIME, Table, hold_ms
from cloud.api.tabled import NAMES, names_of, range_of, repeated, tables_of, worded
from cloud.api.turns import Turns
from cloud.hydrology.rainfall import HOUR_MS, Gauge, Hyetograph, between
from cloud.hydrology.return_period import return_period_years
from cloud.hydrology.storms import MINUTE_MS, Greatest, RainEvent, events, greatest, minutes_of
from cloud.series.base import SeriesStore
from cloud.series.blocks import Wanted, blocks
from cloud.series.figures import USABLE
from cloud.series.intervals import Interval, LocalDays, edges
from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.places import RainFormula
from contract.catalogue.quantities import Quantity
from contract.readings import Flag, ReadingBatch

_AT_ONCE = 2
RAIN = (Quantity.RAIN_TOTAL, Quantity.RAIN_EVENT)
Duration = Literal["5min", "10min", "15min", "30min", "45min", "1h", "2h", "3h", "6h", "12h", "24h"]
_DURATIONS: tuple[Duration, ...] = ("5min", "15min", "30min", "1h", "3h", "6h", "12h", "24h")
_RARE = {"return_period_years": pa.float64(), "rarest": pa.string()}
Durations = Annotated[list[Duration] | None, Query(max_length=11, description=f"All of {', '.join(_DURATIONS)}")]
_DOUBT = {"at_least": pa.bool_(), "uncertain": pa.bool_()}
_SUMS = {**NAMES, "window": pa.string(), "start": TIME, "end": TIME, "mm": pa.float64(), **_DOUBT}
_SUMS |= {"provisional": pa.bool_(), "heard": TIME, "silent": pa.bool_()}
_BY_INTERVAL = {
    **NAMES,
    "time": TIME,
    "mm": pa.float64(),
    "mm_per_h": pa.float64(),
    "total_mm": pa.float64(),
    **_DOUBT,
}
_MAXIMA = {**NAMES, "duration": pa.string(), "mm": pa.float64(), "mm_per_h": pa.float64()}
_MAXIMA |= {"start": TIME, "end": TIME, **_DOUBT, "return_period_years": pa.float64()}


@dataclass(frozen=True, slots=True)
class Fallen:
    """A gauge's readings for a question: with one from before it and those from after it that say what fell in it."""

    channel: ChannelInfo
    gauge: Gauge
    readings: ReadingBatch

    def between(self, edges_ms: np.ndarray) -> tuple[Hyetograph, bool]:
        return between(self.readings, self.gauge, edges_ms)


class RainAsked:
    """What every question for rain has: gauges, and the form of its answer. A dependency."""

    def __init__(self, selection: Annotated[Selection, Depends()], shape: Annotated[Shape, Depends()]) -> None:
        self._selection, self.shape = selection, shape

    def gauges(self, services: Services) -> list[ChannelInfo]:
        """Of what is meant the channels of rain; all there are where nothing is named. Raises Problem."""
        catalogue = services.catalogue
        meant = self._selection.channels(catalogue) if self._selection.names_any() else sorted(catalogue.channels)
        found = [catalogue.channels[c] for c in meant if catalogue.channels[c].quantity in RAIN]
        if not found:
            what = f"no channel of {' or '.join(RAIN)} is among what you name; see /v1/channels"
            raise Problem(422, "There is no gauge", what)
        return found


def mount(app: FastAPI, services: Services) -> None:
    turns, zone = Turns(_AT_ONCE, dear=True), ZoneInfo(services.catalogue.district.time_zone)
    formula = services.catalogue.district.rain_formula

    async def answer(request: Request, asked: RainAsked, found: Iterator[Table], name: str, end_ms: int) -> Response:
        return await answered(request, services, turns, found, asked.shape, name, end_ms + HOUR_MS)

    @app.get("/v1/rain/sums")
    async def rain_sums(
        request: Request,
        asked: Annotated[RainAsked, Depends()],
        window: Durations = None,
        at: Annotated[
            str | None, Query(description="When the windows end; now", json_schema_extra={"pattern": MOMENT_PATTERN})
        ] = None,
    ) -> Response:
        """What fell in the windows that end at a time, by gauge and window.

        at_least: the counter was reset in it, and more fell than is known. provisional: the newest step waits for the
        next reading to be believed. uncertain: a part was counted after a silence and spread over it. heard: the newest
        usable reading up to that time; null where there is none: then no sum is known. silent: that was more than two
        heartbeats before, so that more may have fallen.
        """
        at_ms = services.clock.now_ms() if at is None else moment(at, "at")
        windows = window or list(_DURATIONS)
        start_ms = at_ms - max(map(_ms, windows))
        found = fallen(services.series, asked.gauges(services), start_ms, at_ms)
        rows = (_sums(f, windows, at_ms) for f in found)
        return await answer(request, asked, tables_of(rows, _SUMS), "rain-sums", at_ms)

    @app.get("/v1/rain/hyetograph")
    async def rain_hyetograph(
        request: Request,
        asked: Annotated[RainAsked, Depends()],
        start: When,
        end: When,
        interval: Interval = "5min",
        day_begins_h: Annotated[int, Query(ge=0, le=23, description="At which hour of the clock a day begins")] = 0,
    ) -> Response:
        """Rain by intervals of the district's clock: mm, intensity, and the sum since the start (cumulative curve)."""
        start_ms, end_ms = range_of(start, end, "rain is looked at by the minute")
        edges_ms = await turns.run(edges, interval, start_ms, end_ms, LocalDays(zone, day_begins_h))
        found = fallen(services.series, asked.gauges(services), start_ms, end_ms)
        return await answer(request, asked, (_by_interval(f, edges_ms) for f in found), "hyetograph", end_ms)

    @app.get("/v1/rain/maxima")
    async def rain_maxima(
        request: Request, asked: Annotated[RainAsked, Depends()], start: When, end: When, duration: Durations = None
    ) -> Response:
        """The greatest sum of each duration anywhere in a time, by the minute, and when it began; by gauge and
        duration. null where the time is shorter than the duration. return_period_years: by the district's intensity
        formula; null where it has none, or none for such a duration."""
        start_ms, end_ms = range_of(start, end, "rain is looked at by the minute")
        durations = duration or list(_DURATIONS)
        found = fallen(services.series, asked.gauges(services), start_ms, end_ms)
        edges_ms = await turns.run(minutes_of, start_ms, end_ms)
        rows = (_maxima(f, edges_ms, durations, formula) for f in found)
        return await answer(request, asked, tables_of(rows, _MAXIMA), "rain-maxima", end_ms)

    @app.get("/v1/rain/events")
    async def rain_events(
        request: Request,
        asked: Annotated[RainAsked, Depends()],
        start: When,
        end: When,
        dry_min: Annotated[int, Query(ge=1, le=2880, description="So many dry minutes part two events")] = 120,
        least_mm: Annotated[float, Query(ge=0, allow_inf_nan=False, description="Of an event; lesser ones go")] = 1.0,
        duration: Durations = None,
        before_h: Annotated[
            list[Annotated[int, Query(ge=1, le=720)]] | None,
            Query(max_length=6, description="With the rain of so many hours before each event (antecedent rain)"),
        ] = None,
    ) -> Response:
        """Events of rain, parted by a dry time, by gauge and time: sum, length, and the greatest sum of each duration.

        One or two tips are spread over the hour before them, so what seems to begin gently may have begun later.
        return_period_years: by the district's intensity formula, of the rarest of these durations, which `rarest`
        names; null where there is no formula. before_6h_mm: what fell in the six hours before the event.
        """
        start_ms, end_ms = range_of(start, end, "rain is looked at by the minute")
        durations = duration or list(_DURATIONS)
        schema = {**NAMES, "start": TIME, "end": TIME, "minutes": pa.int64(), "mm": pa.float64(), **_DOUBT}
        schema |= {"may_go_on": pa.bool_(), **{f"maximum_{d}_mm": pa.float64() for d in durations}, **_RARE}
        hours = sorted(set(before_h or ()))
        schema |= {f"before_{h}h_mm": pa.float64() for h in hours}
        early = max(hours, default=0) * 60  # minutes in front of those in which events are looked for
        edges_ms = await turns.run(minutes_of, start_ms - early * MINUTE_MS, end_ms)

        def rows_of(f: Fallen) -> list[dict[str, Any]]:
            fell = f.between(edges_ms)[0]
            found = events(fell.behind(early), dry_min, tuple(_ms(d) // 60_000 for d in durations))
            return [
                {**_event(f, e, durations), **_rarest(e, durations, formula), **_before(fell, e, hours)}
                for e in found
                if e.mm >= least_mm
            ]

        gauges = fallen(services.series, asked.gauges(services), int(edges_ms[0]), end_ms)
        return await answer(request, asked, tables_of(map(rows_of, gauges), schema), "rain-events", end_ms)


def _ms(duration: Duration) -> int:
    return int(duration[:-3]) * 60_000 if duration.endswith("min") else int(duration[:-1]) * HOUR_MS


def fallen(store: SeriesStore, gauges: Sequence[ChannelInfo], start_ms: int, end_ms: int) -> Iterator[Fallen]:
    """With the hour after the end: a tip that came then was filling before it."""
    span = np.array([start_ms, end_ms + HOUR_MS], np.int64)
    wanted = [Wanted.of(c, max(hold_ms(c) or 0, HOUR_MS), further=True) for c in gauges]
    infos = {c.id: c for c in gauges}
    for block in blocks(store, wanted, span):
        for w, readings in block.each():
            c = infos[w.channel]
            yield Fallen(c, Gauge.of(c), _as_total(readings) if c.quantity is Quantity.RAIN_EVENT else readings)


def _as_total(readings: ReadingBatch) -> ReadingBatch:
    """Of a gauge that tells what fell since the reading before: the same as a total that rises."""
    good = ~np.isnan(readings.value) & (readings.flag != Flag.FAIL) & (readings.flag != Flag.MISSING)
    mine = readings.take(good)
    return ReadingBatch(mine.time_ms, mine.channel, np.cumsum(mine.value), mine.flag)


def _sums(f: Fallen, windows: Sequence[Duration], at_ms: int) -> list[dict[str, Any]]:
    time_ms = f.readings.time_ms
    heard = time_ms[(time_ms <= at_ms) & np.isin(f.readings.flag, USABLE)]
    silent = not len(heard) or at_ms - int(heard[-1]) > SILENT_HEARTBEATS * 1000 * f.gauge.heartbeat_s
    out = []
    for window in windows:
        start_ms = at_ms - _ms(window)
        fell, provisional = f.between(np.array([start_ms, at_ms], np.int64))
        out.append(
            {
                **names_of(f.channel),
                "window": window,
                "start": start_ms,
                "end": at_ms,
                "mm": float(fell.mm[0]) if len(heard) else None,
                "at_least": bool(fell.at_least[0]),
                "uncertain": bool(fell.uncertain[0]),
                "provisional": provisional,
                "heard": int(heard[-1]) if len(heard) else None,
                "silent": silent,
            }
        )
    return out


def _by_interval(f: Fallen, edges_ms: np.ndarray) -> Table:
    fell, _ = f.between(edges_ms)
    n = len(fell.mm)
    hours = np.diff(edges_ms) / HOUR_MS
    columns = {name: repeated(value, n) for name, value in names_of(f.channel).items()}
    values = {
        "time": pa.array(fell.start_ms).cast(TIME),
        "mm": pa.array(fell.mm),
        "mm_per_h": pa.array(fell.mm / hours),
        "total_mm": pa.array(np.cumsum(fell.mm)),
        "at_least": pa.array(fell.at_least),
        "uncertain": pa.array(fell.uncertain),
    }
    return worded(pa.table({**columns, **values}).cast(pa.schema(_BY_INTERVAL)))


def _maxima(
    f: Fallen, edges_ms: np.ndarray, durations: Sequence[Duration], formula: RainFormula | None
) -> list[dict[str, Any]]:
    fell, _ = f.between(edges_ms)
    found = ((d, greatest(fell, _ms(d) // 60_000)) for d in durations)
    return [{**names_of(f.channel), "duration": d, **_greatest(g, formula)} for d, g in found]


def _greatest(g: Greatest, formula: RainFormula | None) -> dict[str, Any]:
    return {
        "return_period_years": _years(g, formula),
        "mm": g.mm,
        "mm_per_h": None if g.mm is None else g.mm * 60 / g.minutes,
        "start": g.begin_ms,
        "end": None if g.begin_ms is None else g.begin_ms + g.minutes * 60_000,
        "at_least": g.at_least,
        "uncertain": g.uncertain,
    }


def _years(g: Greatest, formula: RainFormula | None) -> float | None:
    return None if formula is None or g.mm is None else return_period_years(formula, g.mm, g.minutes)


def _rarest(e: RainEvent, durations: Sequence[Duration], formula: RainFormula | None) -> dict[str, Any]:
    years = [(y, d) for d, g in zip(durations, e.greatest, strict=True) if (y := _years(g, formula)) is not None]
    rarest, duration = max(years, key=lambda found: found[0], default=(None, None))
    return {"return_period_years": rarest, "rarest": duration}


def _before(fell: Hyetograph, e: RainEvent, hours: Sequence[int]) -> dict[str, float]:
    """What fell in so many hours before an event. fell: by the minute, from the longest of these before the first."""
    end = int(np.searchsorted(fell.start_ms, e.begin_ms))
    return {f"before_{h}h_mm": float(fell.mm[end - 60 * h : end].sum()) for h in hours}


def _event(f: Fallen, e: RainEvent, durations: Sequence[Duration]) -> dict[str, Any]:
    return {
        **names_of(f.channel),
        "start": e.begin_ms,
        "end": e.end_ms,
        "minutes": (e.end_ms - e.begin_ms) // 60_000,
        "mm": e.mm,
        "at_least": e.at_least,
        "uncertain": e.uncertain,
        "may_go_on": e.may_go_on,
        **{f"maximum_{d}_mm": g.mm for d, g in zip(durations, e.greatest, strict=True)},
    }
