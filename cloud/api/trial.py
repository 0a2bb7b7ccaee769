"""What other thresholds would have done: the rules of now and those that are tried, over the same part of the log."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

import pyarrow as pa
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from cloud.api.openapi import When
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.selection import Selection
from cloud.api.series import Shape, answered
from cloud.api.series_tables import TIME
from cloud.api.tabled import range_of, tables_of
from cloud.api.turns import Turns
from cloud.log.base import BatchLog, Cursor, Entry
from cloud.warnings.trial import Trial, TriedIncident, depth_rules, readable, with_levels
from contract.catalogue import sense
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import WATER
from contract.catalogue.rules import LONGEST_S, Level
from contract.clock import iso

_AT_ONCE = 1
LONGEST_MS = 48 * 3_600_000
RUN_IN_MS = 2 * 3_600_000
_ENTRIES = 2000
_MOST_S = 50.0  # an answer that has not begun within a minute is refused (http.answer_timeout_s)
_INCIDENT = {"rules": pa.string(), "zones": pa.string(), "opened": TIME, "closed": TIME, "minutes": pa.float64()}
_INCIDENT |= {"peak_level": pa.string(), "messages": pa.int64(), **{level.value: TIME for level in Level}}
_Threshold = Annotated[float | None, Query(allow_inf_nan=False, description="Threshold, in the channels' unit")]
_Delay = Annotated[float | None, Query(ge=0, le=LONGEST_S, description="In place of each rule's own")]


class TriedRules:
    """Levels and delays that are tried. A dependency."""

    def __init__(
        self,
        blue: _Threshold = None,
        yellow: _Threshold = None,
        orange: _Threshold = None,
        red: _Threshold = None,
        hysteresis: Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="In that unit, too")] = None,
        on_delay_s: _Delay = None,
        off_delay_s: _Delay = None,
        min_hold_s: _Delay = None,
    ) -> None:
        given = zip(Level, (blue, yellow, orange, red), strict=True)
        self.levels = {level: value for level, value in given if value is not None}
        more = {
            "hysteresis": hysteresis,
            "on_delay_s": on_delay_s,
            "off_delay_s": off_delay_s,
            "min_hold_s": min_hold_s,
        }
        self.more = {name: value for name, value in more.items() if value is not None}

    def catalogue(self, now: Catalogue, channels: Collection[int]) -> Catalogue:
        """With these on these channels. Raises Problem(422)."""
        if not self.levels:
            what = "give the thresholds that are to be tried, as blue=0.1&red=0.4, in the channels' unit"
            raise Problem(422, "There is nothing to try", what)
        try:
            found = with_levels(now, channels, self.levels, self.more)
        except ValueError as error:
            raise Problem(422, "No rule can have these", _why(error)) from error
        for path, what in sense.of_rules(found):
            if {"levels", "hysteresis"}.intersection(path):  # the rest stands in rules.yaml as it is
                raise Problem(422, "No rule can have these", what)
        return found


def mount(app: FastAPI, services: Services) -> None:
    turns = Turns(_AT_ONCE, dear=True)

    @app.get("/v1/rules/try")
    async def try_rules(
        request: Request,
        selection: Annotated[Selection, Depends()],
        tried: Annotated[TriedRules, Depends()],
        form: Annotated[Shape, Depends()],
        start: When,
        end: When,
    ) -> Response:
        """Incidents that depth rules with other thresholds would have made of what was received from start to end, at
        most 48 hours, beside those that the depth rules of now make of it; no other rules count in either.

        Channels that are not meant keep their rules; where nothing is named, all that are watched are meant. Both
        begin two hours earlier, knowing nothing. blue … red: when each level was first told. closed: null while it
        lasts at the end. It is of the log, as it was received; of one that was trimmed there is no more to be tried.
        """
        start_ms, end_ms = range_of(start, end, "the log is run through again")
        if end_ms - start_ms > LONGEST_MS:
            raise Problem(413, "Too much for one answer", "the log is run through again: ask for 48 hours at most")
        channels = _channels(services.catalogue, selection)
        catalogues = {"now": depth_rules(services.catalogue), "tried": tried.catalogue(services.catalogue, channels)}
        trials = {word: Trial(c, services.warning_settings) for word, c in catalogues.items()}
        pages = _entries(services.log, start_ms, end_ms)
        ends_s = time.monotonic() + _MOST_S
        while await turns.run(_step, pages, trials):  # between two pages whoever waits comes on
            if time.monotonic() > ends_s:
                what = f"it took longer than {_MOST_S:g} s: ask for a shorter time"
                raise Problem(413, "Too much for one answer", what)
        found = iter([_rows(trials, start_ms, end_ms)])
        return await answered(request, services, turns, tables_of(found, _INCIDENT), form, "rules-tried", end_ms)


def _channels(catalogue: Catalogue, selection: Selection) -> list[int]:
    """Raises Problem(404, 422)."""
    if not selection.names_any():
        return sorted({c for w in depth_rules(catalogue).watches for c in w.channels})
    found = [c for c in selection.infos(catalogue) if c.quantity in WATER]
    units = sorted({c.quantity.value for c in found})
    if len(units) != 1:
        what = f"what you name is of {' and '.join(units) or 'no water'}: thresholds are of one of {', '.join(WATER)}"
        raise Problem(422, "These cannot be tried together", what)
    return [c.id for c in found]


def _why(error: ValueError) -> str:
    """The first mistake in a rule, without pydantic's own frame."""
    return str(error.errors(include_url=False)[0]["msg"]) if isinstance(error, ValidationError) else str(error)


def _step(pages: Iterator[list[Entry]], trials: Mapping[str, Trial]) -> bool:
    """Whether there was a page. Raises Problem(422)."""
    entries = next(pages, None)
    if entries:
        waiting = readable(entries)
        for trial in trials.values():
            trial.take(waiting)
    return entries is not None


def _rows(trials: Mapping[str, Trial], start_ms: int, end_ms: int) -> list[dict[str, Any]]:
    return [
        _row(word, t, end_ms)
        for word, trial in trials.items()
        for t in trial.incidents()
        if t.incident.closed_ms is None or t.incident.closed_ms > start_ms
    ]


def _entries(log: BatchLog, start_ms: int, end_ms: int) -> Iterator[list[Entry]]:
    """From two hours before the start. Raises Problem(422) where the log begins later: it was trimmed, or is new."""
    after: Cursor = log.place_at(start_ms - RUN_IN_MS)
    first = log.read(after, 1)
    if not first or (first[0].now_ms > start_ms and after == log.place_at(0)):
        what = f"it begins at {iso(first[0].now_ms)}: ask from then on" if first else "nothing was received since then"
        raise Problem(422, "The log does not go back so far", what)
    while entries := log.read(after, _ENTRIES):
        yield [e for e in entries if e.now_ms < end_ms]
        if entries[-1].now_ms >= end_ms:
            return
        after = entries[-1].offset


def _row(word: str, t: TriedIncident, end_ms: int) -> dict[str, Any]:
    i = t.incident
    return {
        "rules": word,
        "zones": " ".join(i.zones or (i.zone,)),
        "opened": i.opened_ms,
        "closed": i.closed_ms,
        "minutes": ((end_ms if i.closed_ms is None else i.closed_ms) - i.opened_ms) / 60_000,
        "peak_level": i.peak_level.value if i.peak_level else None,
        "messages": t.messages,
        **{level.value: t.told_ms.get(level) for level in Level},
    }
