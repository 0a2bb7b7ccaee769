"""A data folder whose log is hours ahead of time: a real cloud frees it at its start, and a flood is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import httpx2
import pytest
import yaml

from cloud.log.base import EntryKind
from cloud.log.correction import decode_correction
from cloud.log.open import open_log
from contract.clock import SystemClock
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane
from simulators.processes.mqtt_client import Client
from tests.conftest import SMALL_DISTRICT
from tests.servers import command
from tests.waiting import until

HOUR_MS = 3_600_000
RULES = "rules:\n  - {id: depth, channels: [101], levels: {red: 0.5}, on_delay_s: 2}\n"
TOPIC = "headwater/1/small/gw-1"


def now_ms() -> int:
    return SystemClock().now_ms()


def write_config(folder: Path) -> Path:
    shutil.copytree(SMALL_DISTRICT, folder / "district")
    (folder / "district" / "rules.yaml").write_text(RULES)
    path = folder / "cloud.yaml"
    config = {
        "catalogue": "district",
        "data_dir": "data",
        "broker": {"embedded": True, "port": 0},
        "http": {"port": 0},
        "access": {"mode": "open"},
        "retention": {
            "log_days": 60,
            "raw_days": 500,
            "hourly_days": 500,
            "quarantine_days": 90,
            "audit_days": 4000,
            "warnings_days": 4000,
        },
    }
    path.write_text(yaml.safe_dump(config))
    return path


class Gateway:
    """Says who it is, and sends a reading of a flooded underpass twice a second while `send` is called."""

    def __init__(self, broker: str, simulated: bool) -> None:
        self._client = Client(int(broker.rpartition(":")[2]), None, client_id="gw-1")
        self._seq = self._sent_ms = 0
        birth = Birth("gw-1", 7, 1, "v", now_ms(), simulated=simulated)
        self._client.publish(f"{TOPIC}/birth", encode_birth(birth))

    def send(self) -> None:
        if now_ms() - self._sent_ms < 500:
            return
        self._seq, self._sent_ms = self._seq + 1, now_ms()
        readings = ReadingBatch.of([self._sent_ms], [101], [0.8 + self._seq / 1000])
        batch = WireBatch("gw-1", 7, self._seq, Lane.LIVE, readings)
        self._client.publish(f"{TOPIC}/up/live", encode_batch(batch))

    def close(self) -> None:
        self._client.close()


@pytest.mark.slow
@pytest.mark.parametrize("simulated", [False, True])
def test_a_flood_is_told_within_a_minute(tmp_path: Path, simulated: bool) -> None:
    config = write_config(tmp_path)
    log = open_log(tmp_path / "data")
    log.tick(now_ms() + 8 * HOUR_MS)
    log.close()
    began_ms = now_ms()
    with command("cloud.cli", "serve", "--config", str(config), errors=tmp_path / "log") as ready:
        until(lambda: httpx2.get(f"{ready['http']}/readyz").status_code == 200)
        gateway = Gateway(ready["broker"], simulated)
        messages: list[dict[str, object]] = []

        def told() -> bool:
            gateway.send()
            messages[:] = [m for i in httpx2.get(f"{ready['http']}/v1/warnings").json() for m in i["messages"]]
            return bool(messages)

        until(told, 60)
        gateway.close()
        assert httpx2.get(f"{ready['http']}/readyz").json()["troubles"] == []
    assert messages[0]["msgType"] == "Alert"
    log = open_log(tmp_path / "data")
    (note,) = log.notes(EntryKind.CLOCK)
    correction = decode_correction(note.payload)
    log.close()
    assert 0 <= correction.now_ms - began_ms < 60_000
    assert correction.was_ms - began_ms == pytest.approx(8 * HOUR_MS, abs=60_000)
    assert "8 h ahead of time" in (tmp_path / "log").read_text()
    assert json.loads((tmp_path / "data" / "clock.json").read_text())["step_ms"] == 0
