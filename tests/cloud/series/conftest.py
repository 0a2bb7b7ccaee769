"""A store of every engine, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.series.base import SeriesStore
from cloud.series.influx import InfluxStore
from cloud.series.parquet import ParquetStore
from tests.cloud.series.support import Open
from tests.influxd import Influx, influx


@pytest.fixture(scope="module")
def influxd(tmp_path_factory) -> Iterator[Influx]:
    with influx(tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture(params=["parquet", pytest.param("influx", marks=[pytest.mark.servers, pytest.mark.unhurried])])
def opened(request, tmp_path: Path) -> Iterator[Open]:
    """Opens the store of this test, again and again: as a restart does."""
    stores: list[SeriesStore] = []
    bucket = request.getfixturevalue("influxd").new_bucket() if request.param == "influx" else ""

    def open_again() -> SeriesStore:
        if stores:
            stores[-1].close()
        if bucket:
            server = request.getfixturevalue("influxd")
            stores.append(InfluxStore(server.url, server.org, bucket, server.token, tmp_path / "cursor"))
        else:
            stores.append(ParquetStore(tmp_path / "series"))
        return stores[-1]

    yield open_again
    if stores:
        stores[-1].close()
