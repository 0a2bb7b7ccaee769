"""A made month as files: a table that `headwater-cloud import` takes, its mapping, and what was made to go wrong."""

from __future__ import annotations

import calendar
import csv
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import yaml

from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.clock import iso, to_ms
from contract.readings import Int64s
from simulators.month.made import Month, made

_CALM_MIN, _WET_AROUND_MIN = 5, 120


def write(catalogue: Catalogue, seed: int, year: int, month: int, days: int | None, folder: Path) -> dict[str, Any]:
    """month.csv, mapping.yaml and truth.json in that folder. days: only the first ones; None: all. Gives what was
    written. Raises OSError, ValueError.

    A row in five minutes, one a minute around rain; times are of the district's clock.
    """
    zone = ZoneInfo(catalogue.district.time_zone)
    begin = datetime(year, month, 1, tzinfo=zone)
    length = calendar.monthrange(year, month)[1] if days is None else min(days, calendar.monthrange(year, month)[1])
    end = datetime(year, month, 1, tzinfo=zone) + timedelta(days=length)  # by the clock of the place
    begin_ms, end_ms = to_ms(begin), to_ms(end)
    found = made(catalogue, (end_ms - begin_ms) // 60_000, seed)
    folder.mkdir(parents=True, exist_ok=True)
    at = rows_of(found)
    infos = [catalogue.channels[c] for c in sorted(found.values)]
    readings = _table(folder / "month.csv", found, infos, at, begin_ms, zone)
    mapping = yaml.safe_dump(_mapping(catalogue, infos), allow_unicode=True, sort_keys=False)
    (folder / "mapping.yaml").write_text(mapping, encoding="utf-8")
    truth = {"seed": seed, "begin": iso(begin_ms), "end": iso(end_ms), "wrong": found.wrong}
    truth["rain_mm"] = {str(c): round(float(mm.sum()), 1) for c, mm in found.rain_mm.items()}
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    return {"folder": str(folder), "rows": len(at), "readings": readings, "begin": iso(begin_ms), "end": iso(end_ms)}


def rows_of(found: Month) -> Int64s:
    """Which minutes are rows of the table."""
    falls = np.zeros(found.minutes, np.bool_)
    for mm in found.rain_mm.values():
        falls |= mm > 0.01
    around = np.convolve(falls, np.ones(2 * _WET_AROUND_MIN + 1), "same") > 0
    return np.flatnonzero(around | (np.arange(found.minutes) % _CALM_MIN == 0))


def column_of(c: ChannelInfo) -> str:
    return f"{c.station.id} {c.register.name} [{c.unit}]"


def _table(path: Path, found: Month, infos: list[ChannelInfo], at: Int64s, begin_ms: int, zone: ZoneInfo) -> int:
    """How many readings there are in it."""
    columns = [found.values[c.id][at].tolist() for c in infos]
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["time", *map(column_of, infos)])
        for n, minute in enumerate(at.tolist()):
            t = datetime.fromtimestamp(begin_ms / 1000 + 60 * minute, zone)
            # With the offset: where clocks go back an hour is there twice.
            out.writerow([t.isoformat(), *("" if v[n] != v[n] else f"{v[n]:g}" for v in columns)])
    return int(sum(np.count_nonzero(~np.isnan(found.values[c.id][at])) for c in infos))


def _mapping(catalogue: Catalogue, infos: list[ChannelInfo]) -> dict[str, Any]:
    return {
        "time": {"columns": ["time"], "zone": catalogue.district.time_zone},
        "channels": [{"column": column_of(c), "channel": c.id} for c in infos],
    }
