"""What one gateway may say, and how often: births, states, and changes of what it is."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from paho.mqtt.client import MQTTMessage

from cloud.ingest.admission import Admission, InboundMessage
from cloud.ingest.allowance import Allowance
from cloud.ingest.ingest import Ingest
from cloud.ingest.mqtt import DEFECTS_AT_ONCE, SAYINGS_AT_ONCE, MqttReceiver
from cloud.ingest.quarantine import Quarantine
from cloud.log.base import START, EntryKind
from cloud.log.sqlite import SqliteLog
from contract.clock import SystemClock
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane

NOW_MS = 1_783_000_000_000


def test_an_allowance_comes_back_with_time_and_never_by_a_clock_that_falls():
    some = Allowance(0.5, 2)
    assert [some.take("a", 10.0) for _ in range(3)] == [True, True, False]
    assert some.take("b", 10.0)
    assert not some.take("a", 5.0)
    assert [some.take("a", 12.0 - 5.0) for _ in range(2)] == [True, False]


class HeardIngest:
    def __init__(self) -> None:
        self.heard: Counter[str] = Counter()

    def heard_of(self, message: InboundMessage, now_ms: int) -> list[InboundMessage]:
        self.heard[message.topic] += 1
        return []


def test_births_and_states_of_a_flood_are_let_go_and_others_are_answered():
    ingest = HeardIngest()
    receive = MqttReceiver("127.0.0.1", 1, cast("Any", ingest), SystemClock(), "d")
    for kind in ("birth", "state", "online"):
        for gateway, count in (("flood", 500), ("honest", 3)):
            for _ in range(count):
                message = MQTTMessage(topic=f"headwater/1/d/{gateway}/{kind}".encode())
                receive._on_message(cast("Any", None), None, message)
    found = {tuple(topic.split("/")[3:]): n for topic, n in ingest.heard.items()}
    assert SAYINGS_AT_ONCE <= found["flood", "birth"] <= SAYINGS_AT_ONCE + 10
    assert found["flood", "online"] == 500  # the last word must be heard, and costs nothing
    assert {kind: found["honest", kind] for kind in ("birth", "state", "online")} == dict.fromkeys(
        ("birth", "state", "online"), 3
    )
    assert receive.counters()["sayings_deferred"] == 1000 - found["flood", "birth"] - found.get(("flood", "state"), 0)


class DefectiveIngest(HeardIngest):
    """Cannot take one gateway's births, for a reason that nobody thought of."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def heard_of(self, message: InboundMessage, now_ms: int) -> list[InboundMessage]:
        if "/flood/" in message.topic:
            raise ZeroDivisionError
        return super().heard_of(message, now_ms)


def test_a_defect_that_one_message_finds_makes_nobody_unheard_and_fills_no_log(caplog):
    ingest = DefectiveIngest()
    receive = MqttReceiver("127.0.0.1", 1, cast("Any", ingest), SystemClock(), "d")
    for gateway in ("flood",) * 30 + ("honest",):
        message = MQTTMessage(topic=f"headwater/1/d/{gateway}/birth".encode())
        receive._on_message(cast("Any", None), None, message)
    assert ingest.counts["receiver_defects"] == 30
    assert ingest.heard == {"headwater/1/d/honest/birth": 1}
    assert 1 <= len(caplog.records) <= DEFECTS_AT_ONCE


def test_a_gateway_that_is_real_and_simulated_by_turns_is_heard_so_often_and_holds_up_nobody(tmp_path, small_district):
    log, quarantine = SqliteLog.in_folder(tmp_path), Quarantine(tmp_path / "quarantine.sqlite")
    gateways = list(small_district.gateways)
    ingest = Ingest(Admission(small_district), log, quarantine, "small", gateways)
    flood, honest = gateways[:2]

    def batch(gateway: str, seq: int, simulated: bool | None) -> InboundMessage:
        channel = small_district.channels_by_gateway[gateway][0].id
        readings = ReadingBatch.of([NOW_MS], [channel], [1.0])
        payload = encode_batch(WireBatch(gateway, 7, seq, Lane.ALARM, readings, True, simulated))
        return InboundMessage(f"headwater/1/small/{gateway}/up/alarm", payload)

    appends = 0
    append = log.append

    def counted(*args: Any) -> Any:
        nonlocal appends
        appends += 1
        return append(*args)

    log.append = counted  # type: ignore[method-assign]
    group = [batch(flood, n, n % 2 == 0) for n in range(1, 501)]
    group[250:250] = [batch(honest, n, None) for n in range(1, 101)]
    ingest.take(group, NOW_MS)
    of = Counter(e.gateway for e in log.read(START, 10_000) if e.kind is EntryKind.BATCH)
    assert of[honest] == 100
    assert of[flood] == 8
    assert appends <= 17  # of each part, and of what it says of itself
    assert ingest.counters()["origins_deferred"] == 492
    for _ in range(100):
        for simulated in (True, False):
            birth = encode_birth(Birth(flood, 7, 1, "v", 1, simulated=simulated))
            ingest.heard_of(InboundMessage(f"headwater/1/small/{flood}/birth", birth), NOW_MS)
    assert len(log.notes(EntryKind.ORIGIN)) <= 62
    log.close()
    quarantine.close()
