"""The sinks of a whole cloud: set up as the configuration says, told of one another, loud in metrics and page."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from sqlalchemy import update

from cloud.api.metrics import render_metrics
from cloud.app.cloud import Cloud
from cloud.config import load_config
from cloud.delivery.record import Record, Result
from cloud.overview.document import Shown
from cloud.warnings.tables import messages
from cloud.web.state import district_state
from tests.cloud.delivery.peers import peer, request_of
from tests.cloud.delivery.played import message, put
from tests.conftest import SMALL_DISTRICT
from tests.waiting import until


def config(folder: Path, port: int) -> Path:
    (folder / "key").write_text("whsec_" + base64.b64encode(bytes(range(24))).decode())
    url = f"http://127.0.0.1:{port}/"
    office = {"kind": "webhook", "name": "office", "url": url, "secret_files": ["key"], "refusals": 2, "parallel": 3}
    sinks = [office, {"kind": "log", "name": "file", "path": "told.jsonl"}]
    sinks.append({"kind": "log", "name": "idle", "path": "idle.jsonl", "enabled": False})
    start_ms = message(1, "x").sent_ms
    settings: dict[str, Any] = {"catalogue": str(SMALL_DISTRICT), "data_dir": "data", "delivery": sinks}
    settings |= {"broker": {"embedded": True, "port": 0}, "http": {"port": 0}, "access": {"mode": "open"}}
    settings |= {"egress": {"allow_networks": ["127.0.0.1/32"], "allow_http": ["127.0.0.1"]}}
    settings["clock"] = f"scaled:{start_ms},1,{time.time_ns() // 1_000_000}"
    (folder / "c.yaml").write_text(yaml.safe_dump(settings))
    return folder / "c.yaml"


@pytest.mark.parametrize("status", ["410 Gone", "422 No"])
def test_one_consumer_that_takes_nothing_is_loud_everywhere(tmp_path: Path, status: str) -> None:
    def answer(connection: Any) -> None:
        request_of(connection)
        connection.sendall(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())

    def told() -> list[dict[str, Any]]:
        path = tmp_path / "told.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    with peer(answer) as port:
        cloud = Cloud(load_config(config(tmp_path, port)))
        put(cloud.ledger, message(1, "i"))
        for d in cloud.dispatchers:
            d.start()
        try:
            gone = status.startswith("410")
            until(lambda: len(told()) == (2 if gone else 1))
            until(lambda: all((cloud.dispatchers[0].trouble(), cloud.dispatchers[2].trouble())))
            until(lambda: cloud.dispatchers[1].state().delivered == 1)
            if not gone:
                until(lambda: (cloud.dispatchers[0].state().noted or {}).get("set_aside"))
            troubles = cloud.services.health.troubles()
            metrics = render_metrics(cloud.services).decode().splitlines()
            page = orjson.loads(orjson.dumps(district_state(cloud.services, Shown(cloud.config.catalogue))))
            assert cloud.dispatchers[0].alive()
        finally:
            for d in cloud.dispatchers:
                d.stop()
    assert {line["type"] for line in told()} == ({"warning", "sink.gone"} if gone else {"warning"})
    (file, idle, office) = page["sinks"]  # by name
    assert (file["state"], file["delivered"], file["trouble"]) == ("working", 1, "")
    assert (idle["state"], idle["waiting"]) == ("off", 1)
    assert (office["state"], office["aside"]) == (("gone", []) if gone else ("working", ["m1"]))
    assert page["troubles"] == list(troubles)
    assert [t.partition(":")[0] for t in troubles] == ["sink office", "sink idle"]
    for line in (
        f'headwater_sink_state{{sink="office",state="gone"}} {float(gone)}',
        'headwater_sink_state{sink="idle",state="off"} 1.0',
        'headwater_sink_state{sink="file",state="working"} 1.0',
        f'headwater_sink_set_aside{{sink="office"}} {float(not gone)}',
        'headwater_sink_delivered_total{sink="file"} 1.0',
        'headwater_sink_expired_total{sink="office"} 0.0',
        'headwater_sink_superseded_total{sink="office"} 0.0',
        'headwater_sink_untold_total{sink="office"} 0.0',
        'headwater_sink_waiting{sink="file"} 0.0',
        'headwater_sink_trouble{sink="office"} 1.0',
        'headwater_sink_trouble{sink="file"} 0.0',
    ):
        assert line in metrics
    assert any(line.startswith('headwater_sink_last_success_seconds{sink="file"} ') for line in metrics)
    assert not any(line.startswith('headwater_sink_last_success_seconds{sink="office"} ') for line in metrics)
    assert any(line.startswith('headwater_sink_oldest_waiting_seconds{sink="idle"} ') for line in metrics)


def test_a_consumer_that_left_the_configuration_is_named_where_operators_look(tmp_path: Path) -> None:
    path = config(tmp_path, 1)
    before = Cloud(load_config(path))
    one = message(1, "i")
    put(before.ledger, one)
    with before.ledger.begin() as db:
        db.execute(update(messages).values(expires_ms=one.sent_ms + 3_600_000))
    Record(before.ledger, "old").begin([Result("m1", "", delivered_ms=one.sent_ms)], [], [], [], one.sent_ms)
    before.ledger.dispose()
    before.log.close()
    cloud = Cloud(load_config(path))
    troubles = [t for t in cloud.services.health.troubles() if t.startswith("sink old: ")]
    cloud.ledger.dispose()
    cloud.log.close()
    assert len(troubles) == 1
    assert "told of 1 incidents in force" in troubles[0]
