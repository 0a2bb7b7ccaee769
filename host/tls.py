"""The files by which either side shows itself to the broker over TLS.

What is wrong with a file, and who makes a new one, each side says in its own words:
`edge_agent.uplink.identity_files`, `cloud.identity.client`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from host.secret_files import not_readable


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

    def absent(self, remedy: str) -> dict[str, str]:
        """Setting (ca_file, cert_file, key_file) -> that its file is not there, or goes with one that is not given.

        remedy: what the operator is to do about a file that is not there.
        """
        found: dict[str, str] = {}
        for name, path in (("ca_file", self.ca), ("cert_file", self.cert), ("key_file", self.key)):
            if path is None:
                continue
            try:
                if not path.is_file():
                    found[name] = f"{path} is not a file: {remedy}"
            except PermissionError:  # its folder is closed to this user
                found[name] = not_readable(path)
        if (self.cert is None) != (self.key is None):
            found["cert_file"] = "cert_file and key_file go together: give both or neither"
        return found
