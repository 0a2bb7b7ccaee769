"""A July of the shipped district, second by second as it was, and as a cloud has heard it.

Thirty days came late, as history; the last, with a storm, came live until 20:00, which is now. One reading in ten
minutes, in the storm one a minute. Nothing here is read from the code that answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import yaml

from cloud.access.access import Access
from cloud.api.app import create_app
from cloud.app.cloud import Cloud
from cloud.config import load_config
from cloud.log.base import NewEntry
from contract.catalogue.places import RainFormula
from contract.clock import Clock
from contract.readings import Flag, ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane
from tests.cloud.api.asking import Http

JINSHUI = Path(__file__).parents[3] / "configs/districts/jinshui"
BEGIN = pd.Timestamp("2021-06-30T16:00Z")
LIVE = pd.Timestamp("2021-07-31T03:00Z")
NOW = pd.Timestamp("2021-07-31T12:00Z")
SECONDS = int((NOW - BEGIN).total_seconds())
# When u1's road is wet, and how deep, m; the last one rises as we ask.
FLOODS = {"2021-07-12T06:00Z": 0.35, "2021-07-31T06:00Z": 0.62, "2021-07-31T11:45Z": 0.12}
SILENT = ("2021-07-20T02:00Z", "2021-07-20T15:30Z")  # u1's gauge
FAULT = ("2021-07-31T06:30Z", "2021-07-31T07:45Z")  # of u1's first pump
NO_MAINS = ("2021-07-31T07:00Z", "2021-07-31T07:20Z")  # at u1
EXCHANGED = "2021-07-16T00:00Z"  # r1's gauge
FORMULA = RainFormula(a=12.0, c=0.8, b=10.0, n=0.75, longest_min=180)
NORTH, RADIO = "gw-north", "gw-radio"
Frame = pd.DataFrame


def second(time: str | pd.Timestamp) -> int:
    return int((pd.Timestamp(time) - BEGIN).total_seconds())


def _moments() -> np.ndarray:
    """Seconds from the beginning at which a gateway reads: ten minutes apart, one in the two floods."""
    calm = np.arange(0, SECONDS + 1, 600)
    wet = [np.arange(second(f) - 3 * 3600, min(second(f) + 8 * 3600, SECONDS + 1), 60) for f in FLOODS]
    return np.unique(np.concatenate([calm, *wet]))


def depth(peak: float, at: np.ndarray, begin: str) -> np.ndarray:
    """Up in half an hour, down in two."""
    s = at - second(begin)
    return np.where(s < 1800, peak * s / 1800, peak * (1 - (s - 1800) / 7200)).clip(0)


def readings() -> dict[str, Frame]:
    """Gateway -> ms, channel, value, flag, by time and channel."""
    at = _moments()
    rng = np.random.default_rng(20210731)
    street = sum(depth(peak, at, begin) for begin, peak in FLOODS.items())
    # The bucket of 0.2 mm: rain before each flood, and a shower a week.
    falls = np.zeros(len(at))
    for begin in FLOODS:
        falls += (at >= second(begin) - 5400) & (at < second(begin) + 3600)
    falls = falls * rng.poisson(5, len(at)) + (rng.random(len(at)) < 0.004) * rng.poisson(3, len(at))
    total = 0.2 * np.cumsum(falls)
    exchanged = np.searchsorted(at, second(EXCHANGED))  # for a gauge with another total
    total[exchanged:] += 40 - total[exchanged]
    total = np.round(total, 1)
    runs = (street > 0.02) | (at % 7200 < 1200)
    hours = np.round(np.concatenate(([0.0], np.cumsum(np.diff(at) * runs[:-1]))) / 3600, 3) + 1000
    starts = 50.0 + np.cumsum(np.diff(runs.astype(int), prepend=0) == 1)
    fault, no_mains = ((at >= second(a)) & (at < second(b)) for a, b in (FAULT, NO_MAINS))
    of: dict[int, np.ndarray] = {
        101: np.round(street, 3),
        411: np.round(0.5 * street, 3),
        421: np.zeros(len(at)),
        111: np.round(2.0 + 0.5 * np.sin(at / 3000), 3),
        113: runs.astype(float),
        114: fault.astype(float),
        116: 1.0 - no_mains,
        118: hours,
        120: starts,
        611: total,
    }
    parts = [Frame({"s": at, "channel": c, "value": v, "flag": Flag.PASS}) for c, v in of.items()]
    north = pd.concat(parts)
    silent = (north.channel == 101) & north.s.between(second(SILENT[0]), second(SILENT[1]))
    bad = (north.channel == 101) & (north.s == second("2021-07-05T00:00Z"))
    north.loc[bad, ["value", "flag"]] = [7.7, Flag.FAIL]  # an echo
    radio = pd.concat(
        Frame({"s": at, "channel": c, "value": np.round(v, 2), "flag": Flag.PASS})
        for c, v in ((462, 3.6 - 0.5 * at / SECONDS), (472, np.full(len(at), 3.6)), (461, np.zeros(len(at))))
    )
    return {NORTH: _by_time(north[~silent]), RADIO: _by_time(radio[radio.s % 600 == 0])}


def _by_time(frame: Frame) -> Frame:
    found = frame.sort_values(["s", "channel"], ignore_index=True)
    return found.assign(ms=found.s * 1000 + BEGIN.value // 1_000_000)


def heard(folder: Path) -> Iterator[tuple[Http, dict[str, Frame]]]:
    """The API of a cloud that heard all of it."""
    config = folder / "cloud.yaml"
    settings = {"catalogue": str(JINSHUI), "data_dir": str(folder / "data"), "access": {"mode": "open"}}
    config.write_text(yaml.safe_dump(settings))
    cloud = Cloud(load_config(config))
    frames = readings()
    live_ms = LIVE.value // 1_000_000
    entries = [e for gateway, rows in frames.items() for e in _entries(cloud, gateway, rows, live_ms)]
    entries.sort(key=lambda e: e[0])
    for now_ms, entry in entries:
        cloud.log.append([entry], now_ms)
    cloud.log.tick(NOW.value // 1_000_000)
    for runner in cloud.runners:
        while runner._step():
            pass
    clock = cast(Clock, SimpleNamespace(now_ms=lambda: NOW.value // 1_000_000))
    district = cloud.services.catalogue.district.model_copy(update={"rain_formula": FORMULA})
    catalogue = replace(cloud.services.catalogue, district=district)
    services = replace(cloud.services, clock=clock, catalogue=catalogue)
    yield Http(create_app(services, Access(cloud.ledger, cloud.config.file.access))), frames
    cloud.ledger.dispose()
    cloud.log.close()


def _entries(cloud: Cloud, gateway: str, rows: Frame, live_ms: int) -> Iterator[tuple[int, NewEntry]]:
    """What is older came a day at a time as the live part began; the rest as it was read."""
    seq = 0
    for _, day in rows[rows.ms < live_ms].groupby(rows.s // 86_400):
        seq += 1
        yield live_ms, _entry(gateway, seq, Lane.HISTORY, day)
    for ms, some in rows[rows.ms >= live_ms].groupby("ms"):
        seq += 1
        yield int(cast(Any, ms)), _entry(gateway, seq, Lane.LIVE, some)


def _entry(gateway: str, seq: int, lane: Lane, rows: Frame) -> NewEntry:
    batch = ReadingBatch.of(rows.ms.tolist(), rows.channel.tolist(), rows.value.tolist(), rows.flag.tolist())
    payload = encode_batch(WireBatch(gateway, 7, seq, lane, batch))
    return NewEntry(gateway, 7, seq, lane, int(rows.ms.min()), int(rows.ms.max()), payload)
