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

NOFILE = 65_536  # Debian's 1,024 are used up by a thousand idle connections, which need no certificate
MOST_CONNECTIONS = NOFILE - 1024
MOST_QUEUED = 5_000
# All that the cloud takes of one gateway, in each lane its budget, is 143 kB/s. mosquitto 2.0.11 reads on from a
# connection as long as TLS has something left of it, and serves nobody else meanwhile.
CONNECTION_KB_S, CONNECTION_BURST_KB = 256, 512
CONF, ACL, CRL, CA, CERT, KEY = "mosquitto.conf", "acl", "crl.pem", "ca.crt", "broker.crt", "broker.key"
LIMITS, FIREWALL = "limits.conf", "firewall.nft"


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
        f"max_connections {MOST_CONNECTIONS}",
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
        "# Of one client that does not take them: an alarm would wait behind, and gateways send them again.",
        "# Not 0 (no limit): 2.0.11 then hangs up on whoever publishes what the ACL refuses.",
        f"max_queued_messages {MOST_QUEUED}",
        "max_queued_bytes 33554432",
        "max_inflight_bytes 8388608",
        "# Gateways keep what is not acknowledged: a session nobody comes back to holds nothing that is needed.",
        "persistent_client_expiration 1d",
        "persistence true",
        f"persistence_location {str(listener.data).rstrip('/')}/",
        "autosave_interval 1",
    ]
    if listener.pid_file is not None:
        lines.append(f"pid_file {listener.pid_file}")
    return "\n".join(lines) + "\n"


def limits() -> str:
    """The text of a drop-in for mosquitto's own unit: files enough for whoever connects and says nothing."""
    return (
        "# Written by `headwater-cloud broker files`, for /etc/systemd/system/mosquitto.service.d.\n"
        f"[Service]\nLimitNOFILE={NOFILE}\n"
    )


def firewall(port: int, gateways: int) -> str:
    """Rules for nftables: so many connections to the broker from one address, open and new in a minute, and so many
    bytes a second on one connection; mosquitto bounds none of it.

    gateways: of the catalogue. All may stand behind one address of a mobile network, and connect anew while the old
    connection is not given up.
    """
    most = 2 * gateways + 50
    sets, rules = [], []
    for family, ip in (("ipv4", "ip"), ("ipv6", "ip6")):
        sets += [
            f"    set of_{family} {{ type {family}_addr; size 65535; flags dynamic; }}",
            f"    set new_of_{family} {{ type {family}_addr; size 65535; flags dynamic, timeout; timeout 2m; }}",
            f"    set sent_{family} {{ type {family}_addr . inet_service; size 65535; flags dynamic, timeout;"
            " timeout 2m; }",
        ]
        new = f"tcp dport {port} ct state new"
        rules += [
            f"        {new} add @of_{family} {{ {ip} saddr ct count over {most} }} drop",
            f"        {new} update @new_of_{family} {{ {ip} saddr limit rate over {most}/minute burst {most} packets }}"
            " drop",
            f'        iifname != "lo" tcp dport {port} update @sent_{family} {{ {ip} saddr . tcp sport limit rate over'
            f" {CONNECTION_KB_S} kbytes/second burst {CONNECTION_BURST_KB} kbytes }} drop",
        ]
    head = "# Written by `headwater-cloud broker files`. nft -f FILE; include it in /etc/nftables.conf to keep it."
    chain = ["    chain input {", "        type filter hook input priority filter; policy accept;", *rules, "    }"]
    anew = ["table inet headwater_broker {}", "delete table inet headwater_broker"]  # loaded twice, it stands once
    return "\n".join([head, *anew, "table inet headwater_broker {", *sets, *chain, "}"]) + "\n"


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
