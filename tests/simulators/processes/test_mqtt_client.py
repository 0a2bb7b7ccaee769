"""The client of the tests and benches breaks a connection off, whoever ends it first."""

from __future__ import annotations

import socket
import threading

import pytest

from simulators.processes.mqtt_client import Client

CONNACK = b"\x20\x02\x00\x00"  # MQTT 3.1.1, 3.2: taken


@pytest.mark.parametrize("first", ["broker", "client"])
def test_it_breaks_off_what_the_broker_may_have_ended_before(first: str) -> None:
    leave = threading.Event()

    def broker() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(CONNACK)
            assert leave.wait(60)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=broker)
        serving.start()
        client = Client(listener.getsockname()[1], None, will="will")
        assert client.up
        assert not client.gone
        if first == "broker":
            leave.set()
            assert client.until(lambda: client.gone), client.said
        client.break_off()
        assert client.handed_over()  # nothing was published
        leave.set()
        serving.join(60)
