"""The cloud is killed (SIGKILL) after each step of a delivery, to a real consumer of each kind, and started again.

Nothing is lost, the end never comes before the beginning, and what comes twice comes by the same id: only where the
kill fell between the consumer's answer and the ledger.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from standardwebhooks.webhooks import Webhook

from cloud.delivery.base import Sink
from cloud.delivery.sinks.apprise import AppriseSettings, AppriseSink
from cloud.delivery.sinks.registry import KINDS
from cloud.ledger.open import open_ledger
from cloud.warnings.model import MsgType
from cloud.warnings.tables import messages
from tests.cloud.delivery.killed import RULES, Delivery, Step, Victim, made
from tests.cloud.delivery.peers import peer, request_of
from tests.cloud.delivery.people_texts import MESSAGE
from tests.cloud.delivery.played import put
from tests.cloud.delivery.sinks.test_apprise import WECOM_HERE
from tests.cloud.delivery.sinks.test_email import Box, serving
from tests.cloud.delivery.sinks.test_mqtt import subscribed
from tests.cloud.delivery.test_maintenance_queue import notice, over, stand
from tests.servers import mosquitto
from tests.waiting import until

KEY = "whsec_" + base64.b64encode(bytes(range(24))).decode()
END = replace(
    MESSAGE,
    id="m2",
    msg_type=MsgType.CANCEL,
    cap_xml=MESSAGE.cap_xml.replace(b"Red waterlogging warning, Zhengzhou East", b"It is over"),
)
Settings = dict[str, Any]
Has = Callable[[], list[str]]  # ids of what the consumer has, in the order in which it came


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield engine
    engine.dispose()


@contextmanager
def log(folder: Path) -> Iterator[tuple[Settings, Has]]:
    path = folder / "told.jsonl"

    def has() -> list[str]:
        return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []

    yield {"path": "told.jsonl"}, has


@contextmanager
def webhook(folder: Path) -> Iterator[tuple[Settings, Has]]:
    got: list[str] = []

    def talk(connection) -> None:
        head, _, body = request_of(connection).partition(b"\r\n\r\n")
        lines = (line.decode().partition(": ") for line in head.split(b"\r\n")[1:])
        got.append(Webhook(KEY).verify(body, {name.lower(): value for name, _, value in lines})["id"])
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    (folder / "key").write_text(KEY)
    with peer(talk) as port:
        yield {"url": f"http://127.0.0.1:{port}/", "secret_files": ["key"]}, lambda: got


@contextmanager
def email(_: Path) -> Iterator[tuple[Settings, Has]]:
    box = Box()
    with serving(box) as port:
        people = {"sender": "hw@city.example", "to": ["ann@city.example"]}
        server = {"host": "127.0.0.1", "port": port, "security": "none"}
        yield {**server, **people}, lambda: [mail["Message-ID"][1:3] for _, mail in box.mails]


@contextmanager
def wecom(victim: Victim) -> Iterator[tuple[Settings, Has]]:
    """It answers 200, and says in the body whether it takes the message; the text is its only name of one."""
    got: list[str] = []

    def talk(connection) -> None:
        said = json.loads(request_of(connection).partition(b"\r\n\r\n")[2])
        got.append("m2" if "It is over" in said["text"]["content"] else "m1")
        victim.strike()
        answer = b'{"errcode": 0, "errmsg": "ok"}'
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer))

    with peer(talk) as port:
        yield {"url_file": "url", "languages": ["en"], "port": port}, lambda: got


def wecom_sink(settings: Settings, base: Path) -> Sink:
    """Its address led to loopback."""
    (base / "url").write_text("wecombot://KEY")
    said = {name: value for name, value in settings.items() if name != "port"}
    address = f"http://127.0.0.1:{settings['port']}/cgi-bin/webhook/send"
    found = AppriseSettings.model_validate(said)
    return AppriseSink(found, "wecombot://KEY", RULES, (sys.executable, "-c", WECOM_HERE, address))


@contextmanager
def mqtt(folder: Path) -> Iterator[tuple[Settings, Has]]:
    with mosquitto(folder) as server, subscribed(server.port, "headwater/warning") as came:
        got: list[str] = []

        def has() -> list[str]:
            while not came.empty():
                got.append(json.loads(came.get().payload)["id"])
            return got

        yield {"broker": {"host": "127.0.0.1", "port": server.port}}, has


# apprise, whose messages take half a second of the processor each, is killed in the middle of a conversation: below.
COUNTERPARTS = [log, webhook, email, pytest.param(mqtt, marks=pytest.mark.servers)]
# How often each message comes. Of an incident of which the consumer was told nothing is written before its next message
# goes out: what is written first then is that it has it.
OFTEN = {Step.CHOSEN: (1, 2), Step.WRITTEN: (1, 1), Step.ANSWERED: (2, 2), Step.MARKED: (1, 1)}
# Before anything is handed over, and after all is marked, no kind differs from another.
STEPS = {"log": tuple(Step)}


def test_every_kind_has_its_counterpart() -> None:
    kinds = {kind.model_fields["kind"].annotation.__args__[0] for kind in KINDS}
    assert kinds == {"log", "webhook", "email", "apprise", "mqtt"}


@pytest.mark.parametrize("counterpart", COUNTERPARTS, ids=lambda c: c.__name__)
def test_nothing_is_lost_and_what_comes_twice_is_the_same(counterpart, ledger: Engine, tmp_path: Path) -> None:
    with counterpart(tmp_path) as (settings, has):
        kind = counterpart.__name__
        for step in STEPS.get(kind, (Step.WRITTEN, Step.ANSWERED)):
            before = len(has())
            entry = {"kind": kind, "name": f"c-{step.name.lower()}", **settings}
            delivery = Delivery(ledger.url.render_as_string(hide_password=False), entry, tmp_path)
            _once_more(ledger, delivery, step)
            often = OFTEN[step]
            wanted = ["m1"] * often[0] + ["m2"] * often[1]
            until(lambda before=before, wanted=wanted: len(has()) - before >= len(wanted))
            assert has()[before:] == wanted, step


def _once_more(ledger: Engine, delivery: Delivery, step: Step) -> None:
    """An incident begins and ends; the cloud is killed at that step of either message."""
    with ledger.begin() as db:
        db.execute(messages.delete())
    for m in (MESSAGE, END):
        put(ledger, m)
        delivery.killed_after(step, m.id)
        delivery.to_the_end(ledger, m.id)


def test_a_kill_at_each_step_of_a_maintenance_notice(ledger: Engine, tmp_path: Path) -> None:
    """Its opening and its end, each told once; twice where the kill falls between the answer and the ledger."""
    often = {Step.CHOSEN: 1, Step.WRITTEN: 1, Step.ANSWERED: 2, Step.MARKED: 1}
    with webhook(tmp_path) as (settings, has):
        url = ledger.url.render_as_string(hide_password=False)
        for step in Step:
            before, told = len(has()), notice(f"n-{step.name.lower()}")
            delivery = Delivery(url, {"kind": "webhook", "name": "c", **settings}, tmp_path)
            for change, name in ((told, told.id), (over(told), f"{told.id}-over")):
                stand(ledger, change)
                delivery.killed_after(step, name)
                delivery.to_the_end(ledger, name)
            assert has()[before:] == [told.id] * often[step] + [f"{told.id}-over"] * often[step], step


@contextmanager
def half_an_answer(folder: Path, victim: Victim) -> Iterator[tuple[Settings, Has]]:
    got: list[str] = []

    def talk(connection) -> None:
        got.append(json.loads(request_of(connection).partition(b"\r\n\r\n")[2])["id"])
        connection.sendall(b"HTTP/1.1 204 No Con")
        victim.strike()
        connection.sendall(b"tent\r\n\r\n")

    (folder / "key").write_text(KEY)
    with peer(talk) as port:
        yield {"kind": "webhook", "url": f"http://127.0.0.1:{port}/", "secret_files": ["key"]}, lambda: got


class StrikingBox(Box):
    """A mail server at which the cloud is killed: when it names who is to get the mail, or after all of it."""

    def __init__(self, victim: Victim, after_data: bool) -> None:
        super().__init__()
        self._victim, self._after_data = victim, after_data

    async def handle_RCPT(self, server, session, envelope, address, options):
        if not self._after_data:
            self._victim.strike()
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server, session, envelope):
        said = await super().handle_DATA(server, session, envelope)
        self._victim.strike()
        return said


@contextmanager
def _mailing(box: StrikingBox) -> Iterator[tuple[Settings, Has]]:
    with serving(box) as port:
        people = {"sender": "hw@city.example", "to": ["ann@city.example"]}
        server = {"kind": "email", "host": "127.0.0.1", "port": port, "security": "none"}
        yield {**server, **people}, lambda: [mail["Message-ID"][1:3] for _, mail in box.mails]


@contextmanager
def before_data(_: Path, victim: Victim) -> Iterator[tuple[Settings, Has]]:
    with _mailing(StrikingBox(victim, after_data=False)) as found:
        yield found


@contextmanager
def after_data(_: Path, victim: Victim) -> Iterator[tuple[Settings, Has]]:
    with _mailing(StrikingBox(victim, after_data=True)) as found:
        yield found


@contextmanager
def wecom_has_it(_: Path, victim: Victim) -> Iterator[tuple[Settings, Has]]:
    with wecom(victim) as (settings, has):
        yield {"kind": "apprise", **settings}, has


@pytest.mark.parametrize(
    ("conversation", "often"), [(half_an_answer, 2), (before_data, 1), (after_data, 2), (wecom_has_it, 2)]
)
def test_a_kill_in_the_middle_of_a_conversation(conversation, often: int, ledger: Engine, tmp_path: Path) -> None:
    """The consumer kills the cloud while it waits for the answer, at the beginning of an incident and at its end."""
    victim = Victim()
    with conversation(tmp_path, victim) as (settings, has):
        make = wecom_sink if conversation is wecom_has_it else made
        url = ledger.url.render_as_string(hide_password=False)
        delivery = Delivery(url, {"name": "c", **settings}, tmp_path, make)
        for n, m in enumerate((MESSAGE, END), 1):
            put(ledger, m)
            delivery.killed_by(victim)
            delivery.to_the_end(ledger, m.id)
            until(lambda n=n: len(has()) >= n * often)
    assert has() == ["m1"] * often + ["m2"] * often
