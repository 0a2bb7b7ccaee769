"""A real `headwater-cloud serve` that requires logins, with four people and two batches in quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from cloud.access import people
from cloud.access.scopes import Role
from cloud.config import CloudConfig, load_config
from cloud.ingest.admission import Refusal
from cloud.ingest.quarantine import Quarantine
from cloud.ledger.open import open_ledger
from contract.clock import SystemClock
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane, RefusalReason
from tests.conftest import SMALL_DISTRICT
from tests.servers import command

PASSWORD = "correct horse battery"
PEOPLE = {"ada": Role.ADMINISTRATOR, "erik": Role.ENGINEER, "otto": Role.APPROVER, "vera": Role.VIEWER}
MENDED, STILL_BAD = 1, 2  # ids in quarantine


def write_config(folder: Path, access: dict | None = None) -> Path:
    path = folder / "cloud.yaml"
    config = {"catalogue": str(SMALL_DISTRICT), "data_dir": "data", "broker": {"embedded": True, "port": 0}}
    path.write_text(
        yaml.safe_dump(
            {
                **config,
                "http": {"port": 0, "trusted_proxies": ["127.0.0.1/32"]},
                **({"access": access} if access else {}),
            }
        )
    )
    return path


def add_people(config: CloudConfig) -> None:
    ledger = open_ledger(config.ledger_url)
    for name, role in PEOPLE.items():
        people.add(ledger, name, role, PASSWORD, SystemClock().now_ms(), "shell:test")
    ledger.dispose()


def fill_quarantine(config: CloudConfig) -> None:
    """The first would pass by the catalogue as it is now; the second never will."""
    now_ms = SystemClock().now_ms()
    kept = Quarantine(config.data_dir / "quarantine.sqlite")
    topic = "headwater/1/small/gw-1/up/live"
    for seq, time_ms, reason in (
        (MENDED, now_ms - 60_000, RefusalReason.FOREIGN_CHANNEL),
        (STILL_BAD, 1000, RefusalReason.TIME_PAST),
    ):
        readings = ReadingBatch.of([time_ms], [101], [0.25], [1])
        payload = encode_batch(WireBatch("gw-1", 7, seq, Lane.LIVE, readings))
        kept.keep([Refusal(topic, "gw-1", 7, seq, reason, "as it was then", payload)], now_ms)
    kept.close()


@contextmanager
def cloud(folder: Path) -> Iterator[tuple[str, CloudConfig, Path]]:
    """Its address, its configuration, and the file of its log."""
    path = write_config(folder)
    config = load_config(path)
    config.data_dir.mkdir()
    add_people(config)
    fill_quarantine(config)
    errors = folder / "cloud.log"
    with command("cloud.cli", "serve", "--config", str(path), errors=errors) as ready:
        yield ready["http"], config, errors
