"""Whether the files of a gateway's identity can be used, found out before the agent needs them.

The certificate is shown to a server made of the same files, in memory: what OpenSSL says there it would say at the
broker. That way a gateway needs no library that reads certificates.
"""

from __future__ import annotations

import ssl
from typing import Any

from host.tls import TlsFiles


def trouble(files: TlsFiles) -> dict[str, str]:
    """Setting (ca_file, cert_file, key_file) -> what is wrong with that file. Empty: it can be used now."""
    found = files.absent("unpack the gateway's bundle there")
    if found:
        return found
    try:
        files.context()
    except OSError as error:
        name = "key_file" if files.cert is not None else "ca_file"
        return {name: f"{files.key or files.ca} cannot be used: {error}"}
    if files.cert is not None:
        try:
            shown(files)
        except ssl.SSLCertVerificationError as error:
            renew = ": `headwater-cloud gateway renew` makes the next one" if "expired" in str(error) else ""
            return {"cert_file": f"{files.cert} will be refused: {error.verify_message}{renew}"}
        except OSError as error:
            return {"cert_file": f"{files.cert} cannot be used: {error}"}
    return {}


def shown(files: TlsFiles) -> tuple[str, float]:
    """Common name of our certificate, and when it ends, UTC seconds. Raises OSError when it would be refused."""
    assert files.cert is not None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(files.ca)
    server.load_cert_chain(files.cert, files.key)
    client = files.context()
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
