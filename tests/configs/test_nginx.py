"""Debian's nginx with configs/nginx/headwater.conf as it stands, but for ports and paths, before a real cloud."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import yaml

from cloud.access import keys
from cloud.access.rate import Rate
from cloud.access.scopes import Scope
from cloud.api.settings import HttpSettings
from cloud.config import load_config
from cloud.ledger.open import open_ledger
from contract.clock import SystemClock
from simulators.cli.main import DISTRICT
from tests.cloud.delivery.peers import certificate, peer
from tests.servers import command, free_port, require, wait_for_port

pytestmark = [pytest.mark.servers, pytest.mark.unhurried]

CONFIG = Path(__file__).parents[2] / "configs" / "nginx" / "headwater.conf"
NAME = "headwater.example"


@contextmanager
def nginx(folder: Path, upstream: int, rate: str = "20r/s") -> Iterator[tuple[int, int, Path]]:
    """Ports of https and of plain http, and the certificate. rate: of a caller, instead of the file's own."""
    cert, key = certificate(folder, NAME)
    secure, plain = free_port(), free_port()
    text = CONFIG.read_text()
    changes = {
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{upstream};",
        "rate=20r/s;": f"rate={rate};",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{secure} ssl http2;",
        "/etc/headwater/tls/fullchain.pem": str(cert),
        "/etc/headwater/tls/privkey.pem": str(key),
    }
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "headwater.conf").write_text(text)
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi"))
    temporary += "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("uwsgi", "scgi"))
    main = folder / "nginx.conf"
    main.write_text(
        ("user root;\n" if os.geteuid() == 0 else "")
        + f"daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        + f"http {{\naccess_log off;\n{temporary}include {folder}/headwater.conf;\n}}\n"
    )
    process = subprocess.Popen([require("nginx"), "-p", str(folder), "-c", str(main)], stderr=subprocess.DEVNULL)
    try:
        wait_for_port(secure, process)
        yield secure, plain, cert
    finally:
        process.terminate()
        process.wait(60)


KEY: dict[str, str] = {}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory) -> Iterator[tuple[int, int, Path]]:
    folder: Path = tmp_path_factory.mktemp("proxy")
    config = {"catalogue": str(DISTRICT), "data_dir": "data", "broker": {"embedded": True, "port": 0}}
    http = {"port": 0, "trusted_proxies": ["127.0.0.1/32"], "hosts": [NAME]}
    path = folder / "cloud.yaml"
    path.write_text(yaml.safe_dump({**config, "http": http}))  # what stands behind a proxy is never open
    found = load_config(path)
    found.data_dir.mkdir()
    ledger = open_ledger(found.ledger_url)
    KEY["authorization"] = "Bearer " + keys.create(
        ledger, "proxy", [Scope.READ], Rate(1000, 1000), SystemClock().now_ms(), "shell:test"
    )
    ledger.dispose()
    with (
        command("cloud.cli", "serve", "--config", str(folder / "cloud.yaml")) as ready,
        nginx(folder, int(ready["http"].rpartition(":")[2])) as found,
    ):
        yield found


def ask(proxied: tuple[int, int, Path], method: str, path: str, **more: object) -> httpx2.Response:
    """By the name in the certificate, which is verified; to loopback."""
    secure, _, cert = proxied
    with httpx2.Client(verify=ssl.create_default_context(cafile=str(cert)), trust_env=False, timeout=60) as http:
        headers = {"host": f"{NAME}:{secure}", **KEY, **more.pop("headers", {})}  # type: ignore[dict-item]
        url = f"https://127.0.0.1:{secure}{path}"
        return http.request(method, url, headers=headers, extensions={"sni_hostname": NAME}, **more)  # type: ignore[arg-type]


def is_problem(answer: httpx2.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


@contextmanager
def raw_tls(found) -> Iterator[ssl.SSLSocket]:
    """A connection to the proxy, for what no client would send, or leave unread. found: as `nginx` gives it."""
    secure, _, cert = found
    context = ssl.create_default_context(cafile=str(cert))
    with (
        socket.create_connection(("127.0.0.1", secure), 60) as raw,
        context.wrap_socket(raw, server_hostname=NAME) as tls,
    ):
        yield tls


def test_the_page_and_the_api_come_through_with_every_header(proxied):
    for path in ("/", "/v1/stations", "/static/page.js", "/none"):
        answer = ask(proxied, "GET", path)
        assert answer.status_code == (404 if path == "/none" else 200)
        assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["server"] == "nginx"  # without its version
    assert len(ask(proxied, "GET", "/v1/stations").json()) == 16


def test_the_proxys_times_fit_the_clouds():
    said = CONFIG.read_text()
    kept_s = re.search(r"^ +keepalive_timeout (\d+)s; +#", said, re.MULTILINE)
    assert kept_s is not None
    assert int(kept_s[1]) < HttpSettings().keep_alive_s
    answer_s = re.search(r"proxy_read_timeout (\d+)s;", said)
    assert answer_s is not None
    assert int(answer_s[1]) > HttpSettings().answer_timeout_s


def test_links_name_the_outer_address(proxied):
    """X-Forwarded-Proto and Host are believed of the proxy; a caller's own are replaced."""
    answer = ask(proxied, "GET", "/v1/feed", headers={"x-forwarded-proto": "http", "x-forwarded-for": "203.0.113.9"})
    assert answer.status_code == 200
    assert "http://" not in re.sub(r"http://www\.w3\.org/2005/Atom", "", answer.text)
    is_problem(ask(proxied, "GET", "/v1/feed", headers={"host": "evil.example"}), 421)


@pytest.mark.parametrize(
    ("version", "taken"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
def test_tls_is_1_2_or_newer(proxied, version, taken):
    secure, _, cert = proxied
    context = ssl.create_default_context(cafile=str(cert))
    context.set_ciphers("ALL:@SECLEVEL=0")  # so that this side would speak 1.1
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", secure), 60) as raw:
        if taken:
            with context.wrap_socket(raw, server_hostname=NAME) as tls:
                assert tls.version() == version.name.replace("_", ".")
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(raw, server_hostname=NAME)


def test_plain_http_is_refused(proxied):
    secure, plain, _ = proxied
    is_problem(httpx2.get(f"http://127.0.0.1:{plain}/v1/stations"), 403)
    is_problem(httpx2.post(f"http://127.0.0.1:{plain}/v1/stations", content=b"key"), 403)
    is_problem(httpx2.get(f"http://127.0.0.1:{secure}/v1/stations"), 400)
    for host in (NAME, "evil.example", "127.0.0.1"):  # whatever name the caller writes
        page = httpx2.get(f"http://127.0.0.1:{plain}/", headers={"host": host})
        assert (page.status_code, page.headers["location"]) == (301, f"https://{NAME}/")


def test_heads_and_bodies_are_bounded(proxied):
    for size in ((1 << 20) + 1, 1 << 22):
        is_problem(ask(proxied, "POST", "/v1/stations", content=b"x" * size), 413)
    is_problem(ask(proxied, "GET", "/v1/stations?" + "x" * 9000), 414)
    is_problem(ask(proxied, "GET", "/v1/stations?" + "x" * 20000), 414)
    is_problem(ask(proxied, "GET", "/v1/stations", headers={"x-long": "x" * 20000}), 400)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("TRACE /v1/stations HTTP/1.1", 405),
        ("CONNECT example.org:443 HTTP/1.1", 400),
        ("GET /.refused/400 HTTP/1.1", 404),
        ("GET /.refused/501 HTTP/1.1", 404),
        ("POST /v1/stations HTTP/1.1\r\nTransfer-Encoding: gzip", 501),
        ("POST /v1/stations HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked", 400),
        ("GET /v1/stations HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4", 400),
        ("GET /v1/../../x HTTP/1.1", 400),
    ],
)
def test_what_nginx_refuses_itself_is_a_problem_too(proxied, head, status):
    with raw_tls(proxied) as tls:
        tls.sendall(f"{head}\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
        said = b"".join(iter(lambda: tls.recv(65536), b"")).decode().lower()
    assert said.startswith(f"http/1.1 {status} ")
    assert "content-type: application/problem+json" in said
    assert "strict-transport-security: max-age=31536000" in said
    assert f'"status":{status}' in said


def test_a_cloud_that_is_down_is_told_as_a_problem(tmp_path):
    with nginx(tmp_path, free_port()) as down:
        answer = ask(down, "GET", "/v1/stations")
        is_problem(answer, 502)
        assert answer.headers["retry-after"] == "5"
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_the_callers_address_is_handed_on_and_a_forged_one_is_not(tmp_path):
    heads: list[bytes] = []

    def upstream(connection: socket.socket) -> None:
        heads.append(connection.recv(65536).lower())
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with peer(upstream) as port, nginx(tmp_path, port) as found:
        forged = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http"}
        assert ask(found, "GET", "/", headers=forged).status_code == 204
    lines = [x for x in heads[0].split(b"\r\n") if x.startswith(b"x-forwarded")]
    assert lines == [b"x-forwarded-for: 127.0.0.1", b"x-forwarded-proto: https"]


def test_an_answer_that_is_not_read_fills_no_disk(tmp_path):
    """nginx would write up to 1 GiB of each into its folder for temporary files, and keep it while the caller reads a
    byte now and then. The cloud must feel the caller's slowness instead: it has a budget for that."""
    size, taken, stuck = 64 << 20, [0], threading.Event()

    def upstream(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.settimeout(2)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        try:
            while taken[0] < size:
                taken[0] += connection.send(bytes(65536))
        except TimeoutError:
            pass
        stuck.set()

    with peer(upstream) as port, nginx(tmp_path, port) as found, raw_tls(found) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
        assert tls.recv(12) == b"HTTP/1.1 200"
        assert stuck.wait(60)
    assert taken[0] < size // 2  # the rest has nowhere to wait but with us


def test_a_caller_that_asks_too_often_is_told_to_wait(tmp_path):
    def upstream(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")

    with peer(upstream) as port, nginx(tmp_path, port, "1r/s") as found:  # which every machine exceeds
        secure, _, cert = found
        context = ssl.create_default_context(cafile=str(cert))
        with httpx2.Client(verify=context, headers={"host": NAME}) as http:
            url, named = f"https://127.0.0.1:{secure}/", {"sni_hostname": NAME}
            answers = [http.get(url, extensions=named) for _ in range(150)]
    refused = [a for a in answers if a.status_code == 429]
    assert {a.status_code for a in answers} == {204, 429}
    is_problem(refused[0], 429)
    assert refused[0].headers["retry-after"] == "2"
