"""What every kind of sink keeps, and what some do. A new kind: a line in `BENCHES`; the tests say what is missing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloud.delivery.base import NotDelivered, Sink, SinkSettings, TakesNotices, body_of
from cloud.delivery.egress import Egress
from cloud.delivery.notice import NoticeType, about
from cloud.delivery.settings import EgressSettings
from cloud.delivery.sinks.apprise import AppriseSettings
from cloud.delivery.sinks.email import EmailSettings
from cloud.delivery.sinks.log import LogSinkSettings
from cloud.delivery.sinks.mqtt import MqttSinkSettings
from cloud.delivery.sinks.registry import KINDS
from cloud.delivery.sinks.webhook import WebhookSettings
from tests.cloud.delivery.peers import peer, request_of
from tests.cloud.delivery.played import message

RULES = EgressSettings(allow_networks=("127.0.0.1/32",), allow_http=("127.0.0.1",)).rules()
Got = Callable[[], list[dict]]


@contextmanager
def log(folder: Path) -> Iterator[tuple[SinkSettings, Got]]:
    path = folder / "deep" / "w.jsonl"
    yield LogSinkSettings(kind="log", path=path), lambda: [json.loads(line) for line in path.read_text().splitlines()]


@contextmanager
def webhook(folder: Path) -> Iterator[tuple[SinkSettings, Got]]:
    got: list[dict] = []

    def talk(connection) -> None:
        got.append(json.loads(request_of(connection).partition(b"\r\n\r\n")[2]))
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    (folder / "key").write_text("whsec_" + base64.b64encode(bytes(range(24))).decode())
    with peer(talk) as port:
        url = f"http://127.0.0.1:{port}/"
        yield WebhookSettings(kind="webhook", name="w", url=url, secret_files=(Path("key"),)), lambda: got


BENCHES = {LogSinkSettings: log, WebhookSettings: webhook}


# What they send is not JSON of ours, and MQTT takes a broker: test_email.py, test_apprise.py, test_mqtt.py.
OF_THEIR_OWN = {MqttSinkSettings, EmailSettings, AppriseSettings}


def test_every_kind_has_its_bench() -> None:
    assert set(BENCHES) | OF_THEIR_OWN == set(KINDS)


@pytest.fixture(params=list(BENCHES.values()), ids=lambda bench: bench.__name__)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Sink, SinkSettings, Got]]:
    with request.param(tmp_path) as (settings, got):
        assert settings.mistakes(tmp_path, RULES) == []
        sink = settings.make(tmp_path, RULES)
        yield sink, settings, got
        sink.close()


def test_a_message_arrives_whole_and_is_receipted(bench: tuple[Sink, SinkSettings, Got]) -> None:
    sink, settings, got = bench
    told = [message(1, "i"), message(2, "i", "Cancel")]
    for m in told:
        assert sink.deliver(m)
    assert got() == [body_of(m) for m in told]
    assert [x["type"] for x in got()] == ["warning", "warning"]
    assert sink.name == settings.name


def test_a_notice_arrives_and_is_no_warning(bench: tuple[Sink, SinkSettings, Got]) -> None:
    sink, _, got = bench
    assert isinstance(sink, TakesNotices)
    notice = about(NoticeType.GONE, "other", "410", 1000)
    assert sink.notify(notice)
    assert got() == [notice.body()]


def test_the_policy_is_that_of_the_settings(bench: tuple[Sink, SinkSettings, Got]) -> None:
    _, settings, _ = bench
    policy = settings.model_copy(update={"refusals": 7}).policy()
    assert (policy.refusals, policy.parallel) == (7, settings.parallel)
    assert (policy.eager_s, policy.eager_for_s, policy.patient_s, policy.test_s) == (2.0, 300.0, 300.0, 600.0)


def test_a_path_that_cannot_be_written_is_a_trouble_that_may_pass(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sink = LogSinkSettings(kind="log", path=Path("file/w.jsonl")).make(tmp_path, Egress())
    with pytest.raises(NotDelivered):
        sink.deliver(message(1, "i"))


def test_lines_of_a_file_are_not_written_two_at_once() -> None:
    with pytest.raises(ValueError, match="less than or equal to 1"):
        LogSinkSettings(kind="log", path=Path("x"), parallel=2)
