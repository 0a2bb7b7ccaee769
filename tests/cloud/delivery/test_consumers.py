"""Consumers over real HTTP that answer 422, 410, 429, late, by half or never: what they get, and the others."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from standardwebhooks.webhooks import Webhook

from cloud.delivery.settings import EgressSettings
from cloud.delivery.sinks.webhook import WebhookSettings
from cloud.delivery.state import SinkMode
from cloud.delivery.values import Policy
from cloud.ledger.open import open_ledger
from tests.cloud.delivery.played import PlayedClock, delivered, delivering, message, noted, played, put, rows
from tests.waiting import until

RULES = EgressSettings(allow_networks=("127.0.0.1/32",), allow_http=("127.0.0.1",)).rules()
KEYS = ["whsec_" + base64.b64encode(bytes([n]) * 24).decode() for n in (1, 2)]
Answer = tuple[int, dict[str, str]]


class Receiving(ThreadingHTTPServer):
    """`answer`: of a message's body, what to say. `got`: headers and bodies of all; `busy`: most at once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: Callable[[dict[str, Any]], Answer] = lambda said: (204, {})
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.lock = threading.Lock()
        self.now = self.busy = 0

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


class Handler(BaseHTTPRequestHandler):
    server: Receiving

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.server.lock:
            self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.server.now += 1
            self.server.busy = max(self.server.busy, self.server.now)
        try:
            code, headers = self.server.answer(json.loads(body))
        finally:
            with self.server.lock:
                self.server.now -= 1
        if code == 0:  # by half
            self.wfile.write(b"HTTP/1.1 204 No Con")
            return
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
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


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield engine
    engine.dispose()


def webhook(tmp_path: Path, port: int, **more: Any) -> tuple[Any, Policy]:
    for n, key in enumerate(KEYS):
        (tmp_path / f"k{n}").write_text(key + "\n")
    settings = WebhookSettings(
        kind="webhook", name="c", url=f"http://127.0.0.1:{port}/hook", secret_files=(Path("k0"), Path("k1")), **more
    )
    return settings.make(tmp_path, RULES), settings.policy()


def test_the_id_stays_over_retries_and_every_try_verifies_with_either_key(
    ledger: Engine, receiving: Receiving, tmp_path: Path
) -> None:
    script, clock = [500, 302, 429, 0], PlayedClock()
    receiving.answer = lambda said: (script.pop(0) if script else 204, {"location": "/elsewhere"})
    sink, policy = webhook(tmp_path, receiving.server_port)
    put(ledger, message(1, "i"))
    with delivering(ledger, sink, clock, policy):
        played(clock, lambda: delivered(ledger) == {"m1"})
    assert receiving.ids() == ["m1"] * 5
    for headers, body in receiving.got:
        for key in KEYS:
            said = Webhook(key).verify(body, headers)
        assert (said["type"], said["id"], said["msgType"], said["level"]) == ("warning", "m1", "Alert", "red")
        assert said["cap"].startswith("<alert")
    with pytest.raises(Exception, match="signature"):
        Webhook(KEYS[0]).verify(body + b" ", headers)
    assert (rows(ledger)["m1"].receipt, rows(ledger)["m1"].attempts) == ("HTTP 204", 5)


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_one_message_that_is_refused_blocks_no_other(
    ledger: Engine, receiving: Receiving, tmp_path: Path, status: int
) -> None:
    clock = PlayedClock()
    receiving.answer = lambda said: (status if said["id"] == "m1" else 204, {})
    sink, policy = webhook(tmp_path, receiving.server_port, refusals=3)
    put(ledger, message(1, "bad"), *(message(n, f"i{n}") for n in range(2, 9)))
    with delivering(ledger, sink, clock, policy) as d:
        until(lambda: len(delivered(ledger)) == 7)
        played(clock, lambda: noted(ledger) == {"m1": "set_aside"})
        assert d.state().aside == ["m1"]
        assert f"(HTTP {status}: " in d.trouble()
    assert receiving.ids().count("m1") == 3


@pytest.mark.parametrize("status", [500, 404, 0])
def test_one_message_that_it_chokes_on_blocks_no_other_and_goes_on_being_tried(
    ledger: Engine, receiving: Receiving, tmp_path: Path, status: int
) -> None:
    clock, mended = PlayedClock(), threading.Event()
    receiving.answer = lambda said: (status if said["id"] == "m1" and not mended.is_set() else 204, {})
    sink, policy = webhook(tmp_path, receiving.server_port)
    put(ledger, message(1, "bad"), *(message(n, f"i{n}", level="blue") for n in range(2, 9)))
    with delivering(ledger, sink, clock, policy):
        played(clock, lambda: len(delivered(ledger)) == 7)
        played(clock, lambda: receiving.ids().count("m1") >= 8)
        mended.set()
        played(clock, lambda: "m1" in delivered(ledger))
    assert noted(ledger) == {}


def test_410_during_maintenance_and_back_by_itself(ledger: Engine, receiving: Receiving, tmp_path: Path) -> None:
    clock, gone = PlayedClock(), threading.Event()
    gone.set()
    receiving.answer = lambda said: (410 if gone.is_set() else 204, {})
    sink, policy = webhook(tmp_path, receiving.server_port)
    put(ledger, message(1, "i"))
    with delivering(ledger, sink, clock, policy) as d:
        until(lambda: d.state().mode is SinkMode.GONE)
        put(ledger, message(2, "i", "Update"), message(3, "j", lasts_s=300))
        clock.move(600)
        until(lambda: len(receiving.got) == 2)
        said = json.loads(receiving.got[1][1])
        assert (said["type"], said["test"], said["status"]) == ("sink.test", True, "Test")
        assert "<status>Test</status>" in said["cap"]
        gone.clear()
        played(clock, lambda: delivered(ledger) == {"m2"}, 60)
    assert [json.loads(body)["id"] for _, body in receiving.got[3:]] == ["m2"]
    assert noted(ledger) == {"m1": "superseded", "m3": "expired"}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after(ledger: Engine, receiving: Receiving, tmp_path: Path, status: int, as_date: bool) -> None:
    """A date counts from the machine's own time, whatever the clock says."""
    clock, script = PlayedClock(), [status]
    value = formatdate(time.time() + 100, usegmt=True) if as_date else "100"
    receiving.answer = lambda said: (script.pop() if script else 204, {"retry-after": value})
    sink, policy = webhook(tmp_path, receiving.server_port)
    put(ledger, message(1, "i"))
    with delivering(ledger, sink, clock, policy) as d:
        until(lambda: d.trouble().startswith(f"m1: HTTP {status}"))
        clock.move(40)  # the test itself may be slow
        looked = threading.Event()
        put(ledger, message(2, "j"))
        until(lambda: d.state().waiting == 2)
        assert not looked.wait(0.05)
        assert receiving.ids() == ["m1"]
        clock.move(61)
        until(lambda: delivered(ledger) == {"m1", "m2"})


def test_a_slow_one_takes_several_at_once_and_one_of_each_incident(
    ledger: Engine, receiving: Receiving, tmp_path: Path
) -> None:
    gate = threading.Event()
    receiving.answer = lambda said: (204 if gate.wait(60) else 500, {})
    sink, policy = webhook(tmp_path, receiving.server_port, timeout_s=60.0)
    put(ledger, *(message(n, f"i{n}", level="blue") for n in range(1, 13)))
    with delivering(ledger, sink, policy=policy):
        until(lambda: len(receiving.got) == 4)
        put(ledger, message(13, "i1", "Update"), message(14, "red"))
        gate.set()
        until(lambda: len(delivered(ledger)) == 14)
    assert receiving.busy == 4
    ids = receiving.ids()
    assert {"m13", "m14"} <= set(ids[4:8])  # the worst first, as soon as there is room
    assert ids.index("m1") < ids.index("m13")


def test_who_hangs_may_have_it_and_who_is_not_there_has_not(
    ledger: Engine, receiving: Receiving, tmp_path: Path
) -> None:
    gate = threading.Event()
    receiving.answer = lambda said: (204 if said["msgType"] == "Cancel" else (204 if gate.wait(60) else 500), {})
    sink, policy = webhook(tmp_path, receiving.server_port, timeout_s=0.3)
    put(ledger, message(1, "i"))
    clock = PlayedClock()
    with delivering(ledger, sink, clock, policy) as d:
        # On a slow machine the first tries may end before any of it is sent: then the consumer surely has it not.
        played(clock, lambda: any(r.perhaps and r.receipt for r in rows(ledger).values()))
        assert d.trouble() == "m1: no answer within 0.3 s"
        put(ledger, message(2, "i", "Cancel"))
        played(clock, lambda: delivered(ledger) == {"m2"})
    gate.set()
    sink, policy = webhook(tmp_path, 1)
    put(ledger, message(3, "j"))
    with delivering(ledger, sink, clock, policy) as d:
        until(lambda: d.trouble().startswith("m3: ConnectError"))
        put(ledger, message(4, "j", "Cancel"))
        until(lambda: noted(ledger).get("m4") == "untold")


def test_a_consumer_s_own_notices_can_be_switched_off(ledger: Engine, receiving: Receiving, tmp_path: Path) -> None:
    from cloud.delivery.notice import NoticeType, about

    for notices, count in ((False, 0), (True, 1)):
        sink, _ = webhook(tmp_path, receiving.server_port, notices=notices)
        sink.notify(about(NoticeType.GONE, "other", "410", 1000))
        assert len(receiving.got) == count
    headers, body = receiving.got[0]
    said = Webhook(KEYS[0]).verify(body, headers)
    assert (said["type"], said["id"], said["sink"]) == ("sink.gone", headers["webhook-id"], "other")
