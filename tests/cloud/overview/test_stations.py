"""Rows of stations: what stays as it is stays the same object, so that thousands cost as much as those that alter."""

from __future__ import annotations

import numpy as np

from cloud.api.latest import LatestTable
from cloud.overview.document import main_channel
from cloud.overview.stations import StationRows
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag, ReadingBatch
from tests.cloud.web.test_state import Said

NOW_MS = 1_783_000_000_000


def test_a_row_is_made_anew_only_when_it_differs(small_district: Catalogue) -> None:
    main = {s.id: main_channel(small_district, s) for s in small_district.stations.values()}
    rows = StationRows(small_district, main)
    channels = sorted(c for c in main.values() if c is not None)
    value = np.zeros(len(channels))

    def now(time_ms: int) -> dict[str, dict[str, object]]:
        heard = ReadingBatch.of([time_ms] * len(channels), channels, value.copy(), [Flag.PASS] * len(channels))
        columns = LatestTable(small_district, channels).columns(Said(small_district, heard, NOW_MS).services)
        return {str(row["id"]): row for row in rows.now(columns, (), {})}

    first, same = now(NOW_MS), now(NOW_MS)
    assert all(first[s] is same[s] for s in first)
    value[channels.index(101)] = 0.3
    after = now(NOW_MS)
    assert [s for s in first if after[s] is not same[s]] == ["u1"]
    assert (first["u1"]["value"], after["u1"]["value"]) == (0.0, 0.3)
    assert {s["state"] for s in now(NOW_MS - 86_400_000).values()} == {"unknown"}


def test_a_station_without_a_sensor_is_unknown(small_district: Catalogue) -> None:
    rows = StationRows(small_district, dict.fromkeys(small_district.stations))
    columns = LatestTable(small_district, []).columns(Said(small_district, ReadingBatch.empty()).services)
    found = rows.now(columns, (), {})
    assert {(r["state"], r["value"], r["time"], r["channel"]) for r in found} == {("unknown", None, None, None)}
    assert len(found) == len(small_district.stations)
