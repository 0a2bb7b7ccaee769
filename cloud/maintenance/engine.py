"""Readings -> what is wrong with instruments, pumps and gateways -> maintenance notices: one pure step.

It judges when the log's time passes a mark, every 30 s, with all that came before: so the result is the same however
entries are grouped. It only reads: nothing that it finds can hold up, lower or silence a warning.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cloud.log.origin import Origin
from cloud.maintenance import columns as cols
from cloud.maintenance import gauges
from cloud.maintenance.book import Book, turn
from cloud.maintenance.columns import NEVER, Columns
from cloud.maintenance.doubt import Doubts, DoubtState
from cloud.maintenance.gauges import Gauges, GaugeState
from cloud.maintenance.kinds import Kind, kind_of
from cloud.maintenance.model import Found, Judgement, MaintenanceNotice, Place
from cloud.maintenance.pumps import Station
from cloud.maintenance.silence import Silence, SilenceState
from cloud.maintenance.stations import Stations
from cloud.warnings.gateways import Played, Said
from contract.catalogue.catalogue import Catalogue
from contract.channel_rows import ChannelRows
from contract.readings import Float64s, Int64s, ReadingBatch

MARK_MS = 30_000
AWAY_MS = 60_000  # no longer than what a sound channel may be late: where the log stood still for so long, so did we
FORM = 1  # of what `dump` gives; another release's is not read


@dataclass(slots=True)
class State:
    """mark: which 30 s of the log's time it is; 0 before the first entry. now_ms: of the last entry. said: by gateways
    of themselves, that they are simulated, or real."""

    columns: Columns
    silence: SilenceState
    doubt: DoubtState
    gauges: GaugeState
    stations: list[Station]
    book: Book = field(default_factory=Book)
    said: Said = field(default_factory=Said)
    mark: int = 0
    now_ms: int = 0


@dataclass(frozen=True, slots=True)
class Entries:
    """Some entries of the log. batch: the readings of all. entry: shape (n,), the place of the entry of each, rising.
    now_ms, gateways, origins: by entry; gateway: of a batch, else empty."""

    batch: ReadingBatch
    entry: Int64s
    now_ms: Sequence[int]
    gateways: Sequence[str]
    origins: Sequence[Sequence[Origin]]


class Maintenance:
    """The maintenance notices of a district.

    still_ms: how long the log may stand still while the cloud runs, as it ticks seldom: that is no time away.
    """

    def __init__(self, catalogue: Catalogue, still_ms: int = 0) -> None:
        self._catalogue, self._still_ms = catalogue, still_ms
        self._played = Played(catalogue)
        self._channels = np.array(sorted(catalogue.channels), np.uint32)
        self._rows = ChannelRows(self._channels)
        self._silence, self._doubts, self._gauges = Silence(catalogue), Doubts(catalogue), Gauges(catalogue)
        self._stations = Stations(
            catalogue, dict(zip(self._channels.tolist(), self._silence.quiet_ms.tolist(), strict=True))
        )
        n = len(self._channels)
        self._level, self._gauge = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
        self._level[self._doubts.rows] = np.arange(len(self._doubts.rows))
        self._gauge[self._gauges.rows] = np.arange(len(self._gauges.rows))
        self._near: dict[int, Int64s] = {}

    def initial(self) -> State:
        """Before the first entry of the log."""
        return State(
            Columns.initial(len(self._channels)),
            SilenceState(),
            self._doubts.initial(),
            self._gauges.initial(),
            self._stations.initial(),
        )

    def step(self, state: State, entries: Entries) -> tuple[State, list[tuple[int, MaintenanceNotice]]]:
        """The notices that open or close, each with the place of its entry. Consumes `state`."""
        out: list[tuple[int, MaintenanceNotice]] = []
        first = 0
        for at, now_ms in enumerate(entries.now_ms):
            for origin in entries.origins[at] if entries.origins else ():
                state.said = state.said.hearing(origin)
            mark = now_ms // MARK_MS
            if mark != state.mark:
                self._take_in(state, entries, first, at)
                first = at
                if mark < state.mark:  # the log was ahead of time and is put right
                    state.silence.awake(now_ms)
                    self._go_back(state, now_ms)
                elif state.mark and now_ms - state.now_ms > max(AWAY_MS, self._still_ms):
                    state.silence.awake(now_ms)
                if state.mark:
                    out += [(at, notice) for notice in self._judge(state, mark * MARK_MS)]
                state.mark = mark
            state.now_ms = now_ms
            if entries.gateways[at]:
                self._silence.hear(state.silence, entries.gateways[at], now_ms)
        self._take_in(state, entries, first, len(entries.now_ms))
        return state, out

    def _take_in(self, state: State, entries: Entries, first: int, end: int) -> None:
        a, b = np.searchsorted(entries.entry, [first, end]).tolist()
        if a == b:
            return
        batch = entries.batch.take(slice(a, b))
        columns, usable = state.columns, cols.usable(batch)
        entry = entries.entry[a:b]
        of_channel = self._rows.of(batch.channel)
        self._stations.take_in(state.stations, batch, entry, of_channel, usable)
        for all_rows, all_places in cols.rounds(batch, entry, of_channel):
            newer = batch.time_ms[all_places] > columns.heard_ms[all_rows]  # the rest is history: nothing of now
            row, places = all_rows[newer], all_places[newer]
            good = usable[places]
            columns.heard_ms[row] = batch.time_ms[places]
            bad, at = row[~good], places[~good]
            columns.bad_ms[bad] = np.where(columns.bad_ms[bad] == NEVER, batch.time_ms[at], columns.bad_ms[bad])
            columns.missing[bad] = cols.is_missing(batch, at)
            self._usable(state, row[good], batch.time_ms[places[good]], batch.value[places[good]])

    def _usable(self, state: State, row: Int64s, time_ms: Int64s, value: Float64s) -> None:
        """Readings that say something, one a row."""
        columns = state.columns
        before = columns.value[row]
        columns.value[row], columns.usable_ms[row] = value, time_ms
        columns.bad_ms[row], columns.missing[row] = NEVER, False
        level, gauge = self._level[row], self._gauge[row]
        of = level >= 0
        if of.any():
            self._doubts.take_in(state.doubt, level[of], time_ms[of], value[of], before[of])
        for k in np.flatnonzero(gauge >= 0).tolist():
            self._gauges.take_in(state.gauges, int(gauge[k]), int(time_ms[k]), float(value[k]))

    def _judge(self, state: State, now_ms: int) -> list[MaintenanceNotice]:
        silence, speaks = self._silence.judge(state.silence, state.columns, now_ms)
        dead = {f.place.partition("/")[2] for f in silence.found if f.kind is Kind.GATEWAY_SILENT}
        links = self._silence.links(state.silence)
        parts = [silence, self._stations.judge(state.stations, dead, links, now_ms)]
        parts.append(self._gauges.judge(state.gauges, speaks, now_ms))

        def rain_free(channel: int) -> bool:
            near = self._near.get(channel)
            if near is None:
                near = self._near[channel] = self._gauges.near(self._catalogue.channels[channel])
            return self._gauges.rain_free(state.gauges, near, speaks, now_ms)

        parts.append(self._doubts.judge(state.doubt, state.columns, speaks, rain_free, now_ms))
        found = [f for part in parts for f in part.found]
        unknown = {place for part in parts for place in part.unknown}
        judged = Judgement(found, unknown, [ask for part in parts for ask in part.unsure])
        return turn(state.book, judged, now_ms, lambda f: self._whose(state, f))

    def _whose(self, state: State, found: Found) -> tuple[str | None, str | None, bool]:
        kind, _, name = found.place.partition("/")
        played = self._played(state.said)
        if kind == "gateway":
            return None, name, name in played
        if kind == "channel":
            info = self._catalogue.channels[int(name)]
            return info.station.id, info.gateway, info.gateway in played
        if kind == "device":
            info = next(c for c in self._catalogue.channels.values() if c.device.id == name)
            return info.station.id, info.gateway, info.gateway in played
        station = name.partition("/")[0]
        gateway = self._stations.gateway(station)
        return station, gateway, gateway in played

    def _go_back(self, state: State, now_ms: int) -> None:
        """The log was ahead of time: what was heard then counts as heard now, and what stood begins anew."""
        for name in ("heard_ms", "usable_ms", "bad_ms"):
            column = getattr(state.columns, name)
            np.minimum(column, now_ms, out=column)
        silence = state.silence
        for kept in (silence.gateways, silence.back_ms):
            kept.update({gateway: min(ms, now_ms) for gateway, ms in kept.items()})
        state.doubt, state.gauges = self._doubts.initial(), self._gauges.initial()
        state.stations = self._stations.initial()
        state.book.gone_ms.clear()

    # --- kept ---

    def dump(self, state: State) -> bytes:
        """As bytes, JSON. `restore` takes them, under a catalogue of then or of now."""
        kept = {
            "form": FORM,
            "channels": self._channels.tolist(),
            "columns": cols.dump(state.columns),
            "silence": {
                "gateways": state.silence.gateways,
                "back_ms": state.silence.back_ms,
                "awake_ms": state.silence.awake_ms,
            },
            "levels": list(self._doubts.channels),
            "doubt": cols.dump(state.doubt),
            "gauge_channels": self._gauges.channels,
            "gauges": gauges.dump(state.gauges),
            "stations": self._stations.dump(state.stations),
            "open": [notice.as_json() for notice in state.book.open.values()],
            "gone": [[key.kind.value, key.text, ms] for key, ms in state.book.gone_ms.items()],
            "simulated": sorted(state.said.simulated),
            "real": sorted(state.said.real),
            "mark": state.mark,
            "now_ms": state.now_ms,
        }
        return json.dumps(kept).encode()

    def restore(self, data: bytes) -> State:
        """What `dump` gave; channels and stations that have come since begin anew, those that are gone go.

        Raises LookupError, TypeError or ValueError on anything else.
        """
        kept: dict[str, Any] = json.loads(data)
        if kept["form"] != FORM:
            raise ValueError(f"of form {kept['form']}, not {FORM}")
        state = self.initial()
        cols.restore(state.columns, kept["columns"], *_both(kept["channels"], self._channels.tolist()))
        cols.restore(state.doubt, kept["doubt"], *_both(kept["levels"], self._doubts.channels))
        self._gauges.restore(state.gauges, kept["gauges"], *_both(kept["gauge_channels"], self._gauges.channels))
        gateways = self._catalogue.gateways
        silence = kept["silence"]
        state.silence = SilenceState(
            {g: int(ms) for g, ms in silence["gateways"].items() if g in gateways},
            {g: int(ms) for g, ms in silence["back_ms"].items() if g in gateways},
            int(silence["awake_ms"]),
        )
        state.stations = self._stations.restore(kept["stations"])
        for body in kept["open"]:
            notice = MaintenanceNotice.from_json(body)
            state.book.open[Place(notice.kind, notice.place)] = notice
        state.book.gone_ms.update({Place(kind_of(kind), text): int(ms) for kind, text, ms in kept["gone"]})
        state.said = Said(frozenset(kept["simulated"]), frozenset(kept.get("real", ())))
        state.mark, state.now_ms = int(kept["mark"]), int(kept["now_ms"])
        return state


def _both(stored: Sequence[int], now: Sequence[int]) -> tuple[Int64s, Int64s]:
    """The rows of those that are in both: in what was stored, and now."""
    place = {c: n for n, c in enumerate(now)}
    pairs = [(n, place[c]) for n, c in enumerate(stored) if c in place]
    found = np.array(pairs, np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]
