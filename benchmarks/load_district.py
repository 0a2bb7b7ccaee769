"""The district and the gateways of `benchmarks.load`."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt

from contract.ack import decode_ack
from contract.readings import ReadingBatch
from contract.wire import Lane, WireBatch, encode_batch

CHANNELS = int(os.environ.get("HEADWATER_LOAD_CHANNELS", "50000"))
GATEWAYS, PER_STATION = 50, 100
RATE_PER_S = CHANNELS / 60 * 10
ALARM_EVERY_S = 0.5
HISTORY_BATCHES_PER_S, IN_FLIGHT = 100, 100


def district(folder: Path) -> None:
    """Stations of 100 channels, each a zone of its own; ten of them depths of a road. JSON, which is YAML."""
    (folder / "devices").mkdir(parents=True)
    registers = [
        {"name": f"r{i}", "quantity": "depth" if i % 10 == 0 else "voltage", "address": i} for i in range(PER_STATION)
    ]
    model = {"model": "m", "description": "bench", "protocol": "modbus", "period_s": 6, "registers": registers}
    write(folder / "devices" / "m.yaml", model)
    stations, zones, gateways = [], [], []
    count = CHANNELS // PER_STATION
    for s in range(count):
        channels = [{"id": s * PER_STATION + i + 1, "device": f"d{s}", "register": f"r{i}"} for i in range(PER_STATION)]
        place = {"id": f"s{s}", "name": f"S{s}", "zone": f"z{s}", "kind": "street", "lat": 34, "lon": 113}
        stations.append({**place, "channels": channels})
        zones.append({"id": f"z{s}", "name": f"Z{s}", "area": [[34, 113], [34, 114], [35, 114]]})
    for g in range(GATEWAYS):
        devices = [{"id": f"d{s}", "model": "m", "unit": s // GATEWAYS + 1} for s in range(g, count, GATEWAYS)]
        bus = {"id": f"b{g}", "kind": "modbus_tcp", "address": "127.0.0.1:9", "devices": devices}
        gateways.append({"id": f"g{g}", "buses": [bus]})
    head = {"id": "bench", "name": "Bench", "adcode": "410105", "time_zone": "Asia/Shanghai"}
    write(folder / "district.yaml", {"district": head, "zones": zones, "stations": stations})
    write(folder / "gateways.yaml", {"gateways": gateways})
    rule = {"id": "road", "station_kind": "street", "levels": {"red": 0.4}, "on_delay_s": 0}
    write(folder / "rules.yaml", {"rules": [rule]})
    plan = {level: {"headline": "h", "instruction": "i"} for level in ("blue", "yellow", "orange", "red")}
    write(folder / "response_plan.yaml", {"sender": "a@b.example", "contact": "c", "responses": plan})


class Gateways:
    """All of them over one connection: who is who matters to the receiver, and it is told by topic and batch."""

    def __init__(self, port: int) -> None:
        self.sent_readings = self.history_readings = 0
        self.alarms: dict[str, float] = {}
        self._seq: Counter[tuple[str, int]] = Counter()
        self._window = threading.Semaphore(IN_FLIGHT)
        self._acked: set[int] = set()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="gateways")
        self._client.max_inflight_messages_set(1000)
        self._client.on_message = self._on_ack
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("headwater/1/bench/g0/ack", qos=1)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def station(self, number: int, depth: float, lane: Lane = Lane.LIVE) -> None:
        """All channels of one station, now."""
        first = number * PER_STATION + 1
        channel = np.arange(first, first + PER_STATION, dtype=np.uint32)
        value = np.where((channel - 1) % 10 == 0, depth, 12.0)
        now_ms = time.time_ns() // 1_000_000
        readings = ReadingBatch.of(np.full(PER_STATION, now_ms), channel, value, np.ones(PER_STATION))
        self._publish(f"g{number % GATEWAYS}", 1, lane, readings)
        self.sent_readings += PER_STATION

    def live(self, until_s: float) -> None:
        """Ten times the normal rate; each half second a station of its own goes under water, on the alarm lane."""
        began, rounds, alarm = time.monotonic(), 0, 0
        count = CHANNELS // PER_STATION
        while (now_s := time.monotonic()) < until_s:
            if now_s - began > alarm * ALARM_EVERY_S and alarm < count // 2:
                self.alarms[f"z{alarm}"] = time.monotonic()
                self.station(alarm, 0.6, Lane.ALARM)
                alarm += 1
            if rounds * PER_STATION < (now_s - began) * RATE_PER_S:
                self.station(count // 2 + rounds % (count - count // 2), 0.01)
                rounds += 1
            else:
                time.sleep(0.002)

    def history(self, until_s: float) -> None:
        """A year of one station of g0, newest first, a reading a channel and minute, one minute a batch."""
        station = (CHANNELS // PER_STATION - 1) // GATEWAYS * GATEWAYS
        first = station * PER_STATION + 1
        channel = np.arange(first, first + PER_STATION, dtype=np.uint32)
        end_ms, began, sent = time.time_ns() // 1_000_000 - 3_600_000, time.monotonic(), 0
        while time.monotonic() < until_s and self.history_readings < 365 * 1440 * PER_STATION:
            if sent > (time.monotonic() - began) * HISTORY_BATCHES_PER_S:
                time.sleep(0.005)
                continue
            if not self._window.acquire(timeout=0.5):
                continue
            sent += 1
            end_ms -= 60_000
            readings = ReadingBatch.of(
                np.full(PER_STATION, end_ms), channel, np.full(len(channel), 0.02), np.ones(len(channel))
            )
            self._publish("g0", 2, Lane.HISTORY, readings)
            self.history_readings += len(channel)

    def _publish(self, gateway: str, spool: int, lane: Lane, readings: ReadingBatch) -> None:
        self._seq[gateway, spool] += 1
        batch = WireBatch(gateway, spool, self._seq[gateway, spool], lane, readings)
        self._client.publish(f"headwater/1/bench/{gateway}/up/{lane.name.lower()}", encode_batch(batch), qos=1)

    def _on_ack(self, _c: object, _u: object, message: mqtt.MQTTMessage) -> None:
        ack = decode_ack(message.payload)
        if ack.spool != 2:
            return
        now = {*range(1, ack.prefix + 1), *ack.seqs} - self._acked
        self._acked |= now
        for _ in now:
            self._window.release()


def write(path: Path, data: object) -> None:
    path.write_text(json.dumps(data))
