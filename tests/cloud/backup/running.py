"""A cloud that runs in this process, but for its broker: a gateway hands its batches straight to the receiver."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from cloud.app.cloud import Cloud
from cloud.config import load_config
from cloud.ingest.admission import InboundMessage
from cloud.ingest.ingest import Ingest
from contract.readings import ReadingBatch
from contract.wire.ack import decode_ack
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane
from contract.wire.topics import Topic, TopicKind
from tests.conftest import SMALL_DISTRICT
from tests.waiting import until

START_MS = 1_800_000_000_000
RULES = "rules:\n  - {id: depth, channels: [101], levels: {red: 0.5}, on_delay_s: 2}\n"
SPOOL = 7


def config(folder: Path, **more: object) -> Path:
    """A cloud with a consumer that is a file, told.jsonl."""
    shutil.copytree(SMALL_DISTRICT, folder / "district", dirs_exist_ok=True)
    (folder / "district" / "rules.yaml").write_text(RULES)
    path = folder / "cloud.yaml"
    settings: dict[str, Any] = {
        "catalogue": "district",
        "data_dir": "data",
        "broker": {"embedded": True, "port": 0},
        "http": {"port": 0},
        "access": {"mode": "open"},
        "clock": f"scaled:{START_MS},60,{time.time_ns() // 1_000_000}",
        "delivery": [{"kind": "log", "name": "file", "path": "told.jsonl"}],
        **more,
    }
    path.write_text(yaml.safe_dump(settings))
    return path


@contextmanager
def running(path: Path) -> Iterator[Cloud]:
    """Its views and sinks turn."""
    cloud = Cloud(load_config(path))
    parts = (*cloud.runners, *cloud.dispatchers)
    for part in parts:
        part.start()
    try:
        yield cloud
    finally:
        for part in parts:
            part.stop()
        cloud.ledger.dispose()
        cloud.quarantine.close()
        cloud.log.close()


def told(folder: Path) -> list[str]:
    """Ids of messages, as often as the consumer got them."""
    path = folder / "told.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line["id"] for line in lines if line["type"] == "warning"]


class Gateway:
    """Sends a reading of an underpass at a time, and remembers what was acknowledged, which it then forgets."""

    def __init__(self) -> None:
        self.depth_m = 0.0
        self.next_seq = 1
        self.acknowledged = 0

    def send(self, cloud: Cloud) -> None:
        """One batch, until it is acknowledged."""
        now_ms = cloud.clock.now_ms()
        batch = WireBatch(
            "gw-1", SPOOL, self.next_seq, Lane.LIVE, ReadingBatch.of([now_ms], [101], [self.depth_m], [1])
        )
        topic = str(Topic("small", "gw-1", TopicKind.LIVE))
        acks = cloud.ingest.take([InboundMessage(topic, encode_batch(batch))], now_ms)
        (ack,) = [decode_ack(a.payload) for a in acks]
        assert self.next_seq in ack.seqs or ack.prefix >= self.next_seq
        self.acknowledged = self.next_seq
        self.next_seq += 1

    def say(self, ingest: Ingest) -> None:
        """Who it is, and that it waits for nothing that was acknowledged."""
        birth = Birth("gw-1", SPOOL, self.next_seq, "v", START_MS, floor=self.acknowledged + 1)
        ingest.heard_of(InboundMessage(str(Topic("small", "gw-1", TopicKind.BIRTH)), encode_birth(birth)), START_MS)


@contextmanager
def sending(gateway: Gateway, cloud: Cloud) -> Iterator[None]:
    """Without a pause, from a thread of its own."""
    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            gateway.send(cloud)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def caught_up(cloud: Cloud) -> None:
    until(lambda: not any(r.state().behind for r in cloud.runners))
    until(lambda: not any(d.state().waiting for d in cloud.dispatchers))
