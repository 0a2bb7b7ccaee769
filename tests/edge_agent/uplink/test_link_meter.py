"""What a connection has carried, by the kernel's count; a provider's bill is not made of payloads."""

from __future__ import annotations

import socket

from edge_agent.uplink.link_meter import carried_bytes


def test_a_connections_bytes_and_headers_both_ways() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as near:
        far, _ = server.accept()
        with far:
            near.settimeout(5)
            far.settimeout(5)
            for _ in range(10):
                near.sendall(b"x" * 100)
                assert len(far.recv(1000)) == 100
                far.sendall(b"y" * 50)
                assert len(near.recv(1000)) == 50
            carried = carried_bytes(near)
    assert carried is not None
    assert 1500 + 20 * 52 <= carried <= 1500 + 60 * 52


def test_no_connection_says_nothing() -> None:
    assert carried_bytes(None) is None
    closed = socket.socket()
    closed.close()
    assert carried_bytes(closed) is None
