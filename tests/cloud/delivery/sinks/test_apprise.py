"""People's channels: apprise in a process of its own, against endpoints on loopback."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.delivery.base import NotDelivered
from cloud.delivery.notice import maintenance
from cloud.delivery.settings import EgressSettings
from cloud.delivery.sinks.apprise import AppriseSettings, AppriseSink, url_trouble
from tests.cloud.delivery.peers import peer, request_of
from tests.cloud.delivery.people_texts import MESSAGE

RULES = EgressSettings(allow_networks=("127.0.0.1/32",), allow_http=("127.0.0.1",)).rules()
SECRET = "T0KEN-IN-THE-PATH"
# The same process with WeCom's address led to loopback.
WECOM_HERE = (
    "import sys; from apprise.plugins.wecombot import NotifyWeComBot as N; plain = N.__init__\n"
    "def init(self, *a, **k):\n"
    "    plain(self, *a, **k); self.api_url = sys.argv[1] + '?key=' + self.key\n"
    "N.__init__ = init\n"
    "from cloud.delivery.apprise_process import main; main()\n"
)


class Service:
    """Keeps requests, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict]] = []
        self.status, self.answer, self.port = "200 OK", b"{}", 0

    def talk(self, connection) -> None:
        head, _, body = request_of(connection).partition(b"\r\n\r\n")
        self.got.append((head.split(b"\r\n")[0].decode(), json.loads(body)))
        head = f"HTTP/1.1 {self.status}\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: {len(self.answer)}\r\n\r\n"
        connection.sendall(head.encode() + self.answer)


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    with peer(found.talk) as port:
        found.port = port
        yield found


def settings(folder: Path, url: str, **more: object) -> AppriseSettings:
    (folder / "url").write_text(url)
    return AppriseSettings.model_validate({"kind": "apprise", "name": "crew", "url_file": "url", **more})


def test_a_text_reaches_apprises_json(service: Service, tmp_path: Path) -> None:
    found = settings(tmp_path, f"json://127.0.0.1:{service.port}/{SECRET}", languages=["en"])
    assert found.mistakes(tmp_path, RULES) == []
    sink = found.make(tmp_path, RULES)
    assert sink.deliver(MESSAGE) == "the service has it (HTTP 200)"
    assert sink.notify(maintenance("n", "a car stands under u1", 0, {}))
    (_, warning), (_, notice) = service.got
    assert (warning["title"], warning["message"]) == (
        "Red waterlogging warning, Zhengzhou East",
        "Water stands 0.5 m deep\n\nGo another way",
    )
    assert notice["message"] == "a car stands under u1"


def wecom(service: Service, folder: Path, **more: object) -> AppriseSink:
    found = settings(folder, f"wecombot://{SECRET}", **more)
    assert found.mistakes(folder, RULES) == []
    address = f"http://127.0.0.1:{service.port}/cgi-bin/webhook/send"
    return AppriseSink(found, f"wecombot://{SECRET}", RULES, (sys.executable, "-c", WECOM_HERE, address))


def test_a_short_text_reaches_wecom(service: Service, tmp_path: Path) -> None:
    service.answer = b'{"errcode": 0, "errmsg": "ok"}'
    assert wecom(service, tmp_path, text="short", languages=["zh"]).deliver(MESSAGE)
    [(line, said)] = service.got
    assert line == f"POST /cgi-bin/webhook/send?key={SECRET} HTTP/1.1"
    assert said == {"msgtype": "text", "text": {"content": "红色积水预警，请绕行"}}


@pytest.mark.parametrize(
    ("status", "answer", "said", "wait_s"),
    [
        # It says 200 and takes nothing: apprise by itself would call that sent.
        ("200 OK", b'{"errcode": 93000, "errmsg": "invalid webhook url"}', "code 93000", None),
        ("200 OK", b'{"errcode": 45009, "errmsg": "too often"}', "code 45009", 30.0),
        ("500 No", b"{}", "HTTP 500", None),
        ("302 Found", b"{}", "HTTP 302", None),  # not followed
    ],
)
def test_what_the_service_answers(
    service: Service, tmp_path: Path, status: str, answer: bytes, said: str, wait_s: float | None
) -> None:
    service.status, service.answer = status, answer
    with pytest.raises(NotDelivered, match=said) as caught:
        wecom(service, tmp_path).deliver(MESSAGE)
    assert caught.value.wait_s == wait_s
    assert SECRET not in str(caught.value)
    assert len(service.got) == 1


def test_an_inner_address_is_not_called(service: Service, tmp_path: Path) -> None:
    closed = EgressSettings(allow_http=("127.0.0.1",)).rules()
    found = settings(tmp_path, f"json://127.0.0.1:{service.port}/{SECRET}")
    assert "loopback" in dict(found.mistakes(tmp_path, closed))["url_file"]
    with pytest.raises(NotDelivered, match="loopback") as caught:
        found.make(tmp_path, closed).deliver(MESSAGE)
    assert (service.got, SECRET in str(caught.value)) == ([], False)


def test_a_service_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    def say_nothing(connection: socket.socket) -> None:
        while connection.recv(1 << 16):
            pass

    with peer(say_nothing) as port:
        sink = settings(tmp_path, f"json://127.0.0.1:{port}/{SECRET}", timeout_s=3).make(tmp_path, RULES)
        with pytest.raises(NotDelivered, match="no answer within 3 s") as caught:
            sink.deliver(MESSAGE)
    assert caught.value.perhaps


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("syslog://", "names no service"),
        (f"json://elsewhere.example/{SECRET}", "without TLS is refused"),
        (f"jsons://10.0.0.1/{SECRET}", "private"),
        (f"jsons://x.example/{SECRET}?verify=no", "verify=no"),
        (f"//[{SECRET}", "no address"),
    ],
)
def test_an_address_is_judged_without_being_shown(url: str, said: str) -> None:
    found = url_trouble(url, RULES) or ""
    assert said in found
    assert SECRET not in found
