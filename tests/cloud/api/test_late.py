"""Readings that came too late to warn: who asks finds them, by channel and time, page by page."""

from __future__ import annotations

from pathlib import Path

from cloud.access.access import Access
from cloud.api.app import create_app
from contract.clock import iso
from tests.cloud.api.asking import Http
from tests.fuzz.api import message, settled
from tests.fuzz.shells import NOW_MS

HOUR_MS = 3_600_000


def test_late_readings_that_would_have_warned(tmp_path: Path) -> None:
    cloud = settled(tmp_path)
    came_ms = NOW_MS + 600_000
    times = [NOW_MS - 3 * HOUR_MS, NOW_MS - 2 * HOUR_MS]
    for seq, (time_ms, depth_m) in enumerate(zip(times, (0.55, 0.01), strict=True), 20):
        cloud.ingest.take([message(cloud, seq, time_ms, depth_m)], came_ms)
    cloud.ingest.take([message(cloud, 22, NOW_MS - HOUR_MS, 0.16)], came_ms)
    for runner in cloud.runners:
        while runner._step():
            pass
    app = create_app(cloud.services, Access(cloud.ledger, cloud.config.file.access))
    http = Http(app)
    found = http.get("/v1/late").json()
    assert [(r["channel"], r["time"], r["value"], r["level"]) for r in found] == [
        (101, iso(NOW_MS - HOUR_MS), 0.16, "yellow"),
        (101, iso(NOW_MS - 3 * HOUR_MS), 0.55, "red"),
    ]
    assert {r["came"] for r in found} == {iso(came_ms)}
    first = {"limit": 1, "before": found[0]["number"]}
    assert http.get("/v1/late", params=first).json() == found[1:]
    assert http.get("/v1/late", params={"from": times[0], "to": times[1]}).json() == found[1:]
    assert http.get("/v1/late", params={"channel": 201}).json() == []
    assert http.get("/v1/late", params={"from": "yesterday"}).status_code == 422
    cloud.ledger.dispose()
    cloud.log.close()
