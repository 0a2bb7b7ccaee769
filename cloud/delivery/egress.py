"""Where an outgoing request may go: rules on URLs and on addresses, without I/O.

A webhook's consumer owns a name, and with it decides what the name resolves to. So the rules judge addresses after
resolution, and the caller connects to the very address that was judged (`cloud.delivery.outgoing`).

Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its successors). The table is our own and
not `ipaddress.is_global`, whose answers differ between Python releases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class TargetRefused(Exception):
    """The message names what is refused and what to do about it; it never holds a URL's path or query."""


@dataclass(frozen=True, slots=True)
class Egress:
    """allow_networks: inner networks that may be reached. allow_http: hosts that may be spoken to without TLS."""

    allow_networks: tuple[Network, ...] = ()
    allow_http: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    scheme: str
    host: str
    port: int


_SPECIAL_4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(text), what)
    for text, what in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "IETF protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relays"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")  # all that IANA has given out as unicast; the rest is named for the message alone
_SPECIAL_6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(text), what)
    for text, what in (
        ("::1/128", "loopback"),
        ("::/128", "this host"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "IETF protocol assignments, Teredo"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
    )
)
# These hand out a machine's own credentials. No configuration opens them, not even by a wider network.
METADATA: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # containers on AWS
        "169.254.170.23",  # and the newer ones
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's platform service, a public address
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::/32",  # AWS over IPv6: ::254, for containers ::23
        "fd20:ce::/32",  # Google over IPv6: ::254
        "fd00:42::/32",  # Scaleway over IPv6: ::42
    )
)
# Nor these: link-local addresses lead to metadata services at more providers than anybody lists (169.254.0.23,
# 169.254.42.42, fe80::a9fe:a9fe), and no consumer has one.
_NEVER = (
    ip_network("169.254.0.0/16"),
    ip_network("fe80::/10"),
    ip_network("224.0.0.0/4"),
    ip_network("255.255.255.255/32"),
    ip_network("0.0.0.0/8"),
    ip_network("ff00::/8"),
    ip_network("::/128"),
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is reached


def true_address(address: Address) -> Address:
    """What a packet to it reaches: the IPv4 address inside an IPv4-mapped (RFC 4291, 2.5.5.2) or NAT64 address."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        if address.scope_id is not None:  # a zone must not hide an address from a comparison
            return IPv6Address(int(address))
    return address


def refusal(address: Address, rules: Egress) -> str | None:
    """Why a connection to it is refused; None when it may be made."""
    true = true_address(address)
    if any(true in network for network in METADATA):
        return "a metadata service"
    if any(true in network for network in _NEVER):
        return _kind(true)
    if any(true in network for network in rules.allow_networks):
        return None
    return _kind(true)


def _kind(address: Address) -> str | None:
    table: Sequence[tuple[Network, str]] = _SPECIAL_4 if isinstance(address, IPv4Address) else _SPECIAL_6
    for network, what in table:
        if address in network:
            return what
    if isinstance(address, IPv6Address) and address not in _GLOBAL_6:
        return "reserved"
    return None


def target_of(url: str, rules: Egress) -> Target:
    """What a URL asks for, judged as far as that goes without resolving a name. Raises TargetRefused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise TargetRefused(f"the URL cannot be read: {error}") from error
    if parts.scheme not in ("https", "http"):
        raise TargetRefused(f"scheme {parts.scheme!r} is refused: use https")
    if not host or any(c.isspace() or not c.isprintable() for c in url):
        raise TargetRefused("the URL names no host, or holds blanks: write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise TargetRefused("the URL holds a user name or password: the signature is what proves us")
    if parts.scheme == "http" and host not in rules.allow_http:
        raise TargetRefused(f"plain http to {host} is refused: use https, or list {host} in egress.allow_http")
    try:
        literal: Address | None = ip_address(host)
    except ValueError:
        literal = None
    if literal is not None:
        permitted(host, [literal], rules)
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80))


def permitted(host: str, addresses: Sequence[Address], rules: Egress) -> list[Address]:
    """Those of a name's addresses that may be reached, in their order. Raises TargetRefused when there is none."""
    verdicts = {address: refusal(address, rules) for address in addresses}
    good = [address for address, why in verdicts.items() if why is None]
    if not good:
        said = ", ".join(f"{address} ({why})" for address, why in verdicts.items()) or "no address"
        hint = "if it is meant, list its network in egress.allow_networks"
        raise TargetRefused(f"{host} leads to {said}, which is refused: {hint}")
    return good
