"""Webhooks against real listeners: the judged address is the one that is called, and hostile answers are bounded."""

from __future__ import annotations

import socket
import ssl
import time
from base64 import b64encode
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from cloud.delivery.base import GivenUp, NotDelivered
from cloud.delivery.egress import Address, Egress
from cloud.delivery.outgoing import Resolver
from cloud.delivery.signing import key_trouble
from cloud.delivery.sinks.webhook import WebhookSettings, WebhookSink
from cloud.warnings.model import Message, MsgType
from contract.catalogue.rules import Level
from tests.cloud.delivery.peers import certificate, peer, request_of

LOOPBACK = Egress((ip_network("127.0.0.1/32"),), ("127.0.0.1", "centre.example"))
MESSAGE = Message("m-1", "i-1", 1_626_800_000_000, MsgType.ALERT, Level.RED, (), b"<alert/>")


def sink(
    folder: Path,
    url: str,
    rules: Egress = LOOPBACK,
    resolves_to: str = "127.0.0.1",
    resolver: Resolver | None = None,
    **more: object,
) -> WebhookSink:
    (folder / "key").write_text("whsec_" + b64encode(bytes(range(24))).decode())
    settings = WebhookSettings.model_validate(
        {"kind": "webhook", "name": "x", "url": url, "secret_files": [folder / "key"], "timeout_s": 60.0, **more}
    )
    return WebhookSink(settings, rules, resolver or (lambda host, port: [ip_address(resolves_to)]))


def answering(status: str, *, headers: str = "", got: list[bytes] | None = None):
    def talk(connection: socket.socket) -> None:
        request = request_of(connection)
        if got is not None:
            got.append(request)
        connection.sendall(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n{headers}\r\n".encode())

    return talk


def test_a_message_arrives_with_the_names_host_header(tmp_path):
    got: list[bytes] = []
    with peer(answering("204 No Content", got=got)) as port:
        assert sink(tmp_path, f"http://centre.example:{port}/w").deliver(MESSAGE) == "HTTP 204"
    assert f"\r\nHost: centre.example:{port}\r\n".encode() in got[0]
    assert b"webhook-id: m-1" in got[0]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
def test_a_name_that_leads_inside_is_never_called(tmp_path, address):
    got: list[bytes] = []
    closed = Egress(allow_http=("centre.example",))
    with peer(answering("204 No Content", got=got)) as port, pytest.raises(NotDelivered, match="is refused"):
        sink(tmp_path, f"http://centre.example:{port}/w", closed, address).deliver(MESSAGE)
    assert not got


def test_numbers_that_only_a_resolver_reads_are_judged_too(tmp_path):
    (tmp_path / "key").write_text("whsec_" + b64encode(bytes(range(24))).decode())
    for host in ("2130706433", "0x7f.1", "localhost"):
        settings = {"kind": "webhook", "name": "x", "url": f"https://{host}:9/", "secret_files": [tmp_path / "key"]}
        with pytest.raises(NotDelivered, match=r"127\.0\.0\.1|::1|not known"):
            WebhookSink(WebhookSettings.model_validate(settings), Egress()).deliver(MESSAGE)


def test_a_name_is_resolved_once_and_the_judged_address_is_called(tmp_path):
    """DNS rebinding: the second answer would lead elsewhere; nobody asks for it."""
    answers: list[Address] = [ip_address("127.0.0.1"), ip_address("10.0.0.1")]
    with peer(answering("204 No Content")) as port:
        rebinding = sink(tmp_path, f"http://centre.example:{port}/w", resolver=lambda host, port: [answers.pop(0)])
        assert rebinding.deliver(MESSAGE) == "HTTP 204"
        assert len(answers) == 1
        with pytest.raises(NotDelivered, match="private"):
            rebinding.deliver(MESSAGE)


def test_tls_asks_for_the_name_and_not_for_the_address(tmp_path):
    cert, key = certificate(tmp_path, "centre.example")
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with peer(answering("200 OK"), context) as port:
        good = sink(tmp_path, f"https://centre.example:{port}/w", ca_file=cert)
        assert good.deliver(MESSAGE) == "HTTP 200"
        assert asked == ["centre.example"]
        with pytest.raises(NotDelivered, match="certificate verify failed"):
            sink(tmp_path, f"https://other.example:{port}/w", ca_file=cert).deliver(MESSAGE)
        with pytest.raises(NotDelivered, match="certificate verify failed"):
            sink(tmp_path, f"https://centre.example:{port}/w").deliver(MESSAGE)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_redirects_are_refused(tmp_path, status):
    got: list[bytes] = []
    with peer(answering("204 No Content", got=got)) as inner:
        there = f"location: http://127.0.0.1:{inner}/\r\n"
        with peer(answering(status, headers=there)) as port, pytest.raises(NotDelivered, match="redirects are refused"):
            sink(tmp_path, f"http://127.0.0.1:{port}/w").deliver(MESSAGE)
    assert not got


def test_gone_means_gone(tmp_path):
    with peer(answering("410 Gone")) as port, pytest.raises(GivenUp):
        sink(tmp_path, f"http://127.0.0.1:{port}/w").deliver(MESSAGE)


def _drip(connection: socket.socket) -> None:
    request_of(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def _flood_head(connection: socket.socket) -> None:
    request_of(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x: " + b"y" * 65536 + b"\r\n")


def _flood_interim(connection: socket.socket) -> None:
    request_of(connection)
    while True:
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000)


def _flood_body(connection: socket.socket) -> None:
    request_of(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
    while True:
        connection.sendall(b"y" * 65536)


@pytest.mark.parametrize(("talk", "says"), [(_drip, "no answer within 1 s"), (_flood_head, "is not HTTP")])
def test_an_answer_is_bounded_in_time_and_size(tmp_path, talk, says):
    began = time.monotonic()
    with peer(talk) as port, pytest.raises(NotDelivered, match=says):
        sink(tmp_path, f"http://127.0.0.1:{port}/w", timeout_s=1.0).deliver(MESSAGE)
    assert time.monotonic() - began < 20


def test_interim_answers_without_end_are_read_for_a_while_only(tmp_path):
    """Each costs time to read, and whoever computes holds up those who tell others."""
    with peer(_flood_interim) as port, pytest.raises(NotDelivered, match="no status within 256 KiB"):
        sink(tmp_path, f"http://127.0.0.1:{port}/w", timeout_s=60.0).deliver(MESSAGE)


def test_a_body_without_end_is_not_read(tmp_path):
    with peer(_flood_body) as port:
        assert sink(tmp_path, f"http://127.0.0.1:{port}/w").deliver(MESSAGE) == "HTTP 200"


@pytest.mark.parametrize(
    "key", ["nonsense", "whsec_c2hvcnQ=", "whsec_" + "A" * 32 + "!", "whsec_" + "QUFB" * 40, "QUFB" * 16]
)
def test_a_file_that_holds_no_key_is_refused_with_how_to_make_one(tmp_path, key):
    (tmp_path / "key").write_text(key)
    said = key_trouble(tmp_path / "key")
    assert said is not None
    assert "openssl rand" in said
    assert key not in said


def test_an_empty_key_and_none_are_refused_before_the_start(tmp_path):
    (tmp_path / "empty").touch()
    settings = WebhookSettings.model_validate(
        {"kind": "webhook", "name": "x", "url": "https://centre.example/", "secret_files": ["empty", "none"]}
    )
    assert settings.mistakes(tmp_path, Egress()) == [
        ("secret_files", f"{tmp_path / 'empty'} is empty: put the key there"),
        ("secret_files", f"{tmp_path / 'none'} is not a file: put the key there"),
    ]
