"""The series store on InfluxDB 2: line protocol in, InfluxQL over HTTP out, by the connection of influxdb-client.

One measurement `reading`, tag `channel`, fields `value` (float; absent when missing), `flag` and `missing` (integers).
A point of the same channel and time replaces the earlier one, so applying entries again is harmless; the cursor is a
file of ours, moved when the server has answered for everything up to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from cloud.log.base import START, Cursor, Entry
from cloud.series.base import Hourly, gathered
from cloud.series.columns import ordered
from cloud.series.hourly import hourly_of, whole_hours
from cloud.views.base import Poisoned, RetryLater
from cloud.views.decode import readings
from contract.clock import iso
from contract.readings import ReadingBatch

_LINES_PER_WRITE = 5000
_CHANNELS_PER_QUERY = 200
_REFUSED = (400, 422)  # the points are at fault; with anything else the server is
_TIMEOUT_MS = 30_000

T = TypeVar("T")


def lines(batch: ReadingBatch) -> bytes:
    """Line protocol, a line a reading, made a column at a time."""
    missing = np.isnan(batch.value)
    value = pc.cast(pa.array(np.where(missing, 0.0, batch.value)), pa.string())
    value = pc.if_else(pa.array(missing), "", pc.binary_join_element_wise("value=", value, ",", ""))
    parts = (
        "reading,channel=",
        pc.cast(pa.array(batch.channel), pa.string()),
        " ",
        value,
        "flag=",
        pc.cast(pa.array(batch.flag), pa.string()),
        "i,missing=",
        pc.cast(pa.array(missing.astype(np.int8)), pa.string()),
        "i ",
        pc.cast(pa.array(batch.time_ms), pa.string()),
    )
    joined = pc.binary_join_element_wise(*parts, "")
    return "\n".join(joined.to_pylist()).encode()


class _PointsRefused(Exception):
    """The server takes them never. The message is its own."""


class InfluxStore:
    """See `cloud.series.base.SeriesStore`. Every call but `cursor` and `close` may raise RetryLater."""

    name = "series"

    def __init__(self, url: str, org: str, bucket: str, token: str, cursor_file: Path) -> None:
        self._org, self._bucket, self._url = org, bucket, url
        self._cursor_file = cursor_file
        cursor_file.parent.mkdir(parents=True, exist_ok=True)
        self._cursor = Cursor(int(cursor_file.read_text())) if cursor_file.exists() else START
        # It neither retries nor heeds proxies of the environment: the view's runner comes again, and the way is stated.
        self._client: Any = InfluxDBClient(url, token, org=org, timeout=_TIMEOUT_MS)
        self._writing: Any = self._client.write_api(SYNCHRONOUS)

    def cursor(self) -> Cursor:
        return self._cursor

    def apply(self, entries: Sequence[Entry]) -> None:
        batch = readings(entries)
        for start in range(0, len(batch), _LINES_PER_WRITE):
            try:
                self._write(batch.take(slice(start, start + _LINES_PER_WRITE)))
            except _PointsRefused:
                self._one_by_one(entries)
                break
        self._move(entries[-1].offset)

    def reset(self) -> None:
        # Backwards first: after a crash between the two, everything is written again over what was left.
        self._move(START)
        self._delete("2200-01-01T00:00:00Z")

    def rewind(self, to: Cursor) -> None:
        self._move(to)

    def drop(self, before_ms: int) -> int:
        """What is older goes; how many readings."""
        query = f"select count(flag) from reading where time < {int(before_ms)}ms"  # noqa: S608 - int()
        found = self._ask_query(query).get("series", ())
        count = sum(int(row[1]) for series in found for row in series["values"])
        if count:
            self._delete(iso(before_ms - 1))  # its stop is deleted, too
        return count

    def _delete(self, stop: str) -> None:
        api, start = self._client.delete_api(), "1970-01-01T00:00:00Z"
        self._asked(lambda: api.delete(start, stop, '_measurement="reading"', self._bucket, self._org))

    def raw(self, channels: Sequence[int], start_ms: int, end_ms: int, at_most: int | None = None) -> ReadingBatch:
        return ordered(ReadingBatch.concat(gathered(self._pieces(channels, start_ms, end_ms), at_most, len)))

    def _pieces(self, channels: Sequence[int], start_ms: int, end_ms: int) -> Iterator[ReadingBatch]:
        end_ms = min(end_ms, 9_000_000_000_000)  # the server counts nanoseconds in 64 bits
        for i in range(0, len(channels), _CHANNELS_PER_QUERY):
            some = "|".join(str(int(c)) for c in channels[i : i + _CHANNELS_PER_QUERY])
            query = (  # InfluxQL over HTTP has no parameters for a regular expression; only whole numbers go in
                f"select value, flag, missing from reading where channel =~ /^({some})$/ "  # noqa: S608 - int() above
                f"and time >= {int(start_ms)}ms and time < {int(end_ms)}ms group by channel"
            )
            yield from self._query(query)

    def hourly(self, channels: Sequence[int], start_ms: int, end_ms: int, at_most: int | None = None) -> Hourly:
        del at_most  # the readings behind them are more, and there is no telling how many
        return hourly_of(self.raw(channels, *whole_hours(start_ms, end_ms)))

    def close(self) -> None:
        self._client.close()

    # --- the server ---

    def _write(self, batch: ReadingBatch) -> None:
        """Raises _PointsRefused."""
        body = lines(batch)
        try:
            self._asked(lambda: self._writing.write(self._bucket, self._org, body, WritePrecision.MS), _REFUSED)
        except ApiException as error:
            raise _PointsRefused(_said(error)) from error

    def _one_by_one(self, entries: Sequence[Entry]) -> None:
        """Which entry is refused? Raises Poisoned on the first; those before it are stored."""
        for entry in entries:
            batch = readings([entry])
            if len(batch):
                try:
                    self._write(batch)
                except _PointsRefused as error:
                    raise Poisoned(entry.offset, f"InfluxDB refuses it: {error}") from error

    def _query(self, query: str) -> list[ReadingBatch]:
        return [_rows(series) for series in self._ask_query(query).get("series", ())]

    def _ask_query(self, query: str) -> dict[str, Any]:
        params = {"db": self._bucket, "epoch": "ms", "q": query}
        call = self._client.api_client.call_api
        how = {"_preload_content": False, "_return_http_data_only": True}  # the client knows no InfluxQL
        answer = self._asked(lambda: call("/query", "GET", query_params=params, **how).data)
        result: dict[str, Any] = json.loads(answer)["results"][0]
        if "error" in result:
            raise RetryLater(f"InfluxDB at {self._url}: {result['error']}")
        return result

    def _asked(self, ask: Callable[[], T], passed: Sequence[int] = ()) -> T:
        """Raises RetryLater; ApiException of these statuses."""
        try:
            return ask()
        except ApiException as error:
            if error.status in passed:
                raise
            raise RetryLater(f"InfluxDB at {self._url}: HTTP {error.status}: {_said(error)}") from error
        except urllib3.exceptions.HTTPError as error:
            raise RetryLater(f"InfluxDB at {self._url} cannot be reached: {error}: is it up?") from error

    def _move(self, to: Cursor) -> None:
        fresh = self._cursor_file.with_suffix(".new")
        with fresh.open("w") as file:
            file.write(str(to))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._cursor_file)
        self._cursor = to


def _rows(series: dict[str, Any]) -> ReadingBatch:
    rows = series["values"]
    time_ms, value, flag, missing = zip(*rows, strict=True)
    values = np.array([np.nan if m or v is None else v for v, m in zip(value, missing, strict=True)], np.float64)
    return ReadingBatch.of(time_ms, np.full(len(rows), int(series["tags"]["channel"])), values, flag)


def _said(error: ApiException) -> str:
    body = error.body or error.reason or ""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    return text.strip()[:300]
