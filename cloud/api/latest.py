"""The newest reading of every channel, as columns: 50,000 channels in milliseconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from cloud.api import rows
from cloud.api.encoding import number
from cloud.api.ports import Services
from cloud.api.series_tables import HOLDS_HEARTBEATS
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from contract.channel_rows import channel_rows
from contract.clock import iso
from contract.readings import Bools, Flag, Float64s, Int8s, Int64s, ReadingBatch, Uint8s, Uint32s

STATES = ("good", "suspect", "unknown")
_BAD = np.array([Flag.FAIL, Flag.MISSING], np.uint8)
_LEVELS = ("null", *(f'"{level.value}"' for level in Level))


@dataclass(frozen=True, slots=True)
class LatestColumns:
    """Equal-length columns in order of channel number.

    heard: whether anything was; if not, time_ms is 0, value NaN and flag MISSING. state: index into `STATES`; unknown
    is missing, failed, never heard, or silent for two heartbeats.
    """

    channel: Uint32s
    heard: Bools
    time_ms: Int64s
    value: Float64s
    flag: Uint8s
    age_s: Float64s
    state: Uint8s

    def take(self, which: Bools) -> LatestColumns:
        """Of these channels."""
        of, heard, time_ms, value = (self.channel[which], self.heard[which], self.time_ms[which], self.value[which])
        return LatestColumns(of, heard, time_ms, value, self.flag[which], self.age_s[which], self.state[which])


class LatestTable:
    """What does not change from question to question."""

    def __init__(self, catalogue: Catalogue, channels: Sequence[int] | None = None) -> None:
        """Of all channels, or of these. Raises KeyError on one that the catalogue does not have."""
        wanted = sorted(catalogue.channels if channels is None else channels)
        self._channel = np.array(wanted, np.uint32)
        heartbeat_s = [catalogue.channels[c].reporting.heartbeat_s for c in wanted]
        self._silent_ms = 1000 * HOLDS_HEARTBEATS * np.array(heartbeat_s, np.float64)

    def columns(self, services: Services) -> LatestColumns:
        return self.columns_of(services.latest.snapshot(), services.clock.now_ms())

    def columns_of(self, found: ReadingBatch, now_ms: int) -> LatestColumns:
        """found: the newest reading of each channel at that time, by channel."""
        n = len(self._channel)
        place = channel_rows(found.channel, self._channel)
        heard = place >= 0
        time_ms, value, flag = np.zeros(n, np.int64), np.full(n, np.nan), np.full(n, Flag.MISSING, np.uint8)
        at = place[heard]
        time_ms[heard], value[heard], flag[heard] = found.time_ms[at], found.value[at], found.flag[at]
        silent = ~heard | (now_ms - time_ms > self._silent_ms)
        state = np.where(silent | np.isin(flag, _BAD), 2, flag == Flag.SUSPECT).astype(np.uint8)
        age_s = np.where(heard, np.round((now_ms - time_ms) / 1000, 1), np.nan)
        return LatestColumns(self._channel, heard, time_ms, value, flag, age_s, state)

    def json(self, services: Services) -> memoryview:
        """The body of an answer: a row a channel, with the level that warnings hold of it."""
        c = self.columns(services)
        return latest_body(c, levels(services, c))


def levels(services: Services, c: LatestColumns) -> Int8s:
    """Of each channel the highest level that a rule holds of it, as it ranks; -1: none."""
    out = np.full(len(c.channel), -1, np.int8)
    channel, level = services.warnings.levels()
    place = channel_rows(c.channel, channel.astype(np.uint32))
    np.maximum.at(out, place[place >= 0], level[place >= 0])
    return out


def latest_body(c: LatestColumns, level: Int8s | None) -> memoryview:
    """A list of objects in JSON. level: see `levels`; None: nothing is said of them."""
    time = rows.instants(c.time_ms)
    if not c.heard.all():
        time = pa.compute.if_else(pa.array(c.heard), pa.compute.binary_join_element_wise('"', time, 'Z"', ""), "null")
        before, after = ',"time":', ',"value":'
    else:
        before, after = ',"time":"', 'Z","value":'
    if level is None:
        ends = [f',"state":"{s}"}}' for s in STATES]
        which = c.state.astype(np.int32)
    else:
        ends = [f',"state":"{s}","level":{word}}}' for s in STATES for word in _LEVELS]
        which = c.state.astype(np.int32) * len(_LEVELS) + level + 1
    pieces = (
        pa.array(c.channel).cast(pa.string()),
        before,
        time,
        after,
        rows.numbers(c.value, "null"),
        rows.labels([f',"flag":{f},"age_s":' for f in range(256)], c.flag),
        rows.numbers(c.age_s, "null"),
        rows.labels(ends, which),
    )
    return rows.json_rows('{"channel":', pieces, len(c.channel))


class SharedLatest:
    """The body of /v1/latest, made by one thread at a time, and shared by all who asked before it was begun: nobody
    gets anything older than his question, and a hundred at once cost two."""

    def __init__(self, services: Services) -> None:
        self._services, self._table = services, LatestTable(services.catalogue)
        self._lock = threading.Lock()
        self._began_s = -1.0
        self._body = memoryview(b"")

    def body(self) -> memoryview:
        asked_s = time.monotonic()
        with self._lock:
            if self._began_s < asked_s:
                began_s = time.monotonic()
                self._body = self._table.json(self._services)
                self._began_s = began_s
            return self._body


def latest_json(services: Services, channels: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """A dict a channel, in order of number; of all channels, or of these."""
    return rows_of(LatestTable(services.catalogue, channels).columns(services))


def rows_of(c: LatestColumns) -> list[dict[str, Any]]:
    """A dict a channel, in order of number."""
    columns = (c.channel, c.heard, c.time_ms, c.value, c.flag, c.age_s, c.state)
    return [
        {
            "channel": channel,
            "time": iso(t) if heard else None,
            "value": number(v),
            "flag": f,
            "age_s": number(age_s),
            "state": STATES[state],
        }
        for channel, heard, t, v, f, age_s, state in zip(*(x.tolist() for x in columns), strict=True)
    ]
