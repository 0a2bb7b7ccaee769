"""What `headwater-cloud doctor` looks at, beside the configuration: each part with what is wrong and what to do.

It changes nothing, and works beside a cloud that runs as for one that does not start.
"""

from __future__ import annotations

import errno
import http.client
import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography import x509

from cloud.api.settings import HttpSettings
from cloud.config import CloudConfig, unproxied
from cloud.delivery.outgoing import resolve
from cloud.exposed import exposed
from cloud.identity import store
from cloud.identity.store import IdentityError
from cloud.ingest.quarantine import Quarantine
from cloud.ledger.open import version_at
from cloud.ledger.schema import HEAD
from cloud.retention.outlook import outlook
from contract.clock import to_ms
from host.kernel_time import kernel_time
from host.sqlite import StoreDamaged

_WAIT_S = 5.0
_DAY_MS = 86_400_000
_WARN_DAYS = 30
_FEW_MB, _TOO_FEW_MB = 5000, 500


class State(StrEnum):
    """warn: works, and somebody should see to it. bad: does not work."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """part: of the cloud. do: what the operator is to do; empty for what is good."""

    part: str
    state: State
    what: str
    do: str = ""


def examine(config: CloudConfig, now_ms: int, key: str | None = None) -> Iterator[Finding]:
    """now_ms: of the real clock. key: an API key with scope read, which a running cloud tells its reasons to."""
    yield _clock()
    yield _disk(config.data_dir)
    yield _retention(config)
    yield from _http(config, key)
    yield _broker(config)
    yield from _certificates(config, now_ms)
    for said in exposed(config.file, config.base):
        what, _, do = said.partition(": ")
        yield Finding("secrets", State.WARN, what, do)
    yield _ledger(config)
    yield from _kept_aside(config.data_dir)
    yield from _sinks(config)


def _clock() -> Finding:
    found = kernel_time()
    if found is None:
        return Finding(
            "clock", State.WARN, "the kernel does not say whether it is synchronised", "run it on the machine"
        )
    if found.synchronised:
        return Finding("clock", State.GOOD, "synchronised")
    return Finding("clock", State.WARN, "no time service disciplines it", "start one: chrony or systemd-timesyncd")


def _disk(folder: Path) -> Finding:
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free_mb = shutil.disk_usage(there).free // 1_000_000
    what = f"{free_mb} MB free under {there}"
    if free_mb >= _FEW_MB:
        return Finding("disk", State.GOOD, what)
    state = State.WARN if free_mb >= _TOO_FEW_MB else State.BAD
    return Finding("disk", state, what, "make room, or move data_dir to a larger disk: nothing is stored on a full one")


def _retention(config: CloudConfig) -> Finding:
    said = outlook(config.file.retention, config.rolled_up, config.data_dir)
    if not said:
        return Finding("retention", State.GOOD, "what is old goes" if config.file.retention.stated else "no log yet")
    do = "state `retention:`, and have a timer give `headwater-cloud trim` every night"
    return Finding("retention", State.WARN, said, do)


def _http(config: CloudConfig, key: str | None) -> Iterator[Finding]:
    where = config.file.http
    if said := unproxied(config.file):
        what, _, do = said.partition("; ")
        yield Finding("proxy", State.WARN, what, do)
    if where.port == 0 and where.socket is None:
        yield Finding("http", State.GOOD, "any free port")
        return
    if where.socket is not None:
        at, another = str(config.base / where.socket), "another program has the socket: stop it, or name another"
    else:
        at, another = (
            f"{_asked(where.host)}:{where.port}",
            "another program has the port: stop it, or give http.port another number",
        )
    headers = {"Host": where.hosts[0]} if where.hosts else {}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    try:
        alive, _ = _get(config, "/healthz", headers)
        status, body = _get(config, "/readyz", headers)
    except (ConnectionRefusedError, FileNotFoundError):
        yield _nobody(where, at)
        return
    except (OSError, http.client.HTTPException) as error:
        yield Finding("http", State.BAD, f"{at} does not answer as a cloud: {error}", another)
        return
    if alive != 200:
        yield Finding("http", State.BAD, f"{at} answers /healthz with {alive}", another)
        return
    yield Finding("http", State.GOOD, f"a cloud answers at {at}")
    if status != 200:
        said = str(body.get("detail", status))
        yield Finding(
            "running", State.BAD, f"not ready: {said}", "see its log; a key of scope read (--key-file) is told why"
        )
    else:
        yield Finding("running", State.GOOD, "batches are taken, and views follow")
    for trouble in body.get("troubles", ()):
        yield Finding("running", State.WARN, str(trouble), "`headwater-cloud sinks`, `headwater-cloud clock status`")


def _get(config: CloudConfig, path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    where = config.file.http
    connection = http.client.HTTPConnection(_asked(where.host), where.port, timeout=_WAIT_S)
    if where.socket is not None:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(_WAIT_S)
    try:
        if where.socket is not None:
            connection.sock.connect(str(config.base / where.socket))
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read(1 << 20)
    finally:
        connection.close()
    try:
        found = json.loads(body)
    except ValueError:
        found = {}
    return answer.status, found if isinstance(found, dict) else {}


def _asked(host: str) -> str:
    """Where a server is asked that listens there."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _nobody(where: HttpSettings, at: str) -> Finding:
    """Nobody answers: could we listen?"""
    starts = "`headwater-cloud serve` starts it"
    if where.socket is not None:
        return Finding("http", State.WARN, f"nobody listens at {at}: no cloud runs here", starts)
    host, port = where.host, where.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                do = "another program has the port: stop it, or give http.port another number"
            else:
                do = "give http.host an address of this machine, and http.port a number above 1023"
            return Finding("http", State.BAD, f"cannot listen at {host}:{port}: {error.strerror}", do)
    return Finding("http", State.WARN, f"{host}:{port} is free: no cloud runs here", starts)


def _broker(config: CloudConfig) -> Finding:
    broker = config.file.broker.under(config.base)
    where = f"{broker.host}:{broker.port}"
    if broker.embedded:
        do = "for a city: mosquitto, `headwater-cloud broker files`"
        return Finding("broker", State.WARN, "embedded, for demonstrations", do)
    tls = broker.tls()
    try:
        with socket.create_connection((broker.host, broker.port), _WAIT_S) as plain:
            if tls is not None:
                tls.context().wrap_socket(plain, server_hostname=broker.host).close()
    except OSError as error:
        do = "start it, or mend broker.host, broker.port and the files of TLS; gateways keep their readings meanwhile"
        return Finding("broker", State.BAD, f"{where} cannot be reached: {error}", do)
    return Finding("broker", State.GOOD, f"{where} answers{' over TLS' if tls is not None else ''}")


def _certificates(config: CloudConfig, now_ms: int) -> Iterator[Finding]:
    broker, folder = config.file.broker.under(config.base), config.identity_folder
    remedy = "`headwater-cloud broker files` makes a new one"
    files = [
        (broker.ca_file, "the authority's ends: make another before, and carry it to all"),
        (broker.cert_file, remedy),
    ]
    for path, do in files:
        if path is None:
            continue
        try:
            end_ms = to_ms(x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc)
        except (OSError, ValueError) as error:
            yield Finding("certificates", State.BAD, f"{path} cannot be read: {error}", do)
            continue
        yield _age(path.name, end_ms, now_ms, do)
    if folder is None:
        return
    try:
        ends = store.read(folder).ends_ms()
    except IdentityError as error:
        yield Finding("certificates", State.BAD, str(error), "put the authority's folder back from a copy")
        return
    for gateway, end_ms in ends.items():
        found = _age(gateway, end_ms, now_ms, f"`headwater-cloud gateway add {gateway}`, and carry it to the cabinet")
        if found.state is not State.GOOD:
            yield found


def _age(name: str, end_ms: int, now_ms: int, do: str) -> Finding:
    days = (end_ms - now_ms) // _DAY_MS
    if days < 0:
        return Finding("certificates", State.BAD, f"{name} expired {-days} days ago", do)
    state = State.GOOD if days > _WARN_DAYS else State.WARN
    return Finding("certificates", state, f"{name} holds for {days} days", "" if state is State.GOOD else do)


def _ledger(config: CloudConfig) -> Finding:
    from sqlalchemy.exc import SQLAlchemyError

    path = config.data_dir / "ledger.sqlite"
    if not config.file.ledger_url and not path.exists():
        return Finding("ledger", State.GOOD, f"{path} is made at the first start")
    try:
        version = version_at(config.ledger_url)
    except (SQLAlchemyError, StoreDamaged) as error:
        said = " ".join(str(getattr(error, "orig", error)).split())
        return Finding("ledger", State.BAD, said, "start its server, mend ledger_url, or put back a copy of the file")
    if version == HEAD:
        return Finding("ledger", State.GOOD, f"schema {version}")
    if version is None or version < HEAD:
        do = "nothing; or take a copy before, which is the way back to the older Headwater"
        return Finding("ledger", State.WARN, f"schema {version or 'none'}: the next start makes it {HEAD}", do)
    do = "start the newer Headwater again"
    return Finding("ledger", State.BAD, f"schema {version} is of a newer Headwater than this, which knows {HEAD}", do)


def _kept_aside(folder: Path) -> Iterator[Finding]:
    """Entries that a view could not take, and batches that were refused."""
    for path in sorted(folder.glob("*.aside")):
        if count := len([line for line in path.read_text(errors="replace").split("\n") if line.strip()]):
            what = f"{count} entries of the log are set aside: {path}"
            yield Finding(f"view {path.stem}", State.WARN, what, "report them: a view meets what it cannot take")
    kept = folder / "quarantine.sqlite"
    if kept.exists() and (waiting := Quarantine(kept).count()):
        do = "`headwater-cloud quarantine list`, mend the catalogue, `quarantine release`"
        yield Finding("quarantine", State.WARN, f"{waiting} batches wait", do)


def _sinks(config: CloudConfig) -> Iterator[Finding]:
    wanted = [sink for sink in config.file.delivery if sink.enabled]
    if not wanted:
        yield Finding("sinks", State.WARN, "no consumer gets the warnings", "name one under `delivery:`")
    for sink in wanted:
        said = sink.unreachable(config.file.egress.rules(), resolve)
        if said is None:
            yield Finding("sinks", State.GOOD, f"sink {sink.name!r} may be called")
        else:
            yield Finding("sinks", State.BAD, said, "mend its address, the name service, or egress")
