"""Warnings for a city: 50,000 watched channels in 500 zones, log entries of 50 readings of one gateway each.

`step` is the pure engine; `apply` adds the ledger (SQLite on disk, an entry at a time, as when the view is not behind)
and is measured a second time with 100 entries at once. One channel in two hundred is under water, so incidents come and
go on. `backlog` is the pure engine on 2,000 entries at once. Dry. A storm: water rises by a centimetre a minute in all
channels of one zone in ten, 5 mm up and down. Jumping: one channel in ten of every zone, whose water jumps by 5 cm up
and down from minute to minute, faster than any water, in 500 incidents at once. `restart` is after a crash; `rebuild`
takes a part of an hour of that log, and the year is that rate times the readings of a year: a district is the
demonstration's, every channel of it every 30 s, every value sent.
"""

from __future__ import annotations

import gc
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from cloud.ledger.open import open_ledger
from cloud.log.base import Entry, EntryKind
from cloud.warnings.engine import Engine
from cloud.warnings.settings import WarningSettings
from cloud.warnings.view import open_view
from cloud.warnings.waiting import Waiting
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, decode_batch, encode_batch
from contract.wire.envelope import Lane
from host.district_folder import load

CHANNELS, ZONES, PER_ENTRY, PERIOD_S = 50_000, 500, 50, 60
BACKLOG = 2000
START_MS = 1_626_768_000_000


def small() -> Catalogue:
    """The demonstration's district."""
    return load(Path(__file__).parents[1] / "configs/districts/jinshui")


def city() -> Catalogue:
    """One real station of the demonstration's district, fifty thousand times."""
    of = small()
    one = next(c for c in of.channels.values() if c.quantity is Quantity.DEPTH and c.id in of.rules_by_channel)
    zone = of.zones[one.station.zone]
    zones = {f"z{n}": zone.model_copy(update={"id": f"z{n}", "incident_group": None}) for n in range(ZONES)}
    stations, channels = {}, {}
    for n in range(1, CHANNELS + 1):
        where = f"z{n * ZONES // (CHANNELS + 1)}"
        stations[f"s{n}"] = one.station.model_copy(update={"id": f"s{n}", "zone": where})
        channels[n] = replace(one, id=n, station=stations[f"s{n}"], gateway=where)
    return replace(of, zones=zones, stations=stations, channels=channels)


def entries(count: int, share: float = 0.005, storm: bool = False) -> list[Entry]:
    """The channels by turns, each once a minute. share: of them, under water that jumps. storm: share is of the zones
    instead, and water rises."""
    chance = np.random.default_rng(1)
    zone = np.arange(CHANNELS + 1) * ZONES // (CHANNELS + 1)
    wet = zone % round(1 / share) == 0 if storm else chance.random(CHANNELS + 1) < share
    begin_m = np.random.default_rng(2).uniform(0.0, 0.5, CHANNELS + 1)
    out = []
    for k in range(count):
        numbers = (np.arange(PER_ENTRY) + k * PER_ENTRY) % CHANNELS + 1
        now_ms = START_MS + int(k * PER_ENTRY / CHANNELS * PERIOD_S * 1000)
        if storm:
            minutes = k * PER_ENTRY / CHANNELS
            depth_m = begin_m[numbers] + 0.01 * minutes + chance.uniform(-0.005, 0.005, PER_ENTRY)
        else:
            depth_m = 0.2 + chance.normal(0, 0.05, PER_ENTRY)
        value = np.where(wet[numbers], np.maximum(np.round(depth_m, 3), 0.0), 0.0)
        readings = ReadingBatch.of(np.full(PER_ENTRY, now_ms), numbers, value, np.ones(PER_ENTRY))
        payload = encode_batch(WireBatch("gw", 1, k + 1, Lane.LIVE, readings))
        out.append(Entry(k + 1, now_ms, EntryKind.BATCH, "gw", 1, k + 1, Lane.LIVE, now_ms, now_ms, payload))
    return out


def run(steps: int = 6000, alone: int = 500) -> dict[str, float | str]:
    catalogue, log = city(), entries(steps)
    figures: dict[str, float | str] = {"watched channels": float(CHANNELS), "readings an entry": float(PER_ENTRY)}
    engine = Engine(catalogue, WarningSettings())
    batches = [(decode_batch(e.payload).readings, e.append_ms) for e in log]
    state = engine.initial()
    messages, began = 0, time.process_time()
    for batch, now_ms in batches:
        state, outcome = engine.step(state, batch, now_ms)
        messages += len(outcome.messages)
    _rate(figures, "step", time.process_time() - began, steps)
    figures["messages in it"] = float(messages)
    gc.collect()
    gc.freeze()  # as the cloud does once it has started
    for name, share, storm in (("dry", 0.0, False), ("a storm", 0.1, True), ("a tenth jumping", 0.1, False)):
        backlog = [(decode_batch(e.payload).readings, e.append_ms) for e in entries(2 * BACKLOG, share, storm)]
        state, _ = engine.steps(engine.initial(), _waiting(backlog[:BACKLOG]))
        waiting = _waiting(backlog[BACKLOG:])
        began = time.process_time()
        _, outcomes = engine.steps(state, waiting)
        _rate(figures, f"backlog, {name}", time.process_time() - began, BACKLOG)
        figures[f"backlog, {name}: messages in it"] = float(sum(len(o.messages) for o in outcomes))
    gc.unfreeze()
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite", whole=True)
        view = open_view(ledger, catalogue)
        first = min(CHANNELS // PER_ENTRY, steps - alone)  # in which each channel is heard for the first time
        view.apply(log[:first])
        began = time.process_time()
        for entry in log[first : first + alone]:
            view.apply([entry])
        _rate(figures, "apply, an entry at a time", time.process_time() - began, alone)
        first += alone
        began = time.process_time()
        for at in range(first, steps, 100):
            view.apply(log[at : at + 100])
        if steps > first:
            _rate(figures, "apply, 100 entries at once", time.process_time() - began, steps - first)
        ledger.dispose()  # as in a crash: what is behind the last snapshot is applied again
        began = time.process_time()
        ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
        view = open_view(ledger, catalogue)
        figures["restart: entries behind the snapshot"] = float(steps - view.cursor())
        if view.cursor() < steps:
            view.apply(log[view.cursor() :])
        figures["restart, with the engine: CPU s"] = time.process_time() - began
        view.reset()
        began = time.process_time()
        for at in range(0, steps, BACKLOG):
            view.apply(log[at : at + BACKLOG])
        rebuild_s = time.process_time() - began
        _rate(figures, "rebuild", rebuild_s, steps)
        year = len(small().channels) * 365 * 86_400 / 30
        figures["a year of the demonstration's district, every 30 s: CPU minutes by that rate"] = (
            year / (steps * PER_ENTRY) * rebuild_s / 60
        )
        ledger.dispose()
    return figures


def _waiting(log: list[tuple[ReadingBatch, int]]) -> Waiting:
    entry = np.repeat(np.arange(len(log)), [len(batch) for batch, _ in log])
    now_ms = np.array([now for _, now in log], np.int64)
    return Waiting(ReadingBatch.concat([batch for batch, _ in log]), entry, now_ms, [()] * len(log))


def _rate(figures: dict[str, float | str], what: str, cpu_s: float, count: int) -> None:
    figures[f"{what}: CPU ms an entry"] = cpu_s / count * 1000
    figures[f"{what}: readings per CPU second"] = count * PER_ENTRY / cpu_s
