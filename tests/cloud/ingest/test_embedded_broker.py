"""The broker in the cloud's own process finds a port that nobody has, also when somebody is quicker."""

from __future__ import annotations

import socket

import pytest

from cloud.ingest import embedded_broker
from cloud.ingest.embedded_broker import EmbeddedBroker
from simulators.processes.mqtt_client import Client
from simulators.processes.ports import free_port


def works(port: int) -> bool:
    """A client is taken, and hears what it says."""
    client = Client(port, None)
    client.subscribe("a")
    client.publish("a", b"hello")
    heard = client.up and client.heard(b"hello")
    client.close()
    return heard


def test_with_any_port_it_takes_another_when_somebody_was_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quicker:
        taken, free = quicker.getsockname()[1], free_port()
        answers = [taken, taken, free]
        monkeypatch.setattr(embedded_broker, "_free_port", lambda: answers.pop(0))
        broker = EmbeddedBroker()
        broker.start()
        assert broker.port == free
        assert works(free)
        broker.stop()


def test_a_port_that_was_asked_for_and_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"the embedded broker did not start on port {port}: "):
            EmbeddedBroker(port).start()
