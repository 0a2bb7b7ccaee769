"""How the cloud shows itself to the broker, and checks before it starts that it can."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from contract.clock import iso, to_ms


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """ca: who may have signed the broker's certificate. cert, key: ours; None for a broker that asks for none."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or later; the broker's certificate must be good for the host that is called. Raises OSError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self.ca)
        if self.cert is not None:
            context.load_cert_chain(self.cert, self.key)
        return context

    def stamp(self) -> tuple[int, ...]:
        """Changes when a file is replaced."""
        files = (p for p in (self.ca, self.cert, self.key) if p is not None)
        return tuple(p.stat().st_mtime_ns if p.exists() else 0 for p in files)

    def trouble(self, now_ms: int | None = None) -> dict[str, str]:
        """Setting (ca_file, cert_file, key_file) -> what is wrong with that file. Empty: a context can be made.

        now_ms: None does not ask whether they have expired.
        """
        found: dict[str, str] = {}
        for name, path in (("ca_file", self.ca), ("cert_file", self.cert), ("key_file", self.key)):
            if path is not None and not path.is_file():
                found[name] = f"{path} is not a file: `headwater-cloud broker files` makes it"
        if (self.cert is None) != (self.key is None):
            found["cert_file"] = "cert_file and key_file go together: give both or neither"
        for name, path in (("ca_file", self.ca), ("cert_file", self.cert)):
            if path is None or name in found:
                continue
            try:
                end_ms = to_ms(x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc)
            except (OSError, ValueError) as error:
                found[name] = f"{path} is no certificate in PEM: {error}"
                continue
            if now_ms is not None and end_ms <= now_ms:
                found[name] = f"{path} expired at {iso(end_ms)}: `headwater-cloud broker files` makes a new one"
        if not found:
            try:
                self.context()
            except OSError as error:
                found["key_file"] = f"{self.key} cannot be used with {self.cert}: {error}"
        return found
