"""What mosquitto (2.0) is told: its listener, and who may say what to whom. No clock, no files.

Measured with mosquitto 2.0.11 of Debian: SIGHUP rereads ACL, CRL and certificates. A client whose ACL entry is gone
loses its rights on the connection it has; a certificate on the CRL cannot connect again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cloud.identity.registry import CertificateRole, Registry
from contract.wire.envelope import MAX_PAYLOAD_BYTES
from contract.wire.topics import ROOT, UP_KINDS

# Below a gateway's own part of the topic tree. Each by name: under `up/+` a thief could have as many messages retained
# as he can think of names, and mosquitto keeps them after he is shut out.
GATEWAY_WRITES = (*(kind.value for kind in UP_KINDS), "birth", "online", "state")
GATEWAY_READS = ("ack",)
CLOUD_READS = GATEWAY_WRITES
CLOUD_WRITES = GATEWAY_READS

CONF, ACL, CRL, CA, CERT, KEY = "mosquitto.conf", "acl", "crl.pem", "ca.crt", "broker.crt", "broker.key"


@dataclass(frozen=True, slots=True)
class Listener:
    """folder: where the files lie on the broker's machine. listen: address; empty for all."""

    folder: Path
    data: Path
    port: int
    listen: str = ""
    user: str = "mosquitto"
    pid_file: Path | None = None


def conf(listener: Listener) -> str:
    """The text of a `mosquitto.conf` with this listener, which lets in certificates of the district alone."""
    folder = listener.folder
    lines = [
        "# Written by `headwater-cloud broker files`; changes are lost at the next change of an identity.",
        "per_listener_settings false",
        f"user {listener.user}",
        f"listener {listener.port} {listener.listen}".rstrip(),
        f"cafile {folder / CA}",
        f"certfile {folder / CERT}",
        f"keyfile {folder / KEY}",
        f"crlfile {folder / CRL}",
        "tls_version tlsv1.2",  # the least
        "require_certificate true",
        "use_identity_as_username true",
        "# Else any gateway could take the cloud's session over by naming its client id.",
        "use_username_as_clientid true",
        "allow_anonymous false",
        f"acl_file {folder / ACL}",
        f"max_packet_size {MAX_PAYLOAD_BYTES + 1024}",
        "max_inflight_messages 200",
        "# Not 0 (no limit): 2.0.11 then hangs up on whoever publishes what the ACL refuses.",
        "max_queued_messages 1000000",
        "max_queued_bytes 268435456",
        "# Gateways keep what is not acknowledged: a session nobody comes back to holds nothing that is needed.",
        "persistent_client_expiration 1d",
        "persistence true",
        f"persistence_location {str(listener.data).rstrip('/')}/",
        "autosave_interval 1",
    ]
    if listener.pid_file is not None:
        lines.append(f"pid_file {listener.pid_file}")
    return "\n".join(lines) + "\n"


def acl(registry: Registry, district: str, now_ms: int, known: frozenset[str]) -> str:
    """One block for each valid certificate of a gateway in the catalogue; what is not granted is refused.

    known: gateways of the catalogue.
    """
    out = ["# Written by `headwater-cloud broker files`. A user is a certificate's common name."]
    for identity in registry.valid(now_ms):
        if identity.role is CertificateRole.CLOUD:
            rights = [("read", f"+/{t}") for t in CLOUD_READS] + [("write", f"+/{t}") for t in CLOUD_WRITES]
        elif identity.role is CertificateRole.GATEWAY and identity.gateway in known:
            rights = [("write", f"{identity.gateway}/{t}") for t in GATEWAY_WRITES]
            rights += [("read", f"{identity.gateway}/{t}") for t in GATEWAY_READS]
        else:
            continue
        out += ["", f"user {identity.common_name}"]
        out += [f"topic {right} {ROOT}/{district}/{rest}" for right, rest in rights]
    return "\n".join(out) + "\n"
