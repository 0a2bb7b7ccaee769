"""The questions that a cloud answers, by the names that people know."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias, TypedDict, Unpack

from cloud.client.answers import Answer, Row
from cloud.client.errors import NotReached
from cloud.client.http import Http, Params
from cloud.client.live import events
from cloud.client.times import Time

Some: TypeAlias = str | Sequence[str]
_PAGE = 200


class Places(TypedDict, total=False):
    """Stations, by id or name: those that fit every kind of name given; of several names of one kind, one."""

    station: Some
    zone: Some
    subdistrict: Some
    kind: Some
    tag: Some


class Names(Places, total=False):
    """Channels: those of the places, of these quantities; and by number."""

    quantity: Some
    channel: int | Sequence[int]


class Headwater:
    """A cloud.

    url: as `https://headwater.example`. key: of `headwater-cloud key create`; None where access is open. ca_file: PEM
    of the authority of the cloud's certificate, where that is not public. timeout_s: without a byte. tries: of a
    question while the cloud is busy or not there.

    >>> hw = Headwater("https://headwater.example", key="hw_…")  # doctest: +SKIP
    >>> hw.series(station="u1", quantity="depth", start="2021-07-20T00:00Z", end="2021-07-21T00:00Z",
    ...           interval="5min", figure="mean").pandas().plot(x="time", y="mean")  # doctest: +SKIP

    Every question gives an `Answer`, and raises HeadwaterError or NotReached when that is used. Times: RFC 3339 with a
    zone, epoch milliseconds, or a datetime with a zone. What else an operation takes goes by its name, as the OpenAPI
    document (/v1/openapi.json) has it.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        ca_file: str | Path | None = None,
        timeout_s: float = 60.0,
        tries: int = 4,
    ) -> None:
        self._http = Http(url, key, ca_file, timeout_s, tries)

    def __enter__(self) -> Headwater:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, tabular: bool = False, **params: Any) -> Answer:
        """Any operation that answers in JSON. tabular: it has `format`."""

        def ask(form: str | None) -> Iterator[bytes]:
            return self._http.pieces(path, params if form is None else {**params, "format": form})

        return Answer(ask, tabular)

    # --- what there is ---

    def stations(self, **where: Unpack[Places]) -> Answer:
        return self.get("/v1/stations", **where)

    def zones(self, **where: Unpack[Places]) -> Answer:
        return self.get("/v1/zones", **where)

    def channels(self, **names: Unpack[Names]) -> Answer:
        """With quantity, unit and thresholds of each."""
        return self.get("/v1/channels", **names)

    def gateways(self, **where: Unpack[Places]) -> Answer:
        return self.get("/v1/gateways", **where)

    def devices(self, **where: Unpack[Places]) -> Answer:
        return self.get("/v1/devices", **where)

    def pumps(self, **where: Unpack[Places]) -> Answer:
        return self.get("/v1/pumps", **where)

    # --- readings ---

    def latest(
        self,
        *,
        at: Time | None = None,
        state: Some | None = None,
        above: float | None = None,
        below: float | None = None,
        **names: Unpack[Names],
    ) -> Answer:
        """The newest readings, of all channels where none is named; `at`: as they were then."""
        return self.get("/v1/latest", at=at, state=state, above=above, below=below, **names)

    def series(
        self,
        *,
        start: Time,
        end: Time,
        interval: str = "raw",
        figure: Some | None = None,
        above: float | None = None,
        **more: Any,
    ) -> Answer:
        """Readings, or figures by intervals (1min … 1h, 1d, month, whole): mean, minimum, maximum, p95, above_s, …"""
        asked = {"start": start, "end": end, "interval": interval, "figure": figure, "above": above}
        return self.get("/v1/series", True, **asked, **more)

    def gaps(self, *, start: Time, end: Time, least_min: float | None = None, **names: Unpack[Names]) -> Answer:
        """When nothing was known of a channel."""
        return self.get("/v1/gaps", True, start=start, end=end, least_min=least_min, **names)

    def completeness(self, *, start: Time, end: Time, **names: Unpack[Names]) -> Answer:
        """For how much of a time something was known of each channel."""
        return self.get("/v1/completeness", True, start=start, end=end, **names)

    # --- rain ---

    def rain_sums(self, *, at: Time | None = None, window: Some | None = None, **names: Unpack[Names]) -> Answer:
        """What fell in the windows (5min … 24h) that end at a time; now."""
        return self.get("/v1/rain/sums", True, at=at, window=window, **names)

    def rain_hyetograph(self, *, start: Time, end: Time, interval: str = "5min", **more: Any) -> Answer:
        return self.get("/v1/rain/hyetograph", True, start=start, end=end, interval=interval, **more)

    def rain_maxima(self, *, start: Time, end: Time, duration: Some | None = None, **names: Unpack[Names]) -> Answer:
        """The greatest sum of each duration, and its return period."""
        return self.get("/v1/rain/maxima", True, start=start, end=end, duration=duration, **names)

    def rain_events(self, *, start: Time, end: Time, dry_min: int | None = None, **more: Any) -> Answer:
        return self.get("/v1/rain/events", True, start=start, end=end, dry_min=dry_min, **more)

    def rain_areal(self, *, start: Time, end: Time, area: Some | None = None, interval: str = "1h") -> Answer:
        """Mean rain of zones by Thiessen polygons."""
        return self.get("/v1/rain/areal", True, start=start, end=end, area=area, interval=interval)

    # --- water ---

    def water_events(self, *, start: Time, end: Time, above: float | None = None, **more: Any) -> Answer:
        """When water stood above a value; its lowest threshold."""
        return self.get("/v1/water/events", True, start=start, end=end, above=above, **more)

    def water_trend(self, *, minutes: float = 10, at: Time | None = None, **names: Unpack[Names]) -> Answer:
        """The change over a window, and the slope as centimetres in ten minutes."""
        return self.get("/v1/water/trend", True, minutes=minutes, at=at, **names)

    def water_compare(self, *, event: Sequence[Time], minutes: int = 240, **more: Any) -> Answer:
        """Events laid over one another, aligned at their beginnings."""
        return self.get("/v1/water/compare", True, event=event, minutes=minutes, **more)

    # --- pumps ---

    def pump_figures(self, *, start: Time, end: Time, interval: str = "whole", **more: Any) -> Answer:
        """What each pump did by intervals: hours run, starts, duty, drawdown. `pump`: as `u1/2`, or a station's all."""
        return self.get("/v1/pumps/figures", True, start=start, end=end, interval=interval, **more)

    def pump_inflow(self, *, start: Time, end: Time, interval: str = "whole", **more: Any) -> Answer:
        """What came to each station, from its well's level and its pumps' run time."""
        return self.get("/v1/pumps/inflow", True, start=start, end=end, interval=interval, **more)

    def pump_events(self, *, start: Time, end: Time, what: Some | None = None, **more: Any) -> Answer:
        """When a pump was in fault, mains were lost, or a generator was on."""
        return self.get("/v1/pumps/events", True, start=start, end=end, what=what, **more)

    # --- warnings ---

    def zone_levels(self, *, start: Time, end: Time, level: str | None = None, **where: Unpack[Places]) -> Answer:
        """From when to when each zone stood at which level."""
        return self.get("/v1/zones/levels", True, start=start, end=end, level=level, **where)

    def try_rules(self, *, start: Time, end: Time, **levels_and_more: Any) -> Answer:
        """What depth rules with other thresholds would have done: `blue=0.1, red=0.4`, in the channels' unit."""
        return self.get("/v1/rules/try", True, start=start, end=end, **levels_and_more)

    def incidents(
        self,
        *,
        start: Time | None = None,
        end: Time | None = None,
        level: str | None = None,
        open: bool = False,
    ) -> Iterator[Row]:
        """All of them, newest first, each with its messages: page by page, as far as they are looked at."""
        before: str | None = None
        while True:
            page = self.get(
                "/v1/warnings", start=start, end=end, level=level, open=open, limit=_PAGE, before=before
            ).rows()
            yield from page
            if len(page) < _PAGE:
                return
            before = page[-1]["id"]

    # --- live ---

    def live(self, **names: Unpack[Names]) -> Iterator[list[Row]]:
        """The newest reading of each channel, then those that come, some at a time, without end.

        Where the line breaks it goes on behind what came last. Raises HeadwaterError, and NotReached where the cloud
        stays away for a minute.
        """
        last_id, away_s = "", None
        while True:
            headers = {"accept": "text/event-stream", **({"last-event-id": last_id} if last_id else {})}
            try:
                for event in events(self._http.pieces("/v1/latest/stream", _params(names), headers)):
                    last_id, away_s = event.id or last_id, None
                    yield json.loads(event.data)
            except NotReached:
                now_s = time.monotonic()
                away_s = now_s if away_s is None else away_s
                if now_s - away_s > _AWAY_S:
                    raise
                time.sleep(1.0)


_AWAY_S = 60.0


def _params(names: Names) -> Params:
    return {name: value for name, value in names.items() if isinstance(value, str | int | Sequence)}
