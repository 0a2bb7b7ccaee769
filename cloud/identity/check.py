"""Mistakes of the cloud's file that have to do with TLS and identities."""

from __future__ import annotations

from pathlib import Path

from cloud.identity import client, store
from cloud.identity.settings import IdentitySettings
from cloud.identity.store import IdentityError
from contract.documents import Document, Mistake
from host.broker_settings import BrokerSettings


def mistakes(
    document: Document, broker: BrokerSettings, identity: IdentitySettings | None, base: Path, now_ms: int | None
) -> list[Mistake]:
    """base: the folder from which relative paths count.

    now_ms: of the real clock; None lets expired certificates pass."""
    out: list[Mistake] = []
    tls = broker.under(base).tls()
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
