"""A cloud whose consumers fail in every way says so, and tells nobody the key, the signature or the URL's path."""

from __future__ import annotations

import re
import socket
from base64 import b64encode
from ipaddress import ip_network
from pathlib import Path

import httpx2
import yaml
from sqlalchemy import insert, select
from typer.testing import CliRunner

from cloud.cli.main import app
from cloud.config import load_config
from cloud.delivery.tables import deliveries
from cloud.ledger.open import open_ledger
from cloud.warnings.tables import messages
from simulators.cli.main import DISTRICT
from tests.cloud.delivery.peers import peer, request_of
from tests.servers import command
from tests.waiting import until

KEY = b64encode(b"never-to-be-told-to-any-1").decode()
PATH = "T0KEN-IN-THE-PATH"
# So that nothing is said of disks.
KEPT = {
    "log_days": 60,
    "raw_days": 500,
    "hourly_days": 500,
    "quarantine_days": 90,
    "audit_days": 4000,
    "warnings_days": 4000,
}


def _echo(connection: socket.socket) -> None:
    """Not HTTP, but what was sent: a clumsy client would quote it in its error."""
    connection.sendall(request_of(connection))


def _refuse(connection: socket.socket) -> None:
    request = request_of(connection)
    connection.sendall(b"HTTP/1.1 500 No\r\ncontent-length: %d\r\n\r\n%s" % (len(request), request))


def _write(folder: Path, *urls: str, **more: object) -> Path:
    (folder / "key").write_text(f"whsec_{KEY}")
    sinks = [{"kind": "webhook", "name": f"s{i}", "url": url, "secret_files": ["key"]} for i, url in enumerate(urls)]
    config = {"catalogue": str(DISTRICT), "data_dir": "data", "broker": {"embedded": True, "port": 0}}
    (folder / "c.yaml").write_text(
        yaml.safe_dump(
            {**config, "http": {"port": 0}, "access": {"mode": "open"}, "retention": KEPT, "delivery": sinks, **more}
        )
    )
    return folder / "c.yaml"


def test_secrets_are_in_no_log_and_no_answer(tmp_path):
    seen: list[bytes] = []

    def echo(connection: socket.socket) -> None:
        request = request_of(connection)
        seen.append(request)
        connection.sendall(request)

    with peer(echo) as echoing, peer(_refuse) as refusing:
        ports = (echoing, refusing, 1)  # nothing listens on the last
        urls = [f"http://127.0.0.1:{port}/{PATH}?token={PATH}" for port in ports] + [f"https://localhost/{PATH}"]
        rules = {"allow_networks": ["127.0.0.1/32"], "allow_http": ["127.0.0.1"]}
        (tmp_path / "data").mkdir()
        ledger = open_ledger(f"sqlite:///{tmp_path}/data/ledger.sqlite")
        address = ledger.url.render_as_string(hide_password=False)  # in whichever database it is
        config = _write(tmp_path, *urls, egress=rules, ledger_url=address)
        message = {"number": 1, "id": "m-1", "incident": "i", "sent_ms": 1, "msg_type": "Alert", "level": "red"}
        with ledger.begin() as db:
            db.execute(insert(messages).values(**message, refs="[]", cap_xml=b"<alert/>"))
        said, told = _run(config, ledger)
    signatures = {m.decode() for request in seen for m in re.findall(rb"v1,([A-Za-z0-9+/=]+)", request)}
    assert signatures
    assert all(f"sink s{i}" in said for i in range(3))
    with ledger.connect() as db:
        told += "".join(receipt for (receipt,) in db.execute(select(deliveries.c.receipt)))
    for secret in (KEY, PATH, *signatures):
        assert secret not in said
        assert secret not in told


def _run(config: Path, ledger) -> tuple[str, str]:
    """Serves until every sink has failed; what it logged, and every answer of the API and the page."""
    log = config.parent / "log"
    with command("cloud.cli", "serve", "--config", str(config), errors=log) as ready:
        until(lambda: _tried(ledger) == 4)
        _every_sink_is_seen(ready["http"])
        paths = httpx2.get(f"{ready['http']}/v1/openapi.json").json()["paths"]
        assert len(paths) > 8
        told = "".join(httpx2.get(ready["http"] + path, timeout=60).text for path in [*paths, "/", "/page/state"])
    return log.read_text(), told


def _every_sink_is_seen(http: str) -> None:
    """The cloud is ready, and says of each sink that it is in trouble: to readiness, page and metrics."""
    until(lambda: len(httpx2.get(f"{http}/readyz").json()["troubles"]) == 4)  # one comes after what the ledger knows
    answer = httpx2.get(f"{http}/readyz")
    troubles = answer.json()["troubles"]
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert [t.split(": ")[:2] for t in troubles] == [[f"sink s{i}", "m-1"] for i in range(4)]
    page = httpx2.get(f"{http}/page/state").json()["troubles"]
    assert [t.split(": ")[:2] for t in page] == [[f"sink s{i}", "m-1"] for i in range(4)]
    metrics = httpx2.get(f"{http}/metrics").text.splitlines()
    for i in range(4):
        assert f'headwater_sink_waiting{{sink="s{i}"}} 1.0' in metrics
        assert f'headwater_sink_delivered_total{{sink="s{i}"}} 0.0' in metrics
        assert f'headwater_sink_trouble{{sink="s{i}"}} 1.0' in metrics


def _tried(ledger) -> int:
    """Sinks that have tried the message."""
    with ledger.connect() as db:
        return len(db.execute(select(deliveries.c.sink)).all())


def test_check_names_targets_that_are_refused(tmp_path):
    config = _write(
        tmp_path, f"http://x.example/{PATH}", "ftp://x.example/", "https://10.0.0.1/", "https://u:p@x.example/"
    )
    found = CliRunner().invoke(app, ["check", "--config", str(config)])
    assert found.exit_code == 2
    for words in ("plain http to x.example", "scheme 'ftp'", "10.0.0.1 (private)", "user name or password"):
        assert words in found.output
    assert PATH not in found.output


def test_check_asks_where_names_lead(tmp_path):
    config = load_config(_write(tmp_path, f"https://a.example/{PATH}", "https://b.example/"))

    def resolver(host: str, port: int):
        if host == "b.example":
            raise OSError("no such name")
        return [ip_network("192.168.0.0/16")[1]]

    rules = config.file.egress.rules()
    said = [sink.unreachable(rules, resolver) or "" for sink in config.file.delivery]
    assert said[0].startswith("sink 's0': a.example leads to 192.168.0.1 (private)")
    assert said[1] == "sink 's1': b.example does not resolve: no such name"
    assert PATH not in "".join(said)
