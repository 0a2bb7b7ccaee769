"""Delivery: in order, insistently, under one id, never again once it is there; and what goes out is right."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select
from sqlalchemy.exc import OperationalError
from standardwebhooks.webhooks import Webhook

from cloud.delivery import dispatch
from cloud.delivery.base import GivenUp, NotDelivered
from cloud.delivery.dispatch import Dispatcher, SinkState
from cloud.delivery.settings import EgressSettings
from cloud.delivery.sinks.log import LogSinkSettings
from cloud.delivery.sinks.webhook import WebhookSettings
from cloud.delivery.tables import deliveries
from cloud.ledger.open import open_ledger
from cloud.warnings import tables as t
from cloud.warnings.model import Message, MsgType
from contract.catalogue.rules import Level
from contract.clock import SystemClock
from tests.waiting import until

MESSAGES = [Message(f"m{n}", "i1", 1000 * n, MsgType.ALERT, Level.RED, (), b"<alert/>") for n in range(1, 5)]
KEYS = ["whsec_" + base64.b64encode(bytes([n]) * 24).decode() for n in (1, 2)]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    put(engine, *MESSAGES)
    yield engine
    engine.dispose()


def put(ledger: Engine, *messages: Message) -> None:
    with ledger.begin() as db:
        for m in messages:
            row = {"number": int(m.id[1:]), "id": m.id, "incident": m.incident, "sent_ms": m.sent_ms, "refs": "[]"}
            said = {"msg_type": m.msg_type.value, "level": m.level.value, "cap_xml": m.cap_xml}
            db.execute(insert(t.messages).values(**row, **said))


def rows(ledger: Engine) -> dict[str, Any]:
    with ledger.connect() as db:
        return {r.message: r for r in db.execute(select(deliveries))}


class Consumer:
    """Answers by script: exceptions are raised, then everything is taken."""

    name = "c"

    def __init__(self, *script: Exception) -> None:
        self.script = list(script)
        self.tried: list[str] = []
        self.has: list[str] = []

    def deliver(self, message: Message) -> str:
        self.tried.append(message.id)
        if self.script:
            raise self.script.pop(0)
        self.has.append(message.id)
        return "thanks"

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_IDLE_S", 0.02)
    monkeypatch.setattr(dispatch, "_EAGER_S", 0.02)


def run(ledger: Engine, consumer: Any, done: Any) -> Dispatcher:
    d = Dispatcher(ledger, consumer, SystemClock())
    d.start()
    until(done)
    d.stop()
    return d


def test_order_is_kept_over_failures_and_a_restart_delivers_nothing_twice(ledger: Engine) -> None:
    first = Consumer(NotDelivered("HTTP 503"), NotDelivered("refused"))
    d = run(ledger, first, lambda: d_done(ledger, 4))
    assert first.tried == ["m1", "m1", "m1", "m2", "m3", "m4"]
    assert first.has == ["m1", "m2", "m3", "m4"]
    assert (rows(ledger)["m1"].attempts, rows(ledger)["m2"].attempts) == (3, 1)
    assert (d.state().delivered, d.state().waiting, d.state().trouble) == (4, 0, "")
    again = Consumer()
    put(ledger, Message("m5", "i1", 5000, MsgType.UPDATE, Level.RED, (), b"<alert/>"))
    run(ledger, again, lambda: d_done(ledger, 5))
    assert again.has == ["m5"]


def test_who_is_woken_does_not_wait_for_the_next_look(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_IDLE_S", 3600.0)
    consumer = Consumer()
    d = Dispatcher(ledger, consumer, SystemClock())
    d.start()
    until(lambda: d_done(ledger, 4))
    put(ledger, Message("m5", "i1", 5000, MsgType.UPDATE, Level.RED, (), b"<alert/>"))
    d.wake()
    until(lambda: d_done(ledger, 5))
    d.stop()  # at once, too
    assert consumer.has[-1] == "m5"


def test_a_look_for_news_costs_what_is_new_however_much_was_delivered(ledger: Engine) -> None:
    put(ledger, *(Message(f"m{n}", "i1", n, MsgType.UPDATE, Level.RED, (), b"") for n in range(5, 3001)))
    with ledger.begin() as db:
        done = {"sink": "c", "attempts": 1, "first_ms": 0, "delivered_ms": 1, "receipt": ""}
        db.execute(insert(deliveries), [{**done, "message": f"m{n}"} for n in range(1, 3000)])
    steps = [0]

    def count() -> None:
        steps[0] += 1

    d = Dispatcher(ledger, Consumer(), SystemClock())
    for _ in range(2):  # the first look passes over what others delivered before us
        steps[0] = 0
        with ledger.connect() as db:
            db.connection.driver_connection.set_progress_handler(count, 10)
        found = d._next()
        assert found is not None
        assert found.id == "m3000"
    assert steps[0] < 50
    assert d.state().waiting == 1


def d_done(ledger: Engine, count: int) -> bool:
    return sum(r.delivered_ms is not None for r in rows(ledger).values()) == count


def test_410_switches_the_sink_off_until_the_next_start(ledger: Engine) -> None:
    consumer = Consumer(GivenUp("the consumer answers 410 Gone"))
    d = run(ledger, consumer, lambda: "m1" in rows(ledger))
    assert consumer.tried == ["m1"]
    assert rows(ledger)["m1"].given_up_ms is not None
    assert (d.state().waiting, d.state().trouble) == (4, "the consumer answers 410 Gone")


def test_a_sink_can_be_asked_how_it_is_while_the_ledger_is_away(ledger: Engine) -> None:
    d = Dispatcher(ledger, Consumer(), SystemClock())
    assert d.state() == SinkState("c", 0, 4, "")
    with ledger.begin() as db:
        db.exec_driver_sql("drop table deliveries")
    gone = d.state()
    assert (gone.delivered, gone.waiting) == (None, None)
    assert gone.trouble.startswith("the ledger is out of reach: ")


def test_a_defect_in_a_sink_does_not_end_delivery(ledger: Engine) -> None:
    consumer = Consumer(ValueError("a url that no check foresaw"))
    run(ledger, consumer, lambda: d_done(ledger, 4))
    assert consumer.has == ["m1", "m2", "m3", "m4"]


def test_a_ledger_that_is_away_after_delivery_does_not_double(ledger: Engine) -> None:
    away = [True] * 5

    @event.listens_for(ledger, "before_cursor_execute")
    def refuse(_db: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if away and statement.startswith("UPDATE deliveries"):
            away.pop()
            raise OperationalError("update", {}, Exception("gone"))

    consumer = Consumer()
    run(ledger, consumer, lambda: d_done(ledger, 4))
    assert not away
    assert consumer.has == ["m1", "m2", "m3", "m4"]


def test_seconds_between_tries_for_five_minutes_then_ever_longer(
    ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_EAGER_S", 2.0)
    now_s, pauses = [0.0], []
    d = Dispatcher(ledger, Consumer(*[NotDelivered("HTTP 500")] * 170), SystemClock())

    def wait(pause_s: float) -> bool:
        pauses.append((now_s[0], pause_s))
        now_s[0] += pause_s
        return False

    monkeypatch.setattr(d._stop, "wait", wait)
    monkeypatch.setattr(dispatch.time, "monotonic", lambda: now_s[0])
    d._insist(MESSAGES[0])
    eager = [p for at, p in pauses if at <= 300]
    patient = [p for at, p in pauses if at > 300]
    assert len(eager) > 100
    assert max(eager) <= 2.4
    assert patient[0] > 2.4
    assert max(patient) <= 300 * 1.2
    assert rows(ledger)["m1"].delivered_ms is not None


RULES = EgressSettings(allow_networks=("127.0.0.1/32",), allow_http=("127.0.0.1",)).rules()


class Receiving(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[int] = []
        self.got: list[tuple[dict[str, str], bytes]] = []


class Handler(BaseHTTPRequestHandler):
    server: Receiving

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        code = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(code)
        if code == 302:
            self.send_header("location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiving() -> Iterator[Receiving]:
    server = Receiving()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def webhook(tmp_path: Path, port: int) -> Any:
    for n, key in enumerate(KEYS):
        (tmp_path / f"k{n}").write_text(key + "\n")
    url = f"http://127.0.0.1:{port}/hook"
    return WebhookSettings(kind="webhook", name="w", url=url, secret_files=("k0", "k1")).make(tmp_path, RULES)


def test_a_webhook_keeps_its_id_over_retries_and_verifies_with_either_key(
    ledger: Engine, receiving: Receiving, tmp_path: Path
) -> None:
    receiving.answers = [500, 302, 429]
    run(ledger, webhook(tmp_path, receiving.server_port), lambda: d_done(ledger, 4))
    assert [h["webhook-id"] for h, _ in receiving.got] == ["m1", "m1", "m1", "m1", "m2", "m3", "m4"]
    for headers, body in receiving.got:
        for key in KEYS:
            said = Webhook(key).verify(body, headers)
        assert said["id"] == headers["webhook-id"]
        assert said["cap"] == "<alert/>"
    with pytest.raises(Exception, match="signature"):
        Webhook(KEYS[0]).verify(body + b" ", headers)
    assert rows(ledger)["m1"].receipt == "HTTP 204"


def test_a_webhook_that_is_gone_or_not_there_says_so(receiving: Receiving, tmp_path: Path) -> None:
    receiving.answers = [410]
    sink = webhook(tmp_path, receiving.server_port)
    with pytest.raises(GivenUp):
        sink.deliver(MESSAGES[0])
    receiving.answers = [302]
    with pytest.raises(NotDelivered, match="302"):
        sink.deliver(MESSAGES[0])
    assert len(receiving.got) == 2  # the redirect was not followed
    with pytest.raises(NotDelivered, match="Connect"):
        webhook(tmp_path, 1).deliver(MESSAGES[0])


def test_the_log_sink_writes_lines_and_reports_a_path_it_cannot_write(tmp_path: Path) -> None:
    sink = LogSinkSettings(kind="log", path=Path("deep/w.jsonl")).make(tmp_path, RULES)
    for m in MESSAGES:
        assert sink.deliver(m) == "written"
    lines = [json.loads(line) for line in (tmp_path / "deep/w.jsonl").read_text().splitlines()]
    assert [x["id"] for x in lines] == ["m1", "m2", "m3", "m4"]
    (tmp_path / "file").write_text("")
    with pytest.raises(NotDelivered):
        LogSinkSettings(kind="log", path=Path("file/w.jsonl")).make(tmp_path, RULES).deliver(MESSAGES[0])
