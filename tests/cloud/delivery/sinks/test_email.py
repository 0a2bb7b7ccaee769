"""Mails against a real mail server on loopback (aiosmtpd), with and without TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from cloud.delivery.base import NotDelivered, Refused
from cloud.delivery.notice import maintenance
from cloud.delivery.settings import EgressSettings
from cloud.delivery.sinks.email import EmailSettings
from tests.cloud.delivery.peers import peer, self_signed
from tests.cloud.delivery.people_texts import MESSAGE, UPDATE

RULES = EgressSettings(allow_networks=("127.0.0.1/32",), allow_http=("127.0.0.1",)).rules()
PASSWORD = "never-to-be-told"


class Box:
    """Keeps what it gets; answers what it is told to."""

    def __init__(self) -> None:
        self.mails, self.answer, self.nobody = [], "250 OK", ""

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == self.nobody:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.answer == "250 OK":
            self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return self.answer


@contextmanager
def serving(box: Box, over: ssl.SSLContext | None = None, **more) -> Iterator[int]:
    """A mail server's port. over: TLS from the first byte."""
    loop = asyncio.new_event_loop()
    made = loop.create_server(lambda: SMTP(box, loop=loop, **more), "127.0.0.1", 0, ssl=over)
    server = loop.run_until_complete(made)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.wait(pending))
        loop.close()


@pytest.fixture
def box() -> Iterator[Box]:
    found = Box()
    with serving(found) as found.port:
        yield found


def settings(port: int, **more: object) -> EmailSettings:
    said = {"kind": "email", "name": "mail", "host": "127.0.0.1", "port": port, "security": "none"}
    return EmailSettings.model_validate({**said, "sender": "hw@city.example", "to": ["ann@city.example"], **more})


def test_people_read_the_text_and_programs_the_cap(box: Box, tmp_path: Path) -> None:
    found = settings(box.port, to=["ann@city.example", "crew@city.example"])
    assert found.mistakes(tmp_path, RULES) == []
    sink = found.make(tmp_path, RULES)
    assert sink.deliver(MESSAGE) == "the mail server has it"
    [(to, mail)] = box.mails
    assert to == ["ann@city.example", "crew@city.example"]
    assert mail["Subject"] == "郑州东: 红色积水预警"
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == ("<m1.mail@city.example>", "auto-generated")
    text = mail.get_body(("plain",)).get_content()
    assert text.index("水深 0.5 米") < text.index("Water stands 0.5 m deep")
    [cap] = mail.iter_attachments()
    assert (cap.get_content_type(), cap.get_content()) == ("application/cap+xml", MESSAGE.cap_xml)


def test_an_update_belongs_to_the_conversation(box: Box, tmp_path: Path) -> None:
    settings(box.port).make(tmp_path, RULES).deliver(UPDATE)
    assert box.mails[0][1]["In-Reply-To"] == "<m1.mail@city.example>"


def test_one_language_is_asked_for(box: Box, tmp_path: Path) -> None:
    settings(box.port, languages=["en"]).make(tmp_path, RULES).deliver(MESSAGE)
    [(_, mail)] = box.mails
    assert mail["Subject"] == "Red waterlogging warning, Zhengzhou East"
    assert "水深" not in mail.get_body(("plain",)).get_content()
    assert "水深" not in next(mail.iter_attachments()).get_content().decode()


def test_a_notice_is_a_mail_of_its_own(box: Box, tmp_path: Path) -> None:
    notice = maintenance("n1", "a car stands under u1", 1000, {"channel": 301})
    assert settings(box.port).make(tmp_path, RULES).notify(notice)
    [(_, mail)] = box.mails
    assert "a car stands under u1" in mail["Subject"]
    assert '"channel": 301' in mail.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("answer", "raised", "said"),
    [
        ("451 come later", NotDelivered, "SMTP 451"),
        ("554 that is spam", Refused, "SMTP 554: the content is refused"),
    ],
)
def test_what_the_server_answers(box: Box, tmp_path: Path, answer: str, raised: type, said: str) -> None:
    box.answer = answer
    with pytest.raises(raised, match=said) as caught:
        settings(box.port).make(tmp_path, RULES).deliver(MESSAGE)
    assert answer[4:] not in str(caught.value)  # it may echo what it was sent


def test_one_address_that_is_refused_holds_up_no_other(box: Box, tmp_path: Path) -> None:
    box.nobody = "gone@city.example"
    sink = settings(box.port, to=["ann@city.example", box.nobody]).make(tmp_path, RULES)
    assert sink.deliver(MESSAGE) == "taken for 1 of 2; refused: gone@city.example"
    with pytest.raises(NotDelivered, match="every address"):
        settings(box.port, to=[box.nobody]).make(tmp_path, RULES).deliver(MESSAGE)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_the_certificate_must_be_good_for_the_name(box: Box, tmp_path: Path, security: str) -> None:
    cert, key = self_signed(tmp_path, "mail.example")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    said = []

    def check(server, session, envelope, mechanism, data):
        said.append((data.login, data.password))
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    def sink(host: str, password: str = PASSWORD):
        (tmp_path / "password").write_text(password)
        found = settings(
            port, host=host, security=security, ca_file="cert.pem", username="hw", password_file="password"
        )
        made = found.make(tmp_path, RULES)
        made._resolver = lambda *_: [ip_address("127.0.0.1")]
        return made

    how = {"tls_context": context} if security == "starttls" else {"over": context, "auth_require_tls": False}
    with serving(box, authenticator=check, **how) as port:
        assert sink("mail.example").deliver(MESSAGE) == "the mail server has it"
        assert said == [(b"hw", PASSWORD.encode())]
        with pytest.raises(NotDelivered, match="certificate"):
            sink("other.example").deliver(MESSAGE)
        with pytest.raises(NotDelivered, match="password_file") as caught:
            sink("mail.example", "wrong-one").deliver(MESSAGE)
        assert "wrong-one" not in str(caught.value)


def test_a_server_that_drips_gains_no_time(tmp_path: Path) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"220-hello\r\n" * 3)
        while True:
            connection.sendall(b"220-")
            if not connection.recv(1):
                return

    with peer(drip) as port, pytest.raises(NotDelivered, match=r"no answer within 0.5 s|hung up|SMTP"):
        settings(port, timeout_s=0.5).make(tmp_path, RULES).deliver(MESSAGE)


@pytest.mark.parametrize(
    ("more", "key", "said"),
    [
        ({"host": "mail.example"}, "host", "without TLS is refused"),
        ({"host": "10.0.0.1", "security": "tls"}, "host", r"private"),
        ({"username": "hw"}, "username", "go together"),
        ({"password_file": "nothing"}, "password_file", "is not a file"),
        ({"ca_file": "nothing"}, "ca_file", "is not a file"),
        ({"heartbeat_s": 60}, "heartbeat_s", "webhook or MQTT"),
    ],
)
def test_mistakes_are_named_before_it_starts(tmp_path: Path, more: dict, key: str, said: str) -> None:
    found = dict(settings(25, **more).mistakes(tmp_path, RULES))
    assert said in found[key]
