"""The broker in the cloud's own process finds a port that nobody has, also when somebody is quicker."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cloud.config import load_config
from cloud.ingest import embedded_broker
from cloud.ingest.embedded_broker import EmbeddedBroker
from contract.documents import ConfigError
from simulators.processes.mqtt_client import Client
from simulators.processes.ports import free_port

SMALL = Path(__file__).parents[2] / "districts" / "small"


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


def test_without_amqtt_the_configuration_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    config = tmp_path / "cloud.yaml"
    config.write_text(f"catalogue: {SMALL}\ndata_dir: data\nbroker:\n  embedded: true\n")
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    assert "cloud.yaml:4: " in caught.value.report()
    assert "pip install 'headwater[sim]'" in caught.value.report()
