"""Where an outgoing request may go: every special range by its first and last address, and URLs meant to mislead."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.delivery.egress import METADATA, Egress, TargetRefused, permitted, refusal, target_of

CLOSED = Egress()
SPECIAL = {
    "0.0.0.0/8": "this host",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "carrier-grade NAT",
    "127.0.0.0/8": "loopback",
    "172.16.0.0/12": "private",
    "192.0.2.0/24": "documentation",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarking",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "169.254.0.0/16": "link-local",
    "::/128": "this host",
    "::1/128": "loopback",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2001::/32": "IETF protocol assignments, Teredo",
    "64:ff9b:1::/48": "reserved",
    "100::/64": "reserved",
    "4000::/2": "reserved",
    "::2/127": "reserved",
}


@pytest.mark.parametrize(("network", "why"), SPECIAL.items())
def test_both_ends_of_every_special_range_are_refused(network: str, why: str) -> None:
    found = ip_network(network)
    assert refusal(found[0], CLOSED) == why
    assert refusal(found[-1], CLOSED) == why


@pytest.mark.parametrize(
    "address",
    [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "2001:200::1",
    ],
)
def test_the_neighbours_of_special_ranges_are_reached(address: str) -> None:
    assert refusal(ip_address(address), CLOSED) is None


@pytest.mark.parametrize("network", sorted(METADATA, key=str))
def test_metadata_services_stay_closed_whatever_is_allowed(network: IPv4Network | IPv6Network) -> None:
    everything, address = Egress((ip_network("0.0.0.0/0"), ip_network("::/0"))), network[-1]
    assert refusal(address, CLOSED) == refusal(address, everything) == "a metadata service"
    if isinstance(address, IPv4Address):
        assert refusal(ip_address(f"::ffff:{address}"), everything) == "a metadata service"


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_every_dress(address: IPv4Address) -> None:
    """IPv4-mapped, NAT64: by what is reached. 6to4 and IPv4-compatible: refused whatever is inside."""
    plain = refusal(address, CLOSED)
    assert refusal(ip_address(f"::ffff:{address}"), CLOSED) == plain
    assert refusal(ip_address(f"64:ff9b::{address}"), CLOSED) == plain
    assert refusal(IPv6Address((0x2002 << 112) | (int(address) << 80)), CLOSED) is not None
    assert refusal(IPv6Address(int(address)), CLOSED) is not None


@given(st.ip_addresses())
def test_nothing_passes_that_python_calls_inner(address: IPv4Address | IPv6Address) -> None:
    """`ipaddress` as a second opinion: ours is never the laxer."""
    inner = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    if inner or address.is_reserved or address.is_unspecified:
        mapped = isinstance(address, IPv6Address) and (address.ipv4_mapped or address in ip_network("64:ff9b::/96"))
        assert mapped or refusal(address, CLOSED) is not None


def test_a_named_network_opens_itself_alone() -> None:
    rules = Egress((ip_network("10.1.0.0/16"),))
    assert refusal(ip_address("10.1.255.255"), rules) is None
    assert refusal(ip_address("::ffff:10.1.2.3"), rules) is None
    for other in ("10.0.255.255", "10.2.0.0", "127.0.0.1", "::1"):
        assert refusal(ip_address(other), rules) is not None


def test_link_local_multicast_and_this_host_are_never_opened() -> None:
    everything = Egress((ip_network("0.0.0.0/0"), ip_network("::/0")))
    for address in (
        "169.254.0.23",
        "169.254.42.42",
        "169.254.1.1",
        "fe80::a9fe:a9fe",
        "fe80::1%eth0",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "0.0.0.0",
        "ff02::1",
        "::",
    ):
        assert refusal(ip_address(address), everything) is not None


def test_a_zone_does_not_hide_an_address() -> None:
    assert refusal(ip_address("fe80::1%eth0"), CLOSED) == "link-local"
    assert refusal(ip_address("fd00:ec2::254%eth0"), CLOSED) == "a metadata service"


def test_of_a_names_addresses_the_good_ones_are_kept_in_order() -> None:
    good, bad, other = ip_address("93.184.216.34"), ip_address("10.0.0.1"), ip_address("2606:2800::1")
    assert permitted("x.example", [other, bad, good], CLOSED) == [other, good]
    with pytest.raises(TargetRefused, match=r"x\.example leads to 10\.0\.0\.1 \(private\).*egress\.allow_networks"):
        permitted("x.example", [bad], CLOSED)
    with pytest.raises(TargetRefused, match="no address"):
        permitted("x.example", [], CLOSED)


@pytest.mark.parametrize(
    "url",
    [
        *[
            "ftp://x.example/",
            "file:///etc/passwd",
            "gopher://x.example/",
            "//x.example/",
            "x.example",
            "https://",
            "https:///path",
        ],
        *["http://x.example/", "https://user:secret@x.example/", "https://user@x.example/", "https://127.0.0.1/"],
        *["https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest", "https://10.0.0.1:8443/"],
        *["https://[fe80::1%25eth0]/", "https://x.example:99999/", "https://[::1/"],
        *("", "https://x.example/a b", "https://x.example/\r\nHost: y", "https://x.example\t/"),
    ],
)
def test_urls_that_are_refused_before_any_name_is_resolved(url: str) -> None:
    with pytest.raises(TargetRefused):
        target_of(url, CLOSED)


def test_plain_http_is_for_listed_hosts_alone() -> None:
    rules = Egress((ip_network("127.0.0.1/32"),), ("127.0.0.1", "centre.example"))
    assert target_of("http://127.0.0.1:8081/w", rules).port == 8081
    assert target_of("http://Centre.example/w", rules).host == "centre.example"
    assert target_of("https://x.example/w", rules).port == 443
    with pytest.raises(TargetRefused, match=r"plain http to x\.example is refused"):
        target_of("http://x.example/w", rules)


def test_a_refusal_does_not_tell_the_path() -> None:
    for url in ("http://x.example/T0P/SECRET", "https://10.0.0.1/T0P/SECRET?t=SECRET", "https://u:SECRET@x.example/"):
        with pytest.raises(TargetRefused) as caught:
            target_of(url, CLOSED)
        assert "SECRET" not in str(caught.value)
