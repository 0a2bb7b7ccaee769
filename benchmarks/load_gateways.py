"""The gateways of `benchmarks.load`: live readings, alarms, history, which is sent again until acknowledged."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import paho.mqtt.client as mqtt

from benchmarks.load_district import CHANNELS, GATEWAYS, PER_STATION, STATIONS
from contract.readings import ReadingBatch
from contract.wire.ack import decode_ack
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane

RATE_PER_S = CHANNELS / 60 * 10
IN_FLIGHT = 100  # batches of history of one gateway that are not acknowledged yet
RESEND_S = 5.0
SAMPLES_OF_AN_ALARM = 2  # one sample is no evidence: what is timed is the batch that brings the second
LIVE, HISTORY = 1, 2  # spools
Key = tuple[str, int]


class Gateways:
    """All of them over two connections, for what is new and for history: who is who matters to the receiver, and it is
    told by topic and batch.

    alarms: zone -> when its alarm was published. waited_s: of each batch of history, from its first publication to its
    acknowledgement. resent: batches of history.
    """

    def __init__(self, port: int) -> None:
        self.sent_readings = self.resent = 0
        self.waited_s: list[float] = []
        self.alarms: dict[str, float] = {}
        self._seq: Counter[Key] = Counter()
        self._lock = threading.Lock()
        self._waiting: defaultdict[str, dict[int, tuple[float, float, bytes]]] = defaultdict(dict)
        self._clients = {spool: _connected(port, f"spool{spool}") for spool in (LIVE, HISTORY)}
        self._clients[HISTORY].on_message = self._on_ack
        self._clients[HISTORY].subscribe("headwater/1/bench/+/ack", qos=1)

    def close(self) -> None:
        for client in self._clients.values():
            client.disconnect()
            client.loop_stop()

    def live(self, seconds: float, zones: Sequence[int]) -> None:
        """Ten times the normal rate from half the stations; of the others one after another goes under water, on the
        alarm lane: those of `zones`, spread over the time, at most two a second."""
        began, rounds, drowned = time.monotonic(), 0, 0
        every_s = max(0.5, seconds / len(zones))
        first = STATIONS // 2
        while (now_s := time.monotonic()) < began + seconds:
            if now_s - began > drowned * every_s and drowned < len(zones):
                zone = zones[drowned]
                self.alarms[f"z{zone}"] = time.monotonic()
                self._station(zone, 0.6, Lane.ALARM, SAMPLES_OF_AN_ALARM)
                drowned += 1
            if rounds * PER_STATION < (now_s - began) * RATE_PER_S:
                self._station(first + rounds % (STATIONS - first), 0.01, Lane.LIVE)
                rounds += 1
            else:
                time.sleep(0.002)

    def history(self, seconds: float, gateways: range, batches_per_s: float) -> None:
        """A year of the last station of each of these gateways, newest first, a minute a batch: as fast as told, as far
        as acknowledgements come. What is not acknowledged after five seconds is sent again."""
        until_s, began, sent = time.monotonic() + seconds, time.monotonic(), 0
        end_ms = dict.fromkeys(gateways, time.time_ns() // 1_000_000 - 3_600_000)
        while time.monotonic() < until_s:
            before = sent
            for g in gateways:
                due = (time.monotonic() - began) * batches_per_s - sent
                room = IN_FLIGHT - len(self._waiting[f"g{g}"])
                for _ in range(max(0, min(int(due), room))):
                    end_ms[g] -= 60_000
                    self._old_minute(g, end_ms[g])
                    sent += 1
                self._send_again(f"g{g}")
            if sent == before:
                time.sleep(0.005)

    def forget(self) -> None:
        """What is on the way is no longer waited for."""
        with self._lock:
            self._waiting.clear()

    def _station(self, number: int, depth: float, lane: Lane, samples: int = 1) -> None:
        """All channels of one station, now; more samples: a second apart, the last one now."""
        channel = np.tile(_channels(number), samples)
        value = np.where((channel - 1) % 10 == 0, depth, 12.0)
        ago_ms = np.repeat(np.arange(samples)[::-1] * 1000, PER_STATION)
        readings = ReadingBatch.of(time.time_ns() // 1_000_000 - ago_ms, channel, value, np.ones(len(channel)))
        self._publish(f"g{number % GATEWAYS}", LIVE, lane, readings)
        self.sent_readings += len(channel)

    def _old_minute(self, gateway: int, time_ms: int) -> None:
        channel = _channels((STATIONS // GATEWAYS - 1) * GATEWAYS + gateway)
        n = len(channel)
        readings = ReadingBatch.of(np.full(n, time_ms), channel, np.full(n, 0.02), np.ones(n))
        self._publish(f"g{gateway}", HISTORY, Lane.HISTORY, readings)

    def _send_again(self, gateway: str) -> None:
        now_s = time.monotonic()
        with self._lock:
            waiting = self._waiting[gateway]
            late = {s: (first_s, now_s, x) for s, (first_s, at_s, x) in waiting.items() if now_s - at_s > RESEND_S}
            waiting.update(late)
        for _, _, payload in late.values():
            self.resent += 1
            self._clients[HISTORY].publish(f"headwater/1/bench/{gateway}/up/history", payload, qos=1)

    def _publish(self, gateway: str, spool: int, lane: Lane, readings: ReadingBatch) -> None:
        self._seq[gateway, spool] += 1
        seq = self._seq[gateway, spool]
        payload = encode_batch(WireBatch(gateway, spool, seq, lane, readings))
        if spool == HISTORY:
            with self._lock:
                now_s = time.monotonic()
                self._waiting[gateway][seq] = (now_s, now_s, payload)
        self._clients[spool].publish(f"headwater/1/bench/{gateway}/up/{lane.name.lower()}", payload, qos=1)

    def _on_ack(self, _c: object, _u: object, message: mqtt.MQTTMessage) -> None:
        ack = decode_ack(message.payload)
        if ack.spool != HISTORY:
            return
        with self._lock:
            waiting = self._waiting[message.topic.split("/")[3]]
            for seq in [s for s in waiting if s <= ack.prefix or s in ack.seqs]:
                self.waited_s.append(time.monotonic() - waiting.pop(seq)[0])


def _connected(port: int, name: str) -> mqtt.Client:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name)
    client.max_inflight_messages_set(5000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def _channels(station: int) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.arange(station * PER_STATION + 1, (station + 1) * PER_STATION + 1, dtype=np.uint32)
