"""Whether the cloud can show itself to the broker, found out before it starts."""

from __future__ import annotations

from cryptography import x509

from contract.clock import iso, to_ms
from host.tls import TlsFiles


def trouble(files: TlsFiles, now_ms: int | None = None) -> dict[str, str]:
    """Setting (ca_file, cert_file, key_file) -> what is wrong with that file. Empty: a context can be made.

    now_ms: None does not ask whether they have expired.
    """
    found = files.absent("`headwater-cloud broker files` makes it")
    for name, path in (("ca_file", files.ca), ("cert_file", files.cert)):
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
            files.context()
        except OSError as error:
            found["key_file"] = f"{files.key} cannot be used with {files.cert}: {error}"
    return found
