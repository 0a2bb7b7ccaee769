"""Series by name: the readings of many channels, or their figures by intervals, in any form."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response, StreamingResponse

from cloud.api.conditional import named
from cloud.api.encoders import FOR_PEOPLE, FORMS, Decimal, Encoder, Form, How
from cloud.api.encoding import moment
from cloud.api.openapi import When
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.selection import Selection
from cloud.api.series_tables import FIGURES, Fill, Question, Table, tables, title, wide
from cloud.api.tabled import zone_named
from cloud.api.turns import Turns
from cloud.series.base import TooMany
from cloud.series.figures import USABLE
from cloud.series.intervals import Interval, LocalDays, at_most, edges
from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.quantities import QuantityKind
from contract.readings import FLAG_VALUES, Flag

_AT_ONCE = 2  # threads that make blocks of answers; between two blocks whoever waits comes on
MAX_ROWS = 50_000_000  # of an answer; it goes out as it is made
MAX_INTERVALS = 1_100_000  # two years of minutes: all of them stand in memory, however few channels there are
MAX_CELLS = 5_000_000  # of a wide one, which stands in memory
_MAX_READ = 2_000_000_000  # readings behind an answer, of channels that say all they might
_FIGURE = f"^({'|'.join(FIGURES)}|p[1-9][0-9]?)$"
_DEFAULT = ("mean", "minimum", "maximum", "count", "covered_s", "flag")
_Raw = Literal["raw"]


class Asked:
    """What may be asked of series, but for the channels: a dependency of the operation."""

    def __init__(
        self,
        start: When,
        end: When,
        interval: Annotated[_Raw | Interval, Query(description="Of the figures; raw: the readings themselves")] = "raw",
        figure: Annotated[
            list[Annotated[str, Query(pattern=_FIGURE)]] | None,
            Query(max_length=40, description=f"{', '.join(FIGURES)}, p1 … p99; may be repeated"),
        ] = None,
        above: Annotated[
            float | None, Query(allow_inf_nan=False, description="What above_s compares with, in the channel's unit")
        ] = None,
        flag: Annotated[
            list[Flag] | None, Query(max_length=5, description="Of the readings that count, or are given")
        ] = None,
        fill: Annotated[Fill, Query(description="What stands where nothing is known")] = "none",
        shape: Annotated[Literal["long", "wide"], Query(description="wide: a column a channel and figure")] = "long",
        names: Annotated[bool | None, Query(description="With station, name, quantity and unit in each row")] = None,
        time_zone: Annotated[str | None, Query(max_length=64, description="Of days and months; the district's")] = None,
        day_begins_h: Annotated[int, Query(ge=0, le=23, description="At which hour of the clock a day begins")] = 0,
        format: Form = "json",
        decimal: Annotated[Decimal, Query(description="Of the excel form")] = "point",
    ) -> None:
        self.start_ms, self.end_ms = moment(start, "start"), moment(end, "end")
        if self.start_ms >= self.end_ms:
            raise Problem(422, "The range is empty", "start must come before end")
        self.interval, self.above, self.fill, self.shape, self.names = interval, above, fill, shape, names
        self.figures = tuple(dict.fromkeys(figure or ()))
        self.flags = tuple(flag) if flag else (tuple(map(Flag, FLAG_VALUES)) if interval == "raw" else USABLE)
        self.time_zone, self.day_begins_h, self.format, self.decimal = time_zone, day_begins_h, format, decimal
        self._check()

    def _check(self) -> None:
        if self.interval == "raw" and (self.figures or self.fill != "none" or self.above is not None):
            raise Problem(
                422, "Figures need an interval", "figure, fill and above go with interval=1min … month, whole"
            )
        if self.interval == "raw" and self.shape == "wide":
            what = "readings have times of their own: take shape=long, or an interval with shape=wide"
            raise Problem(422, "Wide needs an interval", what)
        if self.shape == "wide" and self.fill == "none" and self.interval != "raw":
            self.fill = "null"  # a row an interval: there is nothing to leave out
        if ("above_s" in self.figures) != (self.above is not None):
            raise Problem(422, "above goes with above_s", "write figure=above_s&above=0.15, in the channel's unit")

    def zone(self, of_district: str) -> ZoneInfo:
        """Raises Problem(422)."""
        return zone_named(self.time_zone, of_district)

    def question(self, services: Services, channels: list[int], zone: ZoneInfo) -> Question:
        """Raises Problem: 413 for too much, 422 for figures that a channel does not have."""
        figures: tuple[str, ...] = ()
        infos = [services.catalogue.channels[c] for c in channels]
        length_ms = self.end_ms - self.start_ms
        may_be_read = sum(length_ms / max(c.period_s * 1000, 1) for c in infos)
        if self.interval == "raw":
            self._bounded(may_be_read, 1)
            edges_ms = np.array([self.start_ms, self.end_ms], np.int64)
        else:
            figures = self.figures or _DEFAULT
            intervals = at_most(self.interval, self.start_ms, self.end_ms)
            if intervals > MAX_INTERVALS:
                what = f"more than {MAX_INTERVALS} intervals: ask for a shorter time or a longer interval"
                raise Problem(413, "Too much for one answer", what)
            self._bounded(may_be_read, intervals * len(infos) * len(figures))
            edges_ms = edges(self.interval, self.start_ms, self.end_ms, LocalDays(zone, self.day_begins_h))
            _sums_make_sense(figures, infos)
        named = self.names if self.names is not None else self.format in FOR_PEOPLE
        now_ms, above = services.clock.now_ms(), self.above or 0.0
        return Question(infos, edges_ms, figures, above, self.flags, self.fill, named, now_ms)

    def _bounded(self, read: float, cells: int) -> None:
        if self.shape == "wide" and cells > MAX_CELLS:
            what = f"more than {MAX_CELLS} cells in a wide table: ask for shape=long, a shorter time or fewer channels"
            raise Problem(413, "Too much for one answer", what)
        if cells > MAX_ROWS * len(_DEFAULT) or read > _MAX_READ:
            what = f"{MAX_ROWS} rows, or {_MAX_READ} readings behind them, are most in one answer: ask for a shorter "
            raise Problem(413, "Too much for one answer", what + "time, fewer channels, or a longer interval")


def mount(app: FastAPI, services: Services) -> None:
    turns = Turns(_AT_ONCE, dear=True)

    @app.get("/v1/series")
    async def series(
        request: Request, selection: Annotated[Selection, Depends()], asked: Annotated[Asked, Depends()]
    ) -> Response:
        """Readings with start <= time < end, or figures of the intervals that share time with that, cut at both ends;
        by channel and time.

        A reading holds until the next one, for two heartbeats at most; means, percentiles, least and greatest values,
        above_s and covered_s are of the time for which values held, and a gap is in none of them. sum: of amounts, and
        of what counters counted; at_least says that a part of it is lost. first, last, count: of the readings. flag:
        the worst. fill: none leaves intervals out of which nothing is known, null gives them without values, previous
        with the last value before, and `filled` says so.
        """
        zone = asked.zone(services.catalogue.district.time_zone)
        channels = selection.channels(services.catalogue)
        question = await turns.run(asked.question, services, channels, zone)  # not here: the loop answers all others
        headers = headers_of(request, services, asked.end_ms, f"series-{question.channels[0].id}", asked.format)
        if "ETag" in headers and named(request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        if asked.shape == "wide":
            found = iter([await turns.run(wide, question, services.series, _heads(question, asked.format))])
        else:
            found = tables(question, services.series)
        return await streamed(turns, found, asked.format, How(zone, asked.decimal), headers)


class Shape:
    """What an answer goes out as. A dependency."""

    def __init__(self, format: Form = "json", decimal: Decimal = "point") -> None:
        self.format, self.decimal = format, decimal


async def answered(
    request: Request,
    services: Services,
    turns: Turns,
    found: Iterator[Table],
    shape: Shape,
    name: str,
    end_ms: int,
    zone: ZoneInfo | None = None,
) -> Response:
    """These tables as a file of that name, in the zone's time, or the district's; 304 where the caller has them."""
    headers = headers_of(request, services, end_ms, name, shape.format)
    if "ETag" in headers and named(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    how = How(zone or ZoneInfo(services.catalogue.district.time_zone), shape.decimal)
    return await streamed(turns, found, shape.format, how, headers)


async def streamed(turns: Turns, found: Iterator[Table], form: Form, how: How, headers: dict[str, str]) -> Response:
    """Goes out as it is made. Raises Problem(413) while nothing has gone out."""
    pieces = await in_turns(turns, _pieces(found, FORMS[form].encoder(how)))
    return StreamingResponse(pieces, media_type=FORMS[form].media_type, headers=headers)


async def in_turns(turns: Turns, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each piece made in its turn, the first at once: what it raises is an answer still. Raises Problem(413)."""
    try:
        first = await turns.run(next, pieces, b"")
    except TooMany as error:
        what = f"{error}: ask for a shorter time or fewer channels"
        raise Problem(413, "Too much for one answer", what) from error

    async def rest() -> AsyncIterator[bytes]:
        piece = first
        while piece:
            yield piece
            piece = await turns.run(next, pieces, b"")

    return rest()


def _pieces(found: Iterator[Table], encoder: Encoder) -> Iterator[bytes]:
    """None is empty."""
    for table in found:
        piece = encoder.piece(table)
        if piece:
            yield piece
    if end := encoder.end():
        yield end


def headers_of(request: Request, services: Services, end_ms: int, name: str, form: Form) -> dict[str, str]:
    """A file's name where a form has one. An ETag where all of the time is past: while the store has taken nothing
    more, the answer is the same. (Weak: its bytes may be parted otherwise.)"""
    found = {"Cache-Control": "no-cache"}
    suffix = FORMS[form].suffix
    if suffix:
        found["Content-Disposition"] = f'attachment; filename="headwater-{name}.{suffix}"'
    if end_ms <= services.clock.now_ms():
        what = f"{request.url.path}?{request.url.query} {services.catalogue.digest} {services.series.cursor()}"
        found["ETag"] = f'W/"{hashlib.sha256(what.encode()).hexdigest()[:32]}"'
    return found


def _sums_make_sense(figures: tuple[str, ...], infos: list[ChannelInfo]) -> None:
    for c in infos:
        if "sum" in figures and c.quantity.kind in (QuantityKind.STATE, QuantityKind.EVENT):
            what = f"channel {c.id} is of {c.quantity.value}, which cannot be summed: ask for its mean, or for above_s"
            raise Problem(422, "There is no such sum", what)


def _heads(question: Question, form: Form) -> dict[int, str]:
    """Of a wide table's columns: numbers, or for Excel what people say."""
    if form not in FOR_PEOPLE:
        return {c.id: str(c.id) for c in question.channels}
    return {c.id: f"{title(c)} ({c.id}) [{c.unit}]" for c in question.channels}
