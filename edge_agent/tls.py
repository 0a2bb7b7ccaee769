"""Whether the files of a gateway's identity can be used, found out before the agent needs them.

The certificate is shown to a server made of the same files, in memory: what OpenSSL says there it would say at the
broker. That way a gateway needs no library that reads certificates.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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

    def trouble(self) -> dict[str, str]:
        """Setting (ca_file, cert_file, key_file) -> what is wrong with that file. Empty: it can be used now."""
        found: dict[str, str] = {}
        for name, path in (("ca_file", self.ca), ("cert_file", self.cert), ("key_file", self.key)):
            if path is not None and not path.is_file():
                found[name] = f"{path} is not a file: unpack the gateway's bundle there"
        if (self.cert is None) != (self.key is None):
            found["cert_file"] = "cert_file and key_file go together: give both or neither"
        if found:
            return found
        try:
            self.context()
        except OSError as error:
            name = "key_file" if self.cert is not None else "ca_file"
            return {name: f"{self.key or self.ca} cannot be used: {error}"}
        if self.cert is not None:
            try:
                self.shown()
            except ssl.SSLCertVerificationError as error:
                renew = ": `headwater-cloud gateway renew` makes the next one" if "expired" in str(error) else ""
                return {"cert_file": f"{self.cert} will be refused: {error.verify_message}{renew}"}
            except OSError as error:
                return {"cert_file": f"{self.cert} cannot be used: {error}"}
        return {}

    def shown(self) -> tuple[str, float]:
        """Common name of our certificate, and when it ends, UTC seconds. Raises OSError when it would be refused."""
        assert self.cert is not None
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.verify_mode = ssl.CERT_REQUIRED
        server.load_verify_locations(self.ca)
        server.load_cert_chain(self.cert, self.key)
        client = self.context()
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE  # what is judged is what it shows, in memory
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        ours, theirs = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
        for _ in range(4):
            for end in (ours, theirs):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        cert: dict[str, Any] = theirs.getpeercert() or {}
        names = [value for part in cert["subject"] for key, value in part if key == "commonName"]
        return str(names[0]) if names else "", float(ssl.cert_time_to_seconds(cert["notAfter"]))
