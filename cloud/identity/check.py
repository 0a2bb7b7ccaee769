"""Mistakes of the cloud's file that have to do with TLS and identities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cloud.identity import client, store
from cloud.identity.settings import IdentitySettings
from cloud.identity.store import IdentityError
from contract.tls import TlsFiles
from contract.yaml_lines import Document, Mistake

if TYPE_CHECKING:
    from cloud.config import BrokerSettings


def tls_files(broker: BrokerSettings, base: Path) -> TlsFiles | None:
    """None when the broker is reached without TLS."""
    if broker.ca_file is None:
        return None
    cert, key = (base / p if p is not None else None for p in (broker.cert_file, broker.key_file))
    return TlsFiles(base / broker.ca_file, cert, key)


def mistakes(
    document: Document, broker: BrokerSettings, identity: IdentitySettings | None, base: Path, now_ms: int | None
) -> list[Mistake]:
    """now_ms: of the real clock; None lets expired certificates pass."""
    out: list[Mistake] = []
    tls = tls_files(broker, base)
    if tls is None and (broker.cert_file or broker.key_file):
        out.append(document.mistake(("broker",), "cert_file and key_file need ca_file: whom should the cloud trust?"))
    if tls is not None and broker.embedded:
        out.append(document.mistake(("broker", "embedded"), "the embedded broker has no TLS: give a real one's host"))
    if tls is not None:
        out += [document.mistake(("broker", setting), what) for setting, what in client.trouble(tls, now_ms).items()]
    if identity is not None:
        if tls is None or tls.cert is None:
            what = "identities need a broker that checks them: give broker.ca_file, cert_file and key_file"
            out.append(document.mistake(("identity",), what))
        try:
            store.read(base / identity.folder)
        except IdentityError as error:
            out.append(document.mistake(("identity",), str(error)))
    return out
