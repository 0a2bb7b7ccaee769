"""An InfluxDB that is absent or refuses holds up its own view, which then catches up."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from cloud.series.influx import InfluxStore
from cloud.views.base import Poisoned, RetryLater
from tests.cloud.series.support import START_MS, oracle, random_log, rows_of
from tests.influxd import influx

pytestmark = pytest.mark.servers
ALL = (START_MS - 10**9, START_MS + 10**9)


def test_absent_then_killed_then_back(tmp_path: Path) -> None:
    log = random_log(1, 60, 2)
    with influx(tmp_path) as server:
        store = InfluxStore(server.url, server.org, server.new_bucket(), server.token, tmp_path / "cursor")
        store.apply(log[:20])
        server.kill()
        with pytest.raises(RetryLater):
            store.apply(log[20:])
        assert store.cursor() == log[19].offset
        server.start()
        store.apply(log[20:])
        assert rows_of(store.raw((101, 102, 201), *ALL)) == oracle(log)
        store.close()


def test_a_refused_token_or_bucket_waits(tmp_path: Path) -> None:
    log = random_log(1, 5, 1)
    with influx(tmp_path) as server:
        for bucket, token in (("nowhere", server.token), (server.new_bucket(), "wrong")):
            store = InfluxStore(server.url, server.org, bucket, token, tmp_path / "cursor")
            with pytest.raises(RetryLater):
                store.apply(log)
            assert store.cursor() == 0
            store.close()


def test_a_point_the_server_can_never_take_is_named(tmp_path: Path) -> None:
    log = random_log(1, 10, 1)
    with influx(tmp_path) as server:
        bucket = server.new_bucket()
        # Somebody has made one series of this measurement hold text: its points conflict for ever.
        headers = {"authorization": f"Token {server.token}"}
        where = {"org": server.org, "bucket": bucket, "precision": "ms"}
        text = f'reading,channel=999 value="text" {START_MS}'
        httpx2.post(f"{server.url}/api/v2/write", params=where, content=text, headers=headers).raise_for_status()
        store = InfluxStore(server.url, server.org, bucket, server.token, tmp_path / "cursor")
        with pytest.raises(Poisoned) as caught:
            store.apply(log)
        assert caught.value.offset in {e.offset for e in log}
        store.close()
