"""Readings stored durably and acknowledged per CPU second of the receiving process, beside the bare receive limit.

mosquitto between; the same client library in both; the bare one only counts. Aim: 60 % of the bare limit, and 1.5
million readings a CPU second at 100 readings a message.
"""

from __future__ import annotations

import multiprocessing as mp
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt

from benchmarks.edge import REGISTERS, UNITS, district
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane
from simulators.processes.mosquitto import mosquitto

MESSAGES, RUNS = 6000, 3
TOPIC = "headwater/1/bench/gw/up/live"


def payloads(per_message: int) -> list[bytes]:
    chance = np.random.default_rng(3)
    numbers = np.array([u * 100 + i for u in range(1, UNITS + 1) for i in range(REGISTERS)], np.uint32)
    now_ms = time.time_ns() // 1_000_000 // 1000 * 1000
    out = []
    for seq in range(1, MESSAGES + 1):
        at = (seq * per_message) % len(numbers)
        channel = np.roll(numbers, -at)[:per_message]
        value = np.round(0.3 + chance.normal(0, 0.01, per_message), 3)
        readings = ReadingBatch.of(np.full(per_message, now_ms + seq * 10), channel, value, np.ones(per_message))
        out.append(encode_batch(WireBatch("gw", 1, seq, Lane.LIVE, readings)))
    return out


def receive(folder: Path, port: int, durable: bool, ready: Any, done: Any) -> None:
    """The process that is measured: sends its CPU seconds when all messages are in (and, durable, in the log)."""
    if durable:
        from cloud.ingest.admission import Admission
        from cloud.ingest.ingest import Ingest
        from cloud.ingest.mqtt import MqttReceiver
        from cloud.ingest.quarantine import Quarantine
        from cloud.log.open import open_log
        from contract.clock import SystemClock
        from host.district_folder import load

        catalogue = load(folder / "district")
        data = Path(tempfile.mkdtemp(dir=folder))
        ingest = Ingest(Admission(catalogue), open_log(data), Quarantine(data / "q.sqlite"), "bench", ["gw"])
        service = MqttReceiver("127.0.0.1", port, ingest, SystemClock(), "bench")
        service.start()
        while service.trouble():
            time.sleep(0.05)
        time.sleep(0.3)
        before = _cpu_s()
        ready.put(True)
        while ingest.counters().get("batches_stored", 0) < MESSAGES:
            time.sleep(0.02)
        done.put(_cpu_s() - before)
        service.stop()
        return
    count = 0

    def on_message(_c: object, _u: object, _m: object) -> None:
        nonlocal count
        count += 1

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="bare", clean_session=True)
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.subscribe(TOPIC, qos=1)
    client.loop_start()
    time.sleep(0.5)
    before = _cpu_s()
    ready.put(True)
    while count < MESSAGES:
        time.sleep(0.02)
    done.put(_cpu_s() - before)
    client.loop_stop()


def one(folder: Path, port: int, durable: bool, messages: list[bytes]) -> float:
    context = mp.get_context("spawn")
    ready, done = context.SimpleQueue(), context.SimpleQueue()
    child = context.Process(target=receive, args=(folder, port, durable, ready, done), daemon=True)
    child.start()
    ready.get()
    sender = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="sender")
    sender.max_inflight_messages_set(200)
    sender.connect("127.0.0.1", port)
    sender.loop_start()
    for payload in messages:
        sender.publish(TOPIC, payload, qos=1)
    spent_s = float(done.get())
    sender.disconnect()
    sender.loop_stop()
    child.join(10)
    _forget_session(port)
    return spent_s


def _forget_session(port: int) -> None:
    """Else the broker keeps the next run's messages for the receiver, which takes them in before it is measured."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="headwater-cloud-bench", clean_session=True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    time.sleep(0.3)
    client.disconnect()
    client.loop_stop()


def run() -> dict[str, float | str]:
    out: dict[str, float | str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        district(folder / "district", 1)
        with mosquitto(folder / "broker") as broker:
            for per_message in (50, 100):
                messages = payloads(per_message)
                bare, durable = [], []
                for _ in range(RUNS):
                    bare.append(one(folder, broker.port, False, messages))
                    durable.append(one(folder, broker.port, True, messages))
                total = MESSAGES * per_message
                out[f"{per_message} a message: stored and acknowledged, readings/CPU s"] = total / statistics.median(
                    durable
                )
                out[f"{per_message} a message: bare receive, readings/CPU s"] = total / statistics.median(bare)
                out[f"{per_message} a message: share of the bare limit"] = statistics.median(
                    b / d for b, d in zip(bare, durable, strict=True)
                )
    return out


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
