"""TCP connections held to the rules of egress."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from cloud.delivery.connecting import addresses, connect, cut_after, target_trouble, unreachable
from cloud.delivery.egress import TargetRefused
from cloud.delivery.settings import EgressSettings

CLOSED = EgressSettings().rules()
OPEN = EgressSettings(allow_networks=("127.0.0.0/8",), allow_http=("127.0.0.1",)).rules()


def test_a_name_is_resolved_once_and_judged() -> None:
    def inner(*_):
        return [ip_address("10.0.0.1")]

    with pytest.raises(TargetRefused, match="private"):
        addresses("mail.example", 25, True, CLOSED, inner)
    assert unreachable("mail.example", 25, CLOSED, inner).startswith("mail.example leads to 10.0.0.1 (private)")


def test_without_tls_only_what_is_named() -> None:
    assert "allow_http" in target_trouble("mail.example", False, CLOSED)
    assert target_trouble("mail.example", True, CLOSED) is None
    assert target_trouble("127.0.0.1", False, OPEN) is None


def test_the_next_address_is_called_when_one_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with connect([ip_address("127.0.0.2"), ip_address("127.0.0.1")], port, 5.0) as made:
            assert made.getpeername() == ("127.0.0.1", port)


def test_a_connection_ends_in_time_whatever_it_waits_for() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        connect([ip_address("127.0.0.1")], server.getsockname()[1], 5.0) as made,
        cut_after(made, 0.05),
    ):
        assert made.recv(1) == b""
